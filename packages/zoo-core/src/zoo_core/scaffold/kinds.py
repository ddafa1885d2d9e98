"""Own the table of the plugins that can be written: the templates of each kind, and what it depends on."""

from __future__ import annotations

from dataclasses import dataclass

from zoo_core.names import did_you_mean

MODEL = "model"
CLASSIFICATION = "classification"
EXAMPLE = "zoo run {folder}example.yaml"
SHAPES = "zoo data make shapes --output shapes --images 60 --size 64 --identities 8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Describe the plugin of one kind, for one use case where that makes a difference."""

    kind: str
    task: str = ""
    """Use case of the component; empty for kinds that serve all."""
    templates: str
    """Folder of its templates, beside those of every plugin."""
    requires: tuple[str, ...]
    """Distributions of zoo that its code imports."""
    tested_with: tuple[str, ...] = ()
    """Distributions of zoo that only its tests and its example need."""
    summary: str
    """Sentence for the project's description; `{component}` stands for the name of the component."""
    run: tuple[str, ...] = (EXAMPLE,)
    """Commands that use the component; `{folder}` stands for the way to the plugin, a slash at its end."""


def _shapes(file: str, *more: str) -> tuple[str, str]:
    """Return how figures are drawn, and how a model is trained on them."""
    return SHAPES, " ".join([f"zoo run shapes/{file}.yaml model.model_name={{component}}", *more])


VARIANTS = (
    Variant(
        kind=MODEL,
        task=CLASSIFICATION,
        templates="classification",
        requires=("zoo-classification",),
        summary="Small classifier {component} for zoo.",
    ),
    Variant(
        kind=MODEL,
        task="detection",
        templates="detection",
        requires=("zoo-detection",),
        summary="Small detector {component} for zoo.",
        run=_shapes("detection", "training.epochs=2", "training.no_aug_epochs=1"),
    ),
    Variant(
        kind=MODEL,
        task="reid",
        templates="reid",
        requires=("zoo-reid",),
        summary="Small network {component} for re-identification with zoo.",
        run=_shapes("reid", "training.epochs=2", "training.batch_size=8", "'~training.callbacks'"),
    ),
    Variant(
        kind=MODEL,
        task="pose",
        templates="pose",
        requires=("zoo-pose",),
        summary="Small pose estimator {component} for zoo.",
        run=_shapes("pose", "'~model.alpha'", "training.epochs=2", "'~training.callbacks'"),
    ),
    Variant(
        kind="dataset",
        task=CLASSIFICATION,
        templates="dataset",
        requires=("zoo-classification",),
        summary="Images listed in a CSV file, as the data set {component} of zoo.",
        run=("python {folder}draw_example.py", EXAMPLE),
    ),
    Variant(
        kind="trainer",
        task=CLASSIFICATION,
        templates="trainer",
        requires=("zoo-classification",),
        summary="Trainer {component} for zoo: the learning rate rises and falls in straight lines.",
    ),
    Variant(
        kind="quantizer",
        templates="quantizer",
        requires=("zoo-core[onnx]",),
        tested_with=("zoo-classification",),
        summary="Quantizer {component} for zoo, which can leave the ends of a network in float.",
    ),
    Variant(
        kind="target",
        templates="target",
        requires=("zoo-stm32",),
        tested_with=("zoo-classification",),
        summary="Board {component} for zoo, emulated by zoo-stm32.",
    ),
    Variant(
        kind="tracker",
        templates="tracker",
        requires=("zoo-core",),
        tested_with=("zoo-classification",),
        summary="Tracker {component} for zoo: the events of a run as lines of JSON.",
    ),
)
"""The first of a kind is the one that is written when no use case is named."""
KINDS = tuple(dict.fromkeys(variant.kind for variant in VARIANTS))


def choose(kind: str, task: str | None) -> tuple[Variant | None, list[str]]:
    """Return the variant of a kind and use case, and in words what is wrong with the choice."""
    if kind not in KINDS:
        return None, [_unknown("kind", kind, KINDS)]
    by_task = {variant.task: variant for variant in VARIANTS if variant.kind == kind}
    if task is None:
        return next(iter(by_task.values())), []
    if task in by_task and task:
        return by_task[task], []
    if "" in by_task:
        return None, [f"a {kind} serves every use case; leave out --task {task}"]
    return None, [_unknown(f"{kind} to start from for use case", task, tuple(by_task))]


def _unknown(what: str, name: str, known: tuple[str, ...]) -> str:
    near = did_you_mean(name, known)
    return f'there is no {what} "{name}"; possible are {", ".join(known)}{f". {near}" if near else ""}'
