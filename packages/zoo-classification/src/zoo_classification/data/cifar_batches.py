"""Own the two forms of CIFAR's batch files: Python pickles and plain binary records; both stay on the disk.

A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009. An image is three planes of 32x32 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from zoo_classification.data.pixels import PixelFile, Pixels
from zoo_classification.data.safe_pickle import ByteArray, read_pickle
from zoo_core.errors import DataError

PLANES, SIDE = 3, 32
IMAGE_BYTES = PLANES * SIDE * SIDE
ATTEMPTS = 8
"""Places in a pickle that are compared with its array before the array is kept in memory instead."""
PROBE_BYTES = 64

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelKind:
    """Say which label of a batch is meant: its key in a pickle, its byte in a binary record."""

    keys: tuple[str, ...]
    position: int
    record_labels: int
    """Number of label bytes before each image."""
    names: tuple[str, ...]


class BatchFormat(Protocol):
    """Read one batch file."""

    suffix: ClassVar[str]

    def read(self, path: Path, kind: LabelKind) -> tuple[PixelFile, Labels]:
        """Return images and labels.

        Raises:
            DataError: When the file is damaged.
        """
        ...


class PythonBatches:
    """Read pickles without executing them; their pixels stay on the disk."""

    suffix: ClassVar[str] = ""

    def read(self, path: Path, kind: LabelKind) -> tuple[PixelFile, Labels]:
        """Return images and labels.

        Raises:
            DataError: When the file is damaged, or holds anything but a batch.
        """
        content = _content(path)
        batch = read_pickle(content, path)
        data = batch.get("data")
        if not isinstance(data, ByteArray) or data.shape[1:] != (IMAGE_BYTES,) or not data.content:
            raise _no_batch(path, f"its data is no array of rows of {IMAGE_BYTES} bytes")
        labels = next((batch[key] for key in kind.keys if key in batch), None)
        if not isinstance(labels, list) or not all(type(label) is int for label in labels):
            raise _no_batch(path, f"it has no list of {kind.keys[0]}")
        if len(labels) != data.shape[0]:
            raise _no_batch(path, f"it holds {data.shape[0]} images and {len(labels)} labels")
        return _pixel_file(path, content, data), np.array(labels, np.int64)


class BinaryBatches:
    """Read records of label bytes and pixels, mapped into memory."""

    suffix: ClassVar[str] = ".bin"

    def read(self, path: Path, kind: LabelKind) -> tuple[PixelFile, Labels]:
        """Return images and labels.

        Raises:
            DataError: When the file is no whole number of records.
        """
        record = kind.record_labels + IMAGE_BYTES
        try:
            size = path.stat().st_size
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        if size == 0 or size % record:
            raise DataError(
                f"{path} is truncated or damaged: {size} bytes are no whole number of records of {record} bytes.",
                hint="Fetch the official file again.",
            )
        file = PixelFile(path, partial(_map_records, labels=kind.record_labels))
        records = np.memmap(path, np.uint8, "r", shape=(size // record, record))
        return file, np.array(records[:, kind.position], np.int64)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def _no_batch(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is no CIFAR batch: {reason}.", hint="Fetch the official file.")


def _pixel_file(path: Path, content: bytes, data: ByteArray) -> PixelFile:
    """Return the pixels where they lie in the pickle, which holds them byte for byte except in rare protocols."""
    offset = _find(content, data.content)
    if offset is None:
        return PixelFile(path, _read_pixels, _as_images(np.frombuffer(data.content, np.uint8)))
    return PixelFile(path, partial(_map_pixels, offset=offset, images=data.shape[0]))


def _find(content: bytes, part: bytes) -> int | None:
    start = -1
    view = memoryview(content)
    for _ in range(ATTEMPTS):
        start = content.find(part[:PROBE_BYTES], start + 1)
        if start < 0:
            return None
        if view[start : start + len(part)] == part:
            return start
    return None


def _map_pixels(path: Path, *, offset: int, images: int) -> Pixels:
    return np.memmap(path, np.uint8, "r", offset=offset, shape=(images, PLANES, SIDE, SIDE))


def _map_records(path: Path, *, labels: int) -> Pixels:
    records = np.memmap(path, np.uint8, "r").reshape(-1, labels + IMAGE_BYTES)
    return _as_images(records[:, labels:])


def _read_pixels(path: Path) -> Pixels:
    data: ByteArray = read_pickle(_content(path), path)["data"]
    return _as_images(np.frombuffer(data.content, np.uint8))


def _as_images(pixels: Pixels) -> Pixels:
    return pixels.reshape(-1, PLANES, SIDE, SIDE)
