"""Own the evaluation stage: one evaluator for torch, float ONNX and int8 ONNX models."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from zoo_core.artifacts import Artifact, Checkpoint, FloatOnnx, QuantizedOnnx
from zoo_core.errors import DataError
from zoo_core.protocols import TEST, VALIDATION, Evaluator, ImageDataset, InferenceSession, Stage
from zoo_core.results import EvaluationResult, MetricValue, SkippedFile
from zoo_core.runs.log import log_skipped, log_values
from zoo_core.services.base import StageOutput
from zoo_core.services.context import RunContext
from zoo_core.services.targets import HOST, opened

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from zoo_core.config.sections import RunConfig

FLOAT = "float"
INT8 = "int8"


@dataclass(frozen=True, slots=True)
class Measurement:
    """Hold what the evaluation of one model gave."""

    metrics: tuple[MetricValue, ...]
    evaluator: Evaluator
    images: int
    skipped: tuple[SkippedFile, ...]


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
        folder = context.layout.root if in_run else context.layout.stage(stage)
        measurements = []
        for precision, artifact in models:
            target = _place(context, artifact)
            if target != context.config.evaluation.target:
                notes.append(f"The {precision} model was evaluated on this machine; the target takes no such model.")
            measured = measure(context, artifact, dataset, f"Evaluating the {precision} model", target)
            measurements.append(measured)
            context.evaluated.add(artifact.sha256)
            metrics += [replace(metric, split=split, model=precision) for metric in measured.metrics]
            stem = f"{'quantized' if precision == INT8 else 'float'}_model_{split}_set"
            files += measured.evaluator.write(folder, stem)
        log_values(_known_names(context, metrics))
        first = measurements[0]
        log_skipped("evaluation", first.skipped)
        result = EvaluationResult(
            metrics=tuple(metrics),
            files=tuple(path.relative_to(context.layout.root).as_posix() for path in files),
            skipped=first.skipped,
            notes=tuple(notes),
            split=split,
            images=first.images,
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


def measure(context: RunContext, model: Artifact, dataset: ImageDataset, title: str, target: str = HOST) -> Measurement:
    """Run a model over a split, on this machine or another target, and compute the metrics of the task."""
    from zoo_core.data.loader import eval_loader
    from zoo_core.data.prefetch import read_ahead
    from zoo_core.training.mirror import require_mirroring

    evaluator = context.task.evaluator()
    mirrored = context.config.evaluation.tta > 0
    if mirrored:
        require_mirroring(context.task, "evaluation.tta")
    images = 0
    skipped: list[SkippedFile] = []
    loader = eval_loader(
        dataset,
        context.task.preprocessing,
        context.task.collate_targets,
        batch_size=context.config.evaluation.batch_size,
        workers=context.config.dataset.workers,
    )
    with opened(context, target, model) as session, context.progress.track(title, len(dataset)) as bar:
        for batch in read_ahead(loader):
            skipped += batch.skipped
            if batch.paths:
                evaluator.update(_outputs(session, batch.images.numpy(), mirrored=mirrored), batch.targets)
            images += len(batch.paths)
            bar.advance(len(batch.paths) + len(batch.skipped))
    if images == 0:
        raise DataError("None of the images could be read.", hint="The log names every file and its fault.")
    return Measurement(evaluator.compute(), evaluator, images, tuple(skipped))


def _place(context: RunContext, model: Artifact) -> str:
    """Return the target that computes a model: the one asked for, or this machine for models that it does not take."""
    name = context.config.evaluation.target
    taken = name == HOST or isinstance(model, context.loaded.catalog.targets.resolve(name).spec.accepts)
    return name if taken else HOST


def _outputs(
    session: InferenceSession, images: npt.NDArray[np.float32], *, mirrored: bool
) -> tuple[npt.NDArray[np.float32], ...]:
    """Run a model on images of shape (N, C, H, W); with `mirrored`, average with the outputs for mirror images."""
    outputs = session.run(images)
    if not mirrored:
        return outputs
    others = session.run(images[..., ::-1].copy())
    pairs = zip(outputs, others, strict=True)
    return tuple(((one + other) / 2).astype(one.dtype, copy=False) for one, other in pairs)


def _known_names(context: RunContext, metrics: list[MetricValue]) -> dict[str, object]:
    keys = ((context.task.metric_key(metric), metric) for metric in metrics)
    return {key: f"{metric.value:.2f}" for key, metric in keys if key is not None}
