"""Own writing a file so that it is either whole or as it was before."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from zoo_core.errors import RunStoreError

_CURES = {
    errno.ENOSPC: "The disk is full: make room, then continue with: zoo run --resume RUN_DIR",
    errno.EDQUOT: "The disk quota is used up: make room, then continue with: zoo run --resume RUN_DIR",
    errno.EACCES: "Change the permissions of the folder, or choose another run directory (hydra.run.dir).",
    errno.EROFS: "Choose a run directory that can be written (hydra.run.dir).",
}


def write_atomically(path: Path, write: Callable[[IO[bytes]], object], *, durable: bool = True) -> None:
    """Let `write` fill a temporary file beside `path` and rename it; `durable` waits for the disk in between.

    Raises:
        RunStoreError: When the disk is full or the folder cannot be written; an older file is intact then.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        # torch reports a full disk as a RuntimeError of its zip writer
        cause = error if isinstance(error, OSError) else error.__context__
        code = cause.errno if isinstance(cause, OSError) else None
        if code is None and "write" not in str(error).lower():
            raise
        msg = f"{path} cannot be written: {getattr(cause, 'strerror', None) or error}"
        raise RunStoreError(msg, hint=_CURES.get(code or errno.ENOSPC)) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_text_atomically(path: Path, text: str) -> None:
    """Write a text file in UTF-8 so that it is either whole or as it was before.

    Raises:
        RunStoreError: When the disk is full or the folder cannot be written.
    """
    write_atomically(path, lambda stream: stream.write(text.encode()), durable=False)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
