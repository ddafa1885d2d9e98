"""Own what the client writes on this machine: whole files or none, and archives that stay in their folder."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from zoo_core.errors import UserError
from zoo_stm32.cloud.errors import CloudCause, CloudError

NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CHUNK_BYTES: Final = 1 << 20
LARGEST_UNPACKED: Final = 2 << 30


def sha256_of(path: Path) -> str:
    """Return the hash of a file.

    Raises:
        UserError: When it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise UserError(f"The model {path} cannot be read: {error.strerror}.") from None
    return digest.hexdigest()


def write_bytes(path: Path, content: bytes, what: str) -> None:
    """Write a file whole or not at all.

    Raises:
        UserError: When there is no room or no right to.
    """
    partial = path.with_name(f"{path.name}.part")
    with writing(path, what):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(content)
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise


def write_json(path: Path, value: Any, what: str) -> None:
    """Write JSON whole or not at all.

    Raises:
        UserError: When there is no room or no right to.
    """
    write_bytes(path, f"{json.dumps(value, indent=2)}\n".encode(), what)


def unpack(content: bytes, folder: Path, what: str) -> tuple[Path, ...]:
    """Unpack a zip archive into a folder, all of it or nothing, and return its files.

    Raises:
        CloudError: When the archive is damaged, leaves the folder or is far too large.
        UserError: When there is no room or no right to write.
    """
    with writing(folder, what):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacking-") as scratch:
            names = _extract(content, Path(scratch), what)
            shutil.copytree(scratch, folder, dirs_exist_ok=True)
    return tuple(folder / name for name in names)


@contextmanager
def writing(path: Path, what: str) -> Iterator[None]:
    """Turn what the file system refuses into one message.

    Raises:
        UserError: When the block could not write.
    """
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            message = f"The disk is full: {what} could not be written to {path}."
            raise UserError(message, hint="Make room and run again; a job on the service goes on meanwhile.") from None
        reason = error.strerror or type(error).__name__
        raise UserError(f"{what} could not be written to {path}: {reason}.") from None


def _extract(content: bytes, folder: Path, what: str) -> tuple[str, ...]:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if sum(member.file_size for member in members) > LARGEST_UNPACKED:
                raise _damaged(what, f"it unpacks to more than {LARGEST_UNPACKED >> 30} GiB")
            for member in members:
                if not (folder / member.filename).resolve().is_relative_to(folder.resolve()):
                    raise _damaged(what, "it holds a file that lies outside of it")
                archive.extract(member, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise _damaged(what, "it is no zip archive or was cut off") from None
    return tuple(member.filename for member in members)


def _damaged(what: str, reason: str) -> CloudError:
    return CloudError(
        f"{what} from the Developer Cloud is damaged: {reason}. Nothing of it was kept.",
        cause=CloudCause.DAMAGED,
        hint="Run again; if it happens again, the service made it so.",
    )
