"""Own the evaluation stage: one evaluator for torch, float ONNX and int8 ONNX models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from zoo_core.artifacts import Artifact, Checkpoint, FloatOnnx, QuantizedOnnx
from zoo_core.charts import drawings_document
from zoo_core.errors import DataError
from zoo_core.protocols import TEST, VALIDATION, Charts, ImageDataset, Stage
from zoo_core.results import FLOAT, INT8, EvaluationResult, MetricValue
from zoo_core.runs.files import write_json
from zoo_core.runs.log import log_skipped, log_values
from zoo_core.services.attempt import attempt
from zoo_core.services.base import StageOutput
from zoo_core.services.context import RunContext
from zoo_core.services.examples import remove_examples, write_examples
from zoo_core.services.measuring import Measurement, measure
from zoo_core.services.targets import HOST

if TYPE_CHECKING:
    from zoo_core.config.sections import RunConfig


class EvaluationService:
    """Measure a model on the test set, or on the validation set when there is no other."""

    name: ClassVar[str] = "evaluation"
    letter: ClassVar[str] = "e"
    needs: ClassVar[tuple[type[Artifact], ...]] = (QuantizedOnnx, FloatOnnx, Checkpoint)
    fallback: ClassVar[tuple[type[Artifact], ...]] = ()
    makes: ClassVar[type[Artifact] | None] = None
    sections: ClassVar[tuple[str, ...]] = ("model", "dataset", "preprocessing", "postprocessing", "evaluation")

    def reads(self, config: RunConfig) -> frozenset[str]:
        """Return the splits of the data set that a stage needs."""
        return frozenset({TEST, VALIDATION})

    def run(self, context: RunContext, stage: Stage, model: Artifact | None) -> StageOutput:
        """Evaluate the model; with a quantized one also the float model it came from, to show the loss."""
        if model is None:
            msg = "the planner gives every evaluation a model"
            raise ValueError(msg)
        split, dataset = evaluation_split(context)
        models = [(INT8 if isinstance(model, QuantizedOnnx) else FLOAT, model)]
        origin = context.float_origin(model) if isinstance(model, QuantizedOnnx) else None
        wanted = context.config.evaluation.compare_float
        if origin is not None and wanted and origin.sha256 not in context.evaluated:
            models.append((FLOAT, origin))
        metrics: list[MetricValue] = []
        notes: list[str] = []
        files: list[Path] = []
        in_run = context.selection.task.spec.files.evaluation_in_run
        own = context.layout.stage(stage)
        measurements = []
        remove_examples(own)
        for precision, artifact in models:
            target = _place(context, artifact)
            if target != context.config.evaluation.target:
                notes.append(f"The {precision} model was evaluated on this machine; the target takes no such model.")
            measured = measure(context, artifact, dataset, f"Evaluating the {precision} model", target)
            measurements.append(measured)
            context.evaluated.add(artifact.sha256)
            metrics += [replace(metric, split=split, model=precision) for metric in measured.metrics]
            stem = f"{'quantized' if precision == INT8 else 'float'}_model_{split}_set"
            with context.progress.track("Drawing the figures of the evaluation", None):
                files += measured.evaluator.write(context.layout.root if in_run else own, stem)
            files += _write_charts(measured, own / f"{stem}_charts.json", {"model": precision, "split": split})
        log_values(_known_names(context, metrics))
        first = measurements[0]
        log_skipped("evaluation", first.skipped)
        precision, artifact = models[0]
        files += _write_examples(
            context, artifact, dataset, first, folder=own, about={"model": precision, "split": split}
        )
        result = EvaluationResult(
            metrics=tuple(metrics),
            files=tuple(path.relative_to(context.layout.root).as_posix() for path in files),
            skipped=first.skipped,
            notes=tuple(notes),
            measured=tuple(context.measured(artifact) for _, artifact in models),
            split=split,
            images=len(first.images),
            per_class=first.evaluator.per_class(),
        )
        return StageOutput(result)


def evaluation_split(context: RunContext) -> tuple[str, ImageDataset]:
    """Return the images that count and the split they are from.

    Raises:
        DataError: When there is neither a test nor a validation set.
    """
    datasets = context.datasets
    if datasets.test is not None and datasets.test is not datasets.validation:
        return TEST, datasets.test
    if datasets.validation is not None:
        return VALIDATION, datasets.validation
    raise DataError(
        "There is nothing to evaluate on: the data set has neither test nor validation images.",
        hint="Set dataset.test_path, dataset.validation_path or dataset.training_path.",
    )


def _place(context: RunContext, model: Artifact) -> str:
    """Return the target that computes a model: the one asked for, or this machine for models that it does not take."""
    name = context.config.evaluation.target
    taken = name == HOST or isinstance(model, context.loaded.catalog.targets.resolve(name).spec.accepts)
    return name if taken else HOST


def _write_charts(measured: Measurement, path: Path, about: Mapping[str, str]) -> list[Path]:
    """Write the numbers behind the curves, where the evaluator gives them; reports draw them."""
    path.unlink(missing_ok=True)
    if isinstance(measured.evaluator, Charts):
        with attempt("The charts of the evaluation"):
            write_json(path, {**drawings_document(measured.evaluator.drawings()), **about})
            return [path]
    return []


def _write_examples(
    context: RunContext,
    model: Artifact,
    dataset: ImageDataset,
    measured: Measurement,
    *,
    folder: Path,
    about: Mapping[str, str],
) -> list[Path]:
    """Write pictures of images that the model got wrong and right, or nothing."""
    with attempt("The examples of the evaluation"):
        return list(write_examples(context, model, dataset, measured, folder=folder, about=about))
    remove_examples(folder)
    return []


def _known_names(context: RunContext, metrics: list[MetricValue]) -> dict[str, object]:
    keys = ((context.task.metric_key(metric), metric) for metric in metrics)
    return {key: f"{metric.value:.2f}" for key, metric in keys if key is not None}
