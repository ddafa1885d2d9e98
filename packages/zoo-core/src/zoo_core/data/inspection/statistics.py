"""Own mean and standard deviation of each channel over many images, without keeping any of them.

Images are 8 bit when they reach the model's size, so a count of each of the 256 values tells both exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_core.data.inspection.reading import look_at_all
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import DataError
from zoo_core.protocols import ImageDataset, Progress, Sample
from zoo_core.results import SkippedFile

LEVELS = 256
GREY_AXES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStatistics:
    """Hold mean and standard deviation of each channel after resizing and rescaling, before normalisation."""

    split: str
    images: int
    """Number of images that were read."""
    size: tuple[int, int, int]
    """(channels, height, width) that the images were brought to."""
    scale: float
    offset: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    """Standard deviation over all pixels (divided by their number); 1 for a channel that never changes."""
    constant: tuple[int, ...]
    """Channels, counted from 1, that have the same value everywhere."""
    skipped: tuple[SkippedFile, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "split": self.split,
            "images": self.images,
            "size": list(self.size),
            "rescaling": {"scale": self.scale, "offset": self.offset},
            "mean": list(self.mean),
            "std": list(self.deviation),
            "constant_channels": list(self.constant),
            "unreadable": [{"path": file.path, "reason": file.reason} for file in self.skipped],
        }


class LevelCounter:
    """Count how often each value 0 to 255 occurs in each channel of an image, as the model would see it."""

    def __init__(self, preprocessing: ImagePreprocessing) -> None:
        self.preprocessing = preprocessing

    def __call__(self, sample: Sample) -> npt.NDArray[np.int64]:
        """Return counts of shape (C, 256), channels in the model's order."""
        image = self.preprocessing.resize(self.preprocessing.convert(sample.image))
        pixels = np.asarray(image, np.uint8)
        planes = pixels[None] if pixels.ndim == GREY_AXES else pixels.transpose(2, 0, 1)
        counts = np.stack([np.bincount(plane.ravel(), minlength=LEVELS) for plane in planes])
        return counts[::-1] if self.preprocessing.color_mode == "bgr" else counts


def channel_statistics(
    split: str, dataset: ImageDataset, preprocessing: ImagePreprocessing, *, workers: int = 0, progress: Progress
) -> ChannelStatistics:
    """Return mean and standard deviation of each channel over all pixels of a split.

    Raises:
        DataError: When no image can be read.
    """
    counter = LevelCounter(preprocessing)
    counts = np.zeros((preprocessing.input.channels, LEVELS), np.int64)
    skipped = []
    images = 0
    for found in look_at_all(
        dataset, counter, workers=workers, progress=progress, description=f"Measuring {split} images"
    ):
        if isinstance(found, SkippedFile):
            skipped.append(found)
        else:
            counts += found
            images += 1
    if not images:
        raise DataError(f"None of {len(dataset)} {split} images can be read.", hint="See: zoo data check")
    mean, deviation = _moments(counts, preprocessing.scale, preprocessing.offset)
    constant = tuple(number for number, value in enumerate(deviation, start=1) if value == 0.0)
    return ChannelStatistics(
        split=split,
        images=images,
        size=preprocessing.input.shape,
        scale=preprocessing.scale,
        offset=preprocessing.offset,
        mean=mean,
        deviation=tuple(value or 1.0 for value in deviation),
        constant=constant,
        skipped=tuple(skipped),
    )


def _moments(counts: npt.NDArray[np.int64], scale: float, offset: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of scale x level + offset from counts of the levels, shape (C, 256)."""
    levels = np.arange(LEVELS, dtype=np.float64)
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ levels
    variance = (shares * (levels - mean[:, None]) ** 2).sum(axis=1)
    return tuple((scale * mean + offset).tolist()), tuple((abs(scale) * np.sqrt(variance)).tolist())
