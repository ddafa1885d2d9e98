"""Own the reading of training images: as late as possible, and no larger than they are needed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.protocols import ImageDataset, Sample
from zoo_detection.boxes import within
from zoo_detection.labels import BoxLabels

JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jfif"})
HALF = 0.5
"""Largest scale for which a JPEG file can be decoded at a reduced size."""
ORIENTATION = 0x0112
UPRIGHT = (0, 1)


@dataclass(frozen=True, slots=True)
class Pixels:
    """Hold a decoded image in the model's colours; a point (x, y) of its labels is at (x * scale_x, y * scale_y)."""

    image: Image.Image
    scale_x: float
    scale_y: float

    def reduced(self, factor: int) -> Pixels:
        """Return the image with squares of `factor` pixels joined into one."""
        if factor < 2:  # noqa: PLR2004 - nothing to join
            return self
        return Pixels(self.image.reduce(factor), self.scale_x / factor, self.scale_y / factor)


@dataclass(frozen=True, slots=True)
class Picture:
    """Know the labels of an image before its pixels are read."""

    labels: BoxLabels
    read: Callable[[float], Pixels]
    """Decode the image, by at least this scale; raises `UnreadableImageError`."""


class Pictures:
    """Give pictures of samples, and of the data set they come from."""

    def __init__(self, preprocessing: ImagePreprocessing) -> None:
        self._preprocessing = preprocessing
        self.dataset: ImageDataset | None = None

    def __len__(self) -> int:
        """Return the number of images that can be drawn; 0 as long as no data set is known."""
        return 0 if self.dataset is None else len(self.dataset)

    def sample(self, index: int) -> Sample:
        """Read one example of the data set.

        Raises:
            LookupError: When no data set is known.
            UnreadableImageError: When the image cannot be read.
        """
        return self._known()[index]

    def of(self, sample: Sample) -> Picture:
        """Return the picture of a sample that is decoded already."""
        return Picture(within(sample.target), partial(self._from_sample, sample))

    def at(self, index: int) -> Picture:
        """Return the picture of an index of the data set.

        Raises:
            LookupError: When no data set is known.
        """
        dataset = self._known()
        return Picture(within(dataset.targets[index]), partial(self._from_dataset, dataset, index))

    def _known(self) -> ImageDataset:
        if self.dataset is None:
            msg = "no data set is known: call set_dataset first"
            raise LookupError(msg)
        return self.dataset

    def _from_sample(self, sample: Sample, _scale: float) -> Pixels:
        image, labels = sample.image, sample.target
        return Pixels(self._preprocessing.convert(image), image.width / labels.width, image.height / labels.height)

    def _from_dataset(self, dataset: ImageDataset, index: int, scale: float) -> Pixels:
        path = Path(dataset.name(index))
        if scale <= HALF and path.suffix.lower() in JPEG_SUFFIXES:
            with suppress(OSError, ValueError, SyntaxError):  # the data set itself says best what is wrong
                found = read_reduced(path, scale, dataset.targets[index].size)
                if found is not None:
                    image, divisor = found
                    return Pixels(self._preprocessing.convert(image), 1 / divisor, 1 / divisor)
        return self._from_sample(dataset[index], scale)


def read_reduced(path: Path, scale: float, size: tuple[int, int]) -> tuple[Image.Image, float] | None:
    """Decode a JPEG file at a half, a quarter or an eighth of its size, the least that is at least `scale`.

    Returns:
        The image, and 2, 4 or 8; 1 when it cannot be reduced. Nothing when the file is of another kind, turned, or of
        another (width, height) than `size`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd EXIF data and very large images
        with Image.open(path) as image:
            if image.format != "JPEG" or image.size != size or image.getexif().get(ORIENTATION, 1) not in UPRIGHT:
                return None
            divisor = int(1 / scale)
            drafted = image.draft(None, (max(1, size[0] // divisor), max(1, size[1] // divisor)))
            image.load()
            return image, 1.0 if drafted is None else size[0] / drafted[1][2]
