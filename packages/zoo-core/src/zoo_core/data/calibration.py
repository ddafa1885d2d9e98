"""Own the stream of model inputs that a quantizer measures activations on, its warnings and its record."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_core.data.seeding import derive_seed
from zoo_core.errors import DataError, UnreadableImageError
from zoo_core.protocols import QUANTIZATION, CalibrationData, ImageDataset, Preprocessing
from zoo_core.results import SkippedFile
from zoo_core.runs.files import write_atomically

log = logging.getLogger("zoo")

RANDOM = "random"
FEW_IMAGES = 100
SHOWN_CLASSES = 5


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
    def names(self) -> tuple[str, ...]:
        """Return the path or name of every image, those that turn out to be unreadable included."""
        return tuple(self._dataset.name(index) for index in range(len(self._dataset)))

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
    names: tuple[str, ...] = ()
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


def calibration_warnings(
    calibration: CalibrationData, targets: Sequence[Any] = (), class_names: Sequence[str] = ()
) -> tuple[str, ...]:
    """Log and return what makes the ranges of a calibration doubtful: no images, few of them, classes without one.

    Args:
        calibration: Images, or random inputs.
        targets: Labels of the images; those that are no numbers of classes are not looked at.
        class_names: Name of each class.
    """
    warnings = _warnings(calibration, targets, class_names)
    for warning in warnings:
        log.warning("%s", warning)
    return warnings


def _warnings(calibration: CalibrationData, targets: Sequence[Any], class_names: Sequence[str]) -> tuple[str, ...]:
    count = len(calibration)
    if calibration.source == RANDOM:
        text = f"There are no calibration images: the ranges come from {count} random inputs; expect a loss of accuracy"
        return (f"{text}. Set dataset.quantization_path or dataset.training_path.",)
    warnings = []
    if count < FEW_IMAGES:
        images = "1 image" if count == 1 else f"{count} images"
        warnings.append(f"Calibrated with {images} only; {FEW_IMAGES} or more give steadier ranges.")
    missing = _missing_classes(targets, class_names)
    if missing:
        shown = ", ".join(missing[:SHOWN_CLASSES])
        more = f" and {len(missing) - SHOWN_CLASSES} more" if len(missing) > SHOWN_CLASSES else ""
        warnings.append(
            f"{len(missing)} of {len(class_names)} classes have no calibration image: {shown}{more}. "
            "What only they activate may be clipped."
        )
    return tuple(warnings)


def _missing_classes(targets: Sequence[Any], class_names: Sequence[str]) -> list[str]:
    if not len(targets) or not all(isinstance(target, Integral) for target in targets):
        return []
    seen = {int(target) for target in targets}
    return [name for index, name in enumerate(class_names) if index not in seen]


def write_image_list(calibration: CalibrationData, path: Path) -> str:
    """Write the names of the calibration images, one a line, and return a hash of names and sizes of the files.

    Names count from the folder that all of them lie in, so that the hash is the same wherever the data set lies.
    Without images nothing is written and the hash is empty.

    Raises:
        RunStoreError: When the file cannot be written.
    """
    names = calibration.names
    if not names:
        return ""
    lines = [os.fsencode(name.replace("\n", "\\n")) + b"\n" for name in names]
    write_atomically(path, lambda stream: stream.writelines(lines))
    digest = hashlib.sha256()
    for name, short in zip(names, _from_common_folder(names), strict=True):
        file = Path(name)
        size = file.stat().st_size if file.is_file() else -1
        digest.update(os.fsencode(f"{short}\0{size}\0"))
    return digest.hexdigest()


def _from_common_folder(names: Sequence[str]) -> list[str]:
    parts = [Path(name).parts for name in names]
    first, last = min(parts), max(parts)  # what begins both begins all between them
    pairs = enumerate(zip(first[:-1], last[:-1], strict=False))
    depth = next((depth for depth, (one, other) in pairs if one != other), min(len(first), len(last)) - 1)
    return ["/".join(part[depth:]) for part in parts]
