"""Own writing a file so that it is either whole or as it was before."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO

from zoo_core.errors import RunStoreError

_CURES = {
    errno.ENOSPC: "The disk is full: make room, then continue with: zoo run --resume RUN_DIR",
    errno.EDQUOT: "The disk quota is used up: make room, then continue with: zoo run --resume RUN_DIR",
    errno.EFBIG: "A limit on file sizes is in force here (ulimit -f): raise it.",
    errno.EACCES: "Change the permissions of the folder, or choose another run directory (hydra.run.dir).",
    errno.EROFS: "Choose a run directory that can be written (hydra.run.dir).",
}


def write_atomically(path: Path, write: Callable[[IO[bytes]], object], *, durable: bool = True) -> None:
    """Let `write` fill a temporary file beside `path` and rename it; `durable` waits for the disk in between.

    Raises:
        RunStoreError: When the disk is full or the folder cannot be written; an older file is intact then.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as stream:
                write(stream)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _refusal(path, error) from error
    except RuntimeError as error:
        # torch's zip writer raises this while it handles the OSError of the stream
        if isinstance(error.__context__, OSError):
            raise _refusal(path, error.__context__) from error
        raise


def write_text_atomically(path: Path, text: str) -> None:
    """Write a text file in UTF-8 so that it is either whole or as it was before.

    Raises:
        RunStoreError: When the disk is full or the folder cannot be written.
    """
    write_atomically(path, lambda stream: stream.write(text.encode()), durable=False)


def share_file(source: Path, target: Path) -> None:
    """Give a file a second name without writing it again, where the disk can; else copy it.

    Raises:
        RunStoreError: When the disk is full or the folder cannot be written.
    """
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        try:
            os.link(source, temporary)
        except OSError:  # a disk without hard links
            shutil.copyfile(source, temporary)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _refusal(target, error) from error


def _refusal(path: Path, error: OSError) -> RunStoreError:
    msg = f"{path} cannot be written: {error.strerror or error}."
    return RunStoreError(msg, hint=_CURES.get(error.errno or 0))
