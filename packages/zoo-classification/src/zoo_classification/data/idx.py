"""Own files in the IDX format of MNIST: a magic number, the sizes, the bytes; raw or compressed by gzip.

Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", section "File formats".
"""

from __future__ import annotations

import gzip
import logging
import math
import struct
import zlib
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from zoo_core.errors import DataError

log = logging.getLogger("zoo")

GZIP_MAGIC = b"\x1f\x8b"
UNSIGNED_BYTE = 0x08
LARGE = 100_000_000
"""Bytes from which on it matters that a compressed file cannot be mapped into memory."""
WORD = 4
"""Bytes of the magic number and of each size, most significant first."""
IMAGES = 3
"""Number of dimensions of a file of images; one of labels has one."""
LABELS = 1


def read_idx(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """Return the bytes of a file, mapped into memory unless they are compressed, which their first bytes tell.

    Raises:
        DataError: When the file has another magic number, or more or fewer bytes than it says.
    """
    try:
        with path.open("rb") as stream:
            packed = stream.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        if packed:
            with gzip.open(path) as stream:
                return _read_packed(path, stream, dimensions)
        with path.open("rb") as stream:
            sizes = _read_header(path, stream, dimensions)
        _check_length(path, sizes, path.stat().st_size - _header_bytes(dimensions))
        return np.memmap(path, np.uint8, "r", offset=_header_bytes(dimensions), shape=sizes)
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise _damaged(path, error) from error
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (EOFError, zlib.error) as error:
        raise _damaged(path, error) from error


def _read_packed(path: Path, stream: gzip.GzipFile, dimensions: int) -> npt.NDArray[np.uint8]:
    sizes = _read_header(path, stream, dimensions)
    content = bytearray()
    expected = math.prod(sizes)
    while len(content) <= expected and (chunk := stream.read(1 << 22)):
        content += chunk
    _check_length(path, sizes, len(content))
    if expected > LARGE:
        log.info(
            "%s is compressed: each process keeps %d MB of it; unpacked with gunzip it is shared.",
            path,
            expected // 10**6,
        )
    return np.frombuffer(content, np.uint8).reshape(sizes)


def _read_header(path: Path, stream: IO[bytes] | gzip.GzipFile, dimensions: int) -> tuple[int, ...]:
    """Return the sizes that the header states."""
    magic = stream.read(WORD)
    expected = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if magic != expected:
        kind = "images" if dimensions == IMAGES else "labels"
        found = f"0x{magic.hex()}" if magic else "nothing"
        raise DataError(
            f"{path} is no IDX file of {kind}: it begins with {found}, expected the magic number 0x{expected.hex()}.",
            hint="Fetch the file again; images and labels may also stand under each other's name.",
        )
    sizes = stream.read(WORD * dimensions)
    if len(sizes) < WORD * dimensions:
        raise DataError(f"{path} is truncated: it ends within its header.", hint="Fetch the file again.")
    return struct.unpack(f">{dimensions}I", sizes)


def _header_bytes(dimensions: int) -> int:
    return WORD * (1 + dimensions)


def _check_length(path: Path, sizes: tuple[int, ...], found: int) -> None:
    expected = math.prod(sizes)
    if expected == 0:
        raise DataError(f"{path} holds nothing: its header states the sizes {sizes}.")
    if found < expected:
        raise DataError(
            f"{path} is truncated: {found} bytes follow the header, which announces {expected}.",
            hint="Fetch the file again.",
        )
    if found > expected:
        raise DataError(f"{path} is damaged: more bytes follow the header than the {expected} it announces.")


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is truncated or damaged: {error}.", hint="Fetch the file again.")
