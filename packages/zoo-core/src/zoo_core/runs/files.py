"""Own the writing of small files: whole or not at all, with a clear message when the disk refuses."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo_core.errors import RunStoreError

DISK_ERRORS = {
    errno.ENOSPC: "the disk is full",
    errno.EFBIG: "the file is too large for this disk or account",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.ENAMETOOLONG: "the name is too long",
}


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn errors of the disk into a message with the path and the cure.

    Raises:
        RunStoreError: When the disk is full, read-only or not ours.
    """
    try:
        yield
    except OSError as error:
        reason = DISK_ERRORS.get(error.errno or 0)
        if reason is None:
            raise
        where = error.filename or path
        raise RunStoreError(
            f"Cannot write {where}: {reason}.",
            hint="Free space or choose another folder with hydra.run.dir=DIR; finished stages are intact.",
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a file atomically: a reader sees the old content or the new, never a part.

    Raises:
        RunStoreError: When the disk is full, read-only or not ours.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a mapping as indented JSON, atomically.

    Raises:
        RunStoreError: When the disk is full, read-only or not ours.
    """
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RunStoreError: When the file is absent, unreadable or no JSON object.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunStoreError(f"Cannot read {path}: {error}") from error
    if not isinstance(data, dict):
        raise RunStoreError(f"{path} holds no JSON object.")
    return data
