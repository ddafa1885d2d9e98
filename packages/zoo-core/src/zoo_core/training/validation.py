"""Own measuring a model on the validation set: the task's metrics and the loss, over all processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning.fabric.utilities import move_data_to_device

from zoo_core.data.loader import EvalLoader, eval_loader
from zoo_core.data.splits import Subset
from zoo_core.errors import PluginError
from zoo_core.protocols import VALIDATION, Batch, Evaluator, ImageDataset, Task
from zoo_core.results import MetricValue, SkippedFile
from zoo_core.training.mirror import MirrorAveraged
from zoo_core.training.monitor import LOSS

TORCH = "torch"

Gather = Callable[[Any], list[Any]]
"""Return the objects of all processes, in the order of their ranks."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Hold what was measured."""

    metrics: tuple[MetricValue, ...]
    """The task's metrics and `loss`."""
    skipped: tuple[SkippedFile, ...]

    @property
    def by_name(self) -> dict[str, MetricValue]:
        """Return the metrics by their plain names."""
        return {metric.name: metric for metric in self.metrics}


def as_arrays(outputs: Any) -> list[npt.NDArray[np.float32]]:
    """Return every tensor of a model's output, in order, as float32 arrays on the CPU."""
    return [tensor.detach().float().cpu().numpy() for tensor in _tensors(outputs)]


def loss_parts(loss: Any) -> dict[str, torch.Tensor]:
    """Return a criterion's result as a dictionary with the key `loss`.

    Raises:
        PluginError: When it is neither a scalar tensor nor such a dictionary.
    """
    parts = dict(loss) if isinstance(loss, Mapping) else {LOSS: loss}
    if LOSS not in parts or not all(isinstance(part, torch.Tensor) and part.numel() == 1 for part in parts.values()):
        msg = f"The loss of the use case gives {type(loss).__name__} {sorted(parts)}."
        raise PluginError(msg, hint='Expected is a scalar tensor, or a dictionary of them with the key "loss".')
    return parts


def loss_metric(value: float) -> MetricValue:
    """Return a validation loss as a metric."""
    return MetricValue(name=LOSS, value=value, higher_is_better=False, split=VALIDATION, model=TORCH)


def validate(
    model: torch.nn.Module,
    criterion: torch.nn.Module,
    loader: EvalLoader,
    task: Task,
    *,
    precision: Callable[[], AbstractContextManager[Any]] = nullcontext,
    gather: Gather = lambda found: [found],
    after_batch: Callable[[], None] = lambda: None,
    mirrored: bool = False,
) -> Validation:
    """Measure a model on every image of a loader; each process takes its part and all get the same result.

    Model and criterion are put into evaluation mode and left there. The loss is the mean over images. With `mirrored`
    the outputs are the mean of those for each image and its mirror image.
    """
    if mirrored:
        model = MirrorAveraged(model)
    model.eval()
    criterion.eval()
    evaluator = task.evaluator()
    total, images = 0.0, 0
    skipped: list[SkippedFile] = []
    with torch.no_grad():
        for batch in loader:
            with precision():
                loss = _measure(model, criterion, batch, evaluator)
            total += loss * len(batch.images)
            images += len(batch.images)
            skipped.extend(batch.skipped)
            after_batch()
    parts = gather((total, images, evaluator.state(), skipped))
    if len(parts) > 1:
        evaluator.merge([part[2] for part in parts])
    images = sum(part[1] for part in parts)
    mean = sum(part[0] for part in parts) / images if images else float("nan")
    metrics = [replace(metric, split=VALIDATION, model=TORCH) for metric in evaluator.compute()]
    metrics = [metric for metric in metrics if metric.name != LOSS]
    return Validation((*metrics, loss_metric(mean)), tuple(skip for part in parts for skip in part[3]))


def rehearse(
    model: torch.nn.Module, criterion: torch.nn.Module, dataset: ImageDataset, task: Task, *, images: int = 4
) -> Evaluator:
    """Send a few images through model, loss and evaluator, so that what does not fit shows before hours of training."""
    model.eval()
    criterion.eval()
    evaluator = task.evaluator()
    with torch.no_grad():
        for batch in _first(dataset, task, images):
            _measure(model, criterion, batch, evaluator)
    return evaluator


def _first(dataset: ImageDataset, task: Task, images: int) -> Iterator[Batch]:
    few = Subset(dataset, range(min(images, len(dataset))))
    return iter(eval_loader(few, task.preprocessing, task.collate_targets, images))


def _tensors(outputs: Any) -> Iterator[torch.Tensor]:
    if isinstance(outputs, torch.Tensor):
        yield outputs
    elif isinstance(outputs, Mapping | Sequence) and not isinstance(outputs, str):
        for part in outputs.values() if isinstance(outputs, Mapping) else outputs:
            yield from _tensors(part)


def _measure(model: torch.nn.Module, criterion: torch.nn.Module, batch: Batch, evaluator: Evaluator) -> float:
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    outputs = model(batch.images.to(device, non_blocking=True))
    loss = loss_parts(criterion(outputs, move_data_to_device(batch.targets, device)))[LOSS]
    evaluator.update(as_arrays(outputs), batch.targets)
    return float(loss)
