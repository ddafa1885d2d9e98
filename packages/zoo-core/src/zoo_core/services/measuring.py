"""Own the measuring of one model: its outputs for the images of a split, and what the evaluator makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoo_core.artifacts import Artifact
from zoo_core.errors import DataError
from zoo_core.protocols import Evaluator, ImageDataset, InferenceSession
from zoo_core.results import MetricValue, SkippedFile
from zoo_core.services.context import RunContext
from zoo_core.services.targets import HOST, opened

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Measurement:
    """Hold what the evaluation of one model gave."""

    metrics: tuple[MetricValue, ...]
    evaluator: Evaluator
    images: tuple[str, ...]
    """Names of the images that counted, in the order in which the evaluator took them."""
    skipped: tuple[SkippedFile, ...]


def measure(context: RunContext, model: Artifact, dataset: ImageDataset, title: str, target: str = HOST) -> Measurement:
    """Run a model over a split, on this machine or another target, and compute the metrics of the task."""
    from zoo_core.data.loader import eval_loader
    from zoo_core.data.prefetch import read_ahead
    from zoo_core.training.mirror import require_mirroring

    evaluator = context.task.evaluator()
    mirrored = context.config.evaluation.tta > 0
    if mirrored:
        require_mirroring(context.task, "evaluation.tta")
    images: list[str] = []
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
                evaluator.update(outputs_of(session, batch.images.numpy(), mirrored=mirrored), batch.targets)
            images += batch.paths
            bar.advance(len(batch.paths) + len(batch.skipped))
    if not images:
        raise DataError("None of the images could be read.", hint="The log names every file and its fault.")
    with context.progress.track("Computing the metrics", None):
        metrics = evaluator.compute()
    return Measurement(metrics, evaluator, tuple(images), tuple(skipped))


def outputs_of(
    session: InferenceSession, images: npt.NDArray[np.float32], *, mirrored: bool
) -> tuple[npt.NDArray[np.float32], ...]:
    """Run a model on images of shape (N, C, H, W); with `mirrored`, average with the outputs for mirror images."""
    outputs = session.run(images)
    if not mirrored:
        return outputs
    others = session.run(images[..., ::-1].copy())
    pairs = zip(outputs, others, strict=True)
    return tuple(((one + other) / 2).astype(one.dtype, copy=False) for one, other in pairs)
