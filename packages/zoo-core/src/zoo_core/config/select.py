"""Own the choice of components: what a configuration names, and what follows where it names nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoo_core.config.lookup import Lookup, labels, within_task
from zoo_core.config.model_metadata import read_metadata
from zoo_core.config.near import typo_of
from zoo_core.config.paths import absolute
from zoo_core.config.places import Places
from zoo_core.config.sections import QuantizationSection, TrainingSection
from zoo_core.config.use_case import DATASET_NAME, KEY, MODEL_NAME, MODEL_TYPE, find_use_case
from zoo_core.errors import ConfigIssue
from zoo_core.specs import (
    BENCHMARK,
    DEPLOY,
    INFER,
    DatasetSpec,
    ModelSpec,
    QuantizerSpec,
    TargetSpec,
    TaskSpec,
    TrainerSpec,
)

if TYPE_CHECKING:
    from zoo_core.plugins.catalog import Catalog
    from zoo_core.plugins.registry import Resolved

MODEL_FILES = ("model.model_path", "training.resume_training_from")
TRAINER, QUANTIZER = "training.trainer", "quantization.quantizer"
BOARD, DEPLOY_BOARD = "benchmarking.board", "deployment.hardware_setup.board"
HOSTS = {"e": "evaluation.target", "p": "prediction.target"}
PURPOSE = {BENCHMARK: "measure a model", DEPLOY: "be deployed to", INFER: "run a model for a service of this run"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingComponent:
    """Name a component that no installed plugin provides; a run that needs it cannot start."""

    key: str
    name: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Hold the chosen components, each with the plugin it comes from."""

    task: Resolved[TaskSpec]
    model: Resolved[ModelSpec] | None = None
    dataset: Resolved[DatasetSpec] | None = None
    trainer: Resolved[TrainerSpec] | None = None
    quantizer: Resolved[QuantizerSpec] | None = None
    benchmark_target: Resolved[TargetSpec] | None = None
    deploy_target: Resolved[TargetSpec] | None = None
    missing: tuple[MissingComponent, ...] = ()


@dataclass(slots=True, kw_only=True)
class Choice:
    """Hold what could be chosen, with faults and remarks; complete when there are no issues."""

    task: Resolved[TaskSpec] | None = None
    model: Resolved[ModelSpec] | None = None
    dataset: Resolved[DatasetSpec] | None = None
    trainer: Resolved[TrainerSpec] | None = None
    quantizer: Resolved[QuantizerSpec] | None = None
    benchmark_target: Resolved[TargetSpec] | None = None
    deploy_target: Resolved[TargetSpec] | None = None
    infer_targets: list[Resolved[TargetSpec]] = field(default_factory=list)
    missing: list[MissingComponent] = field(default_factory=list)
    issues: list[ConfigIssue] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    open_sections: set[str] = field(default_factory=set)
    """Sections whose component is missing, so that nobody can say which keys are legal."""
    model_name: str | None = None
    """Name that the model file gives, where the configuration gives none."""

    def selection(self, task: Resolved[TaskSpec]) -> Selection:
        """Return the finished choice."""
        return Selection(
            task=task,
            model=self.model,
            dataset=self.dataset,
            trainer=self.trainer,
            quantizer=self.quantizer,
            benchmark_target=self.benchmark_target,
            deploy_target=self.deploy_target,
            missing=tuple(self.missing),
        )


def select(data: Mapping[str, Any], letters: str, catalog: Catalog, places: Places) -> Choice:
    """Choose the components of a canonical configuration.

    Args:
        data: The configuration after its dialects were rewritten.
        letters: Services of the operation mode.
        catalog: What is installed.
        places: Where the keys were written.
    """
    lookup = Lookup(data, catalog, places)
    choice = Choice(issues=lookup.issues)
    metadata = _metadata(lookup, places)
    choice.task = find_use_case(lookup, metadata, letters)
    task = choice.task.spec.name if choice.task else None
    _choose_model(lookup, choice, metadata, task)
    if choice.task is not None:
        _choose_dataset(lookup, choice, choice.task.spec)
    _choose_makers(lookup, choice, letters, task)
    choice.benchmark_target = _target(lookup, choice, BOARD, BENCHMARK, needed="b" in letters)
    choice.deploy_target = _target(lookup, choice, DEPLOY_BOARD, DEPLOY, needed="d" in letters)
    for letter, key in HOSTS.items():
        if found := _target(lookup, choice, key, INFER, needed=letter in letters):
            choice.infer_targets.append(found)
    return choice


def _metadata(lookup: Lookup, places: Places) -> dict[str, Any]:
    """Return what a model file says of itself, read only where nothing else names use case and model."""
    named = (KEY, MODEL_NAME, MODEL_TYPE) if len(lookup.catalog.tasks) > 1 else (MODEL_NAME,)
    if any(lookup.text(key) for key in named):
        return {}
    for key in MODEL_FILES:
        if text := lookup.text(key):
            found = read_metadata(absolute(text, places.folder(key)))
            if found:
                return found
    return {}


def _choose_model(lookup: Lookup, choice: Choice, metadata: Mapping[str, Any], task: str | None) -> None:
    name = lookup.text(MODEL_NAME)
    if name is None:
        told = metadata.get("model_name")
        if not isinstance(told, str) or told not in lookup.catalog.models:
            return
        name = choice.model_name = told
        choice.notes.append(f"the model file says that it holds {told}")
    if any(issue.key == lookup.places.moves.written(MODEL_NAME) for issue in lookup.issues):
        return
    choice.model = lookup.resolve(lookup.catalog.models, name, MODEL_NAME, task)


def _choose_dataset(lookup: Lookup, choice: Choice, task: TaskSpec) -> None:
    datasets = lookup.catalog.datasets
    name = lookup.text(DATASET_NAME)
    if name is not None and ("/" in name or within_task(datasets, name, task.name)):
        choice.dataset = lookup.resolve(datasets, name, DATASET_NAME, task.name)
        return
    if name is not None and (near := typo_of(name, labels(datasets, task.name))):
        lookup.complain(DATASET_NAME, f'there is no data set "{name}"', f"Did you mean {near}?")
        return
    if name is not None and name in datasets:
        lookup.resolve(datasets, name, DATASET_NAME, task.name)
        return
    if task.default_dataset is None:
        if name is not None:
            lookup.complain(DATASET_NAME, f'there is no data set "{name}"', "See: zoo list datasets")
        return
    choice.dataset = lookup.resolve(datasets, task.default_dataset, DATASET_NAME, task.name)
    if name is not None:
        choice.notes.append(f'no data set is called "{name}"; its files are read as {task.default_dataset}')


def _choose_makers(lookup: Lookup, choice: Choice, letters: str, task: str | None) -> None:
    """Choose trainer and quantizer, by their default names where the section names none."""
    if "t" in letters or lookup.text(TRAINER):
        of_model = choice.model.spec.trainer if choice.model else None
        name = lookup.text(TRAINER) or of_model or str(TrainingSection.model_fields["trainer"].default)
        choice.trainer = lookup.resolve(lookup.catalog.trainers, name, TRAINER)
        tasks = choice.trainer.spec.tasks if choice.trainer else None
        if tasks is not None and task is not None and task not in tasks:
            lookup.complain(TRAINER, f'trainer "{name}" serves {", ".join(sorted(tasks))}, not {task}')
    if "q" in letters or lookup.text(QUANTIZER):
        name = lookup.text(QUANTIZER) or str(QuantizationSection.model_fields["quantizer"].default)
        choice.quantizer = lookup.resolve(lookup.catalog.quantizers, name, QUANTIZER)
        if choice.quantizer is not None and name.casefold() != choice.quantizer.spec.name and "/" not in name:
            choice.notes.append(f"quantizer {name} stands for {choice.quantizer.spec.name}, which writes an ONNX model")


def _target(lookup: Lookup, choice: Choice, key: str, ability: str, *, needed: bool) -> Resolved[TargetSpec] | None:
    """Return the target of a board name; one that no plugin provides is missing, not wrong."""
    targets = lookup.catalog.targets
    name = lookup.text(key)
    if name is None and key == BOARD and needed:
        name = "host"
    if name is None:
        return None
    section = key.partition(".")[0]
    if name in targets:
        found = lookup.resolve(targets, name, key)
        if found is not None and ability not in found.spec.abilities:
            able = ", ".join(sorted(entry.spec.name for entry in targets if ability in entry.spec.abilities))
            offers = ", ".join(sorted(found.spec.abilities)) or "nothing"
            hint = f"It offers {offers}. Targets that can: {able or 'none is installed'}."
            lookup.complain(key, f'target "{name}" cannot {PURPOSE[ability]}', hint)
        return found
    if near := typo_of(name, labels(targets)):
        lookup.complain(key, f'there is no target "{name}"', f"Did you mean {near}?")
        return None
    choice.open_sections |= {section, "tools"}
    message = (
        f'{lookup.places.moves.written(key)}: no installed plugin provides "{name}". '
        "Boards come with target plugins such as zoo-stm32; see: zoo list targets"
    )
    if needed:
        choice.warnings.append(message)
        choice.missing.append(MissingComponent(key=key, name=name, message=message))
    return None
