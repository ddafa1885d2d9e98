"""Own the measuring of candidates while a model is quantized: the task's metric, on images no calibration saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from zoo_core.artifacts import FloatOnnx, hash_file
from zoo_core.protocols import ImageDataset
from zoo_core.results import MetricValue
from zoo_core.services.context import RunContext
from zoo_core.services.measuring import measure


@dataclass(frozen=True, slots=True)
class HeldOutImages:
    """Measure ONNX models on a split, without the images that calibrate."""

    context: RunContext
    dataset: ImageDataset
    split: str

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.dataset)

    def measure(self, model: Path, title: str, *, images: int | None = None) -> MetricValue:
        """Return the deciding metric of the task for an ONNX model.

        Args:
            model: File of the model.
            title: What the progress display says.
            images: Number of images, evenly spread over the split; all when absent.

        Raises:
            DataError: When none of the images can be read.
        """
        from zoo_core.data.splits import Subset

        dataset = self.dataset
        if images is not None and images < len(dataset):
            dataset = Subset(dataset, (index * len(dataset) // images for index in range(images)))
        artifact = FloatOnnx(path=model, sha256=hash_file(model), made_by=title)
        measured = measure(self.context, artifact, dataset, title)
        wanted = self.context.task.monitor().name
        metric = next(metric for metric in measured.metrics if metric.name == wanted)
        return replace(metric, split=self.split)


def held_out_images(context: RunContext, calibrating: Sequence[str]) -> HeldOutImages | None:
    """Return the labelled images that candidates are measured on: those of the validation set, else of the test set.

    Images that calibrate are left out; nothing when none are left.
    """
    from zoo_core.data.splits import Subset
    from zoo_core.protocols import TEST, VALIDATION

    used = frozenset(calibrating)
    for split in (VALIDATION, TEST):
        dataset = context.datasets.get(split)
        if dataset is None:
            continue
        free = [index for index in range(len(dataset)) if dataset.name(index) not in used]
        if free:
            whole = len(free) == len(dataset)
            return HeldOutImages(context, dataset if whole else Subset(dataset, free), split)
    return None
