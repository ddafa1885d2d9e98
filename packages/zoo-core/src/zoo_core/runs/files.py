"""Own the writing of files: whole or not at all, with a clear message when the disk refuses."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from zoo_core.errors import RunStoreError

_MAKE_ROOM = "Make room and go on with: zoo run --resume RUN_DIR; or choose another folder with hydra.run.dir=DIR."
_ELSEWHERE = "Choose another folder with hydra.run.dir=DIR, or its permissions; finished stages are intact."
DISK_ERRORS = {
    errno.ENOSPC: ("the disk is full", _MAKE_ROOM),
    errno.EDQUOT: ("the disk quota is used up", _MAKE_ROOM),
    errno.EFBIG: (
        "the file is too large for this disk or account",
        "Raise the limit on file sizes (ulimit -f), or choose another folder with hydra.run.dir=DIR.",
    ),
    errno.EACCES: ("permission denied", _ELSEWHERE),
    errno.EPERM: ("permission denied", _ELSEWHERE),
    errno.EROFS: ("the file system is read-only", _ELSEWHERE),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", _ELSEWHERE),
    errno.ENAMETOOLONG: ("the name is too long", _ELSEWHERE),
}
"""Number of an error -> what it means, and its cure."""


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn errors of the disk into a message with the path and the cure.

    Raises:
        RunStoreError: When the disk is full, read-only or not ours.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        raise _refusal(error.filename or path, error) from error


def write_atomically(path: Path, write: Callable[[IO[bytes]], object], *, durable: bool = True) -> None:
    """Let `write` fill a temporary file beside `path` and rename it; `durable` waits for the disk in between.

    A reader sees the old content or the new, never a part.

    Raises:
        RunStoreError: When the file cannot be written; an older one is intact then.
    """
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as stream:
                write(stream)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _refusal(path, error) from error
    except RuntimeError as error:
        # torch's zip writer raises this while it handles the OSError of the stream
        if isinstance(error.__context__, OSError):
            raise _refusal(path, error.__context__) from error
        raise


def share_file(source: Path, target: Path) -> None:
    """Give a file a second name without writing it again, where the disk can; else copy it.

    Raises:
        RunStoreError: When the file cannot be written.
    """
    temporary = _temporary(target)
    try:
        try:
            temporary.unlink(missing_ok=True)
            try:
                os.link(source, temporary)
            except OSError:  # a disk without hard links
                shutil.copyfile(source, temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _refusal(target, error) from error


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write a file in UTF-8, atomically.

    Raises:
        RunStoreError: When the file cannot be written; an older one is intact then.
    """
    write_atomically(path, lambda stream: stream.write(text.encode()), durable=durable)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a mapping as indented JSON, atomically.

    Raises:
        RunStoreError: When the file cannot be written; an older one is intact then.
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


def _temporary(path: Path) -> Path:
    """Return the same name every time, so that what a killed process leaves is overwritten by the next one."""
    return path.with_name(f".{path.name}.tmp")


def _refusal(path: Path | str, error: OSError) -> RunStoreError:
    reason, cure = DISK_ERRORS.get(error.errno or 0, (error.strerror or str(error), None))
    return RunStoreError(f"Cannot write {path}: {reason}.", hint=cure)
