"""Own the stream of model inputs that a quantizer measures activations on."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from zoo_core.data.seeding import derive_seed
from zoo_core.errors import DataError, UnreadableImageError
from zoo_core.protocols import QUANTIZATION, ImageDataset, Preprocessing
from zoo_core.results import SkippedFile

log = logging.getLogger("zoo")

RANDOM = "random"


class DatasetCalibration:
    """Stream the images of a data set through the preprocessing, one at a time, from the beginning on each pass.

    An image that cannot be read is left out and recorded in `skipped` once.
    """

    def __init__(self, dataset: ImageDataset, preprocessing: Preprocessing, *, source: str = QUANTIZATION) -> None:
        self.source = source
        self._dataset = dataset
        self._preprocessing = preprocessing
        self._skipped: dict[str, SkippedFile] = {}

    @property
    def skipped(self) -> tuple[SkippedFile, ...]:
        """Return the images that could not be read so far."""
        return tuple(self._skipped.values())

    def __len__(self) -> int:
        """Return the number of images, less those known to be unreadable."""
        return len(self._dataset) - len(self._skipped)

    def __iter__(self) -> Iterator[npt.NDArray[np.float32]]:
        """Yield arrays of shape (1, C, H, W).

        Raises:
            DataError: When not a single image can be read.
        """
        read = 0
        for index in range(len(self._dataset)):
            try:
                sample = self._dataset[index]
                array: npt.NDArray[np.float32] = self._preprocessing(sample.image).numpy()[None]
            except UnreadableImageError as error:
                self._skip(error)
                continue
            read += 1
            yield array
        if read == 0:
            msg = f"None of the {len(self._dataset)} calibration images can be read."
            raise DataError(msg, hint="Check dataset.quantization_path, or remove it to use the training images.")

    def _skip(self, error: UnreadableImageError) -> None:
        if error.path not in self._skipped:
            log.warning("Left out of the calibration: %s: %s", error.path, error.cause)
            self._skipped[error.path] = SkippedFile(error.path, error.cause)


class RandomCalibration:
    """Stream uniform noise over the values that the preprocessing can produce, the same on every pass."""

    source = RANDOM
    skipped: tuple[SkippedFile, ...] = ()

    def __init__(self, preprocessing: Preprocessing, count: int, seed: int) -> None:
        self._preprocessing = preprocessing
        self._count = count
        self._seed = seed

    def __len__(self) -> int:
        """Return the number of arrays."""
        return self._count

    def __iter__(self) -> Iterator[npt.NDArray[np.float32]]:
        """Yield arrays of shape (1, C, H, W)."""
        low, high = (np.array(ends)[:, None, None] for ends in zip(*self._preprocessing.value_range(), strict=True))
        for number in range(self._count):
            generator = np.random.default_rng(derive_seed(self._seed, number))
            yield generator.uniform(low, high, self._preprocessing.input.shape).astype(np.float32)[None]
