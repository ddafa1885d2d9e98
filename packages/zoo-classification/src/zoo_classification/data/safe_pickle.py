"""Own the reading of CIFAR's batches: Python pickles of arrays, lists and texts, of which nothing is executed.

A pickle may name any function and have it called. Here every name but the four or so that numpy writes for an array is
refused, and those stand for objects of this module: no code of numpy sees what the file holds, and an array is its
raw bytes with a shape.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_core.errors import DataError

CORES = ("numpy.core", "numpy._core")
"""Names of the same module before and since numpy 2."""
LARGEST = 1 << 30
"""Bytes of the largest file that is read; the largest official one has 155 million."""
BYTE_TYPES = ("u1", "|u1", "uint8", "B")
STATE_LENGTH = 5


@dataclass(frozen=True, slots=True)
class ByteArray:
    """Hold an array of unsigned bytes as the file has it."""

    shape: tuple[int, ...]
    content: bytes


def read_pickle(content: bytes, path: Path) -> dict[str, Any]:
    """Return the dictionary of a pickle, its keys as text; its values are numbers, texts, bytes, lists, `ByteArray`.

    Args:
        content: The pickle.
        path: Where it comes from, for messages.

    Raises:
        DataError: When the pickle is cut off, holds anything else, or asks for code to be executed.
    """
    if len(content) > LARGEST:
        raise DataError(f"{path} has {len(content)} bytes; a batch of images has at most {LARGEST}.")
    try:
        found = _Reader(content).load()
    except _RefusedError as error:
        raise DataError(
            f"{path} is refused: {error}.",
            hint="A batch holds arrays, lists and texts; nothing in it is executed. Fetch the official file.",
        ) from error
    except Exception as error:  # a damaged pickle may raise anything
        raise DataError(
            f"{path} is truncated or damaged: {' '.join(str(error).split()) or type(error).__name__}.",
            hint="Fetch the official file again.",
        ) from error
    if not isinstance(found, dict):
        raise DataError(f"{path} holds a {type(found).__name__}, not a dictionary.")
    return {_text(key): _settle(value) for key, value in found.items()}


class _RefusedError(Exception):
    """Say what a pickle asks for that is not allowed."""


class _Array:
    """Stand in for a numpy array while the pickle is read."""

    __slots__ = ("settled",)

    def __init__(self, settled: ByteArray | None = None) -> None:
        self.settled = settled

    def __setstate__(self, state: Any) -> None:
        if self.settled is not None or not isinstance(state, tuple) or len(state) != STATE_LENGTH:
            raise _RefusedError("an array in it has no state that numpy writes")
        _, shape, kind, by_columns, content = state
        _require_bytes(kind)
        if by_columns:
            raise _RefusedError("an array in it is stored by columns")
        self.settled = _byte_array(shape, content)


class _ByteType:
    """Stand in for the number format `uint8`, whose details in the file say nothing more."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        """Take no notice of byte order and the like."""


class _Name:
    """Stand in for a function or class that the pickle names; it can be called as the file says, nothing else."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise _RefusedError("it changes a function")


class _Reader(pickle._Unpickler):  # noqa: SLF001 - the one written in C takes 64 GB when a file of ten bytes says so
    """Read a pickle with stand-ins for the names that numpy writes; other names are refused."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="bytes")
        self._names: dict[tuple[str, str], _Name] = {
            ("numpy", "ndarray"): _Name(_refuse_call),
            ("numpy", "dtype"): _Name(_make_type),
            ("_codecs", "encode"): _Name(_encode),
        }
        for core in CORES:
            self._names[f"{core}.multiarray", "_reconstruct"] = _Name(_make_array)
            self._names[f"{core}.numeric", "_frombuffer"] = _Name(_from_buffer)

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """Return the stand-in for a name.

        Raises:
            _RefusedError: For every other name.
        """
        try:
            return self._names[module_name, global_name]
        except KeyError:
            raise _RefusedError(f"it names {module_name}.{global_name}, which no batch needs") from None

    def persistent_load(self, pid: Any) -> Any:
        """Refuse references to things outside the file."""
        raise _RefusedError("it refers to something outside the file")


def _refuse_call(*arguments: Any) -> Any:
    raise _RefusedError("it calls numpy.ndarray")


def _make_array(*arguments: Any) -> _Array:
    return _Array()


def _make_type(kind: Any, *arguments: Any) -> _ByteType:
    name = kind.decode("latin-1") if isinstance(kind, bytes) else kind
    if name not in BYTE_TYPES:
        raise _RefusedError(f"an array in it has numbers of the kind {name!r}, expected unsigned bytes")
    return _ByteType()


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """Return the bytes that Python 3 writes as a text for old protocols."""
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise _RefusedError("it encodes a text in an unusual way")
    return text.encode("latin-1")


def _from_buffer(content: Any, kind: Any, shape: Any, order: Any) -> _Array:
    """Return an array as the fifth protocol writes it."""
    _require_bytes(kind)
    if order not in ("C", b"C"):
        raise _RefusedError("an array in it is stored by columns")
    return _Array(_byte_array(shape, content))


def _require_bytes(kind: Any) -> None:
    if not isinstance(kind, _ByteType):
        raise _RefusedError("an array in it has no number format")


def _byte_array(shape: Any, content: Any) -> ByteArray:
    sizes = shape if isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape) else None
    if sizes is None or not isinstance(content, bytes | bytearray) or math.prod(sizes) != len(content):
        raise _RefusedError("the shape of an array in it does not fit its bytes")
    return ByteArray(sizes, bytes(content))


def _text(key: Any) -> str:
    return key.decode("latin-1") if isinstance(key, bytes) else str(key)


def _settle(value: Any) -> Any:
    return value.settled if isinstance(value, _Array) else value
