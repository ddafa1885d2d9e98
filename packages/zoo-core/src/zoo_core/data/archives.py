"""Own the unpacking of fetched archives: plain files only, none outside the folder, nothing half done."""

from __future__ import annotations

import gzip
import lzma
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from zoo_core.errors import DataError, MissingError
from zoo_core.protocols import Progress

CHUNK_BYTES = 1 << 20
TAR_SUFFIXES = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
ZIP_SUFFIX = ".zip"
GZIP_SUFFIX = ".gz"
DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    gzip.BadGzipFile,
    lzma.LZMAError,
    EOFError,
    ValueError,
    NotImplementedError,
)
"""What the libraries raise for archives that are cut off, or none."""

Advance = Callable[[int], None]


def is_archive(path: Path) -> bool:
    """Tell whether `unpack` knows a file by its name."""
    return path.name.lower().endswith((*TAR_SUFFIXES, ZIP_SUFFIX, GZIP_SUFFIX))


def unpack(archive: Path, folder: Path, *, progress: Progress) -> None:
    """Unpack a tar, zip or gz file below a folder; files of the same names are replaced.

    Everything is unpacked beside the folder's content first, so that an interruption leaves nothing half done there.

    Raises:
        DataError: When the archive is damaged, or holds links, devices or paths that lead out of the folder.
        MissingError: When the disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _disk_errors(folder), tempfile.TemporaryDirectory(prefix=".unpack-", dir=folder) as scratch:
        with progress.track(f"Unpacking {archive.name}", archive.stat().st_size) as bar:
            try:
                _extract(archive, Path(scratch), bar.advance)
            except DAMAGED as error:
                text = " ".join(str(error).split()) or type(error).__name__
                raise DataError(
                    f"{archive} is truncated or damaged: {text}.", hint="Remove the file and fetch it again."
                ) from error
        _move_into(Path(scratch), folder)


def _extract(archive: Path, scratch: Path, advance: Advance) -> None:
    name = archive.name.lower()
    if archive.stat().st_size == 0:
        raise EOFError("the file is empty")
    if name.endswith(TAR_SUFFIXES):
        _extract_tar(archive, scratch, advance)
    elif name.endswith(ZIP_SUFFIX):
        _extract_zip(archive, scratch, advance)
    else:
        with archive.open("rb") as raw, gzip.GzipFile(fileobj=raw) as source:
            _write(source, scratch / Path(archive.name).stem, _Meter(raw, advance))


class _Meter:
    """Report how far a compressed file has been read."""

    def __init__(self, raw: IO[bytes], advance: Advance) -> None:
        self._raw = raw
        self._advance = advance
        self._seen = 0

    def update(self) -> None:
        here = self._raw.tell()
        self._advance(here - self._seen)
        self._seen = here


def _extract_tar(archive: Path, scratch: Path, advance: Advance) -> None:
    with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:*") as tar:
        meter = _Meter(raw, advance)
        for member in tar:
            target = _inside(archive, scratch, member.name)
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            source = tar.extractfile(member) if member.isfile() else None
            if source is None:
                raise _refusal(archive, f"{member.name} is {_kind(member)}")
            _write(source, target, meter)
        while tar.fileobj is not None and tar.fileobj.read(CHUNK_BYTES):
            meter.update()  # what follows the last member shows whether the compressed file is whole


def _extract_zip(archive: Path, scratch: Path, advance: Advance) -> None:
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            target = _inside(archive, scratch, member.filename)
            mode = member.external_attr >> 16
            if stat.S_ISLNK(mode):
                raise _refusal(archive, f"{member.filename} is a link")
            if member.flag_bits & 1:
                raise _refusal(archive, f"{member.filename} is encrypted")
            if member.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            with opened.open(member) as source:
                _write(source, target, None)
            advance(member.compress_size)


def _write(source: IO[bytes] | gzip.GzipFile, target: Path, meter: _Meter | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as stream:
        while chunk := source.read(CHUNK_BYTES):
            stream.write(chunk)
            if meter is not None:
                meter.update()


def _inside(archive: Path, scratch: Path, name: str) -> Path:
    """Return where a member goes.

    Raises:
        DataError: When its name leads out of the folder.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    outside = path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts or "\0" in name
    if outside:
        raise _refusal(archive, f'"{name}" leads out of the folder')
    return scratch.joinpath(*path.parts)


def _kind(member: tarfile.TarInfo) -> str:
    return "a link" if member.issym() or member.islnk() else "neither a file nor a folder"


def _refusal(archive: Path, reason: str) -> DataError:
    return DataError(f"{archive} is not unpacked: {reason}.", hint="Only plain files below the folder are unpacked.")


def _move_into(scratch: Path, folder: Path) -> None:
    """Move what was unpacked to its place; a folder that is new there moves in one step."""
    for entry in sorted(scratch.iterdir()):
        target = folder / entry.name
        if entry.is_dir() and target.is_dir():
            _move_into(entry, target)
        elif entry.is_dir() != target.is_dir() and target.exists():
            raise DataError(f"{target} stands in the way of what is unpacked there.", hint="Move it elsewhere.")
        else:
            entry.replace(target)


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        free = shutil.disk_usage(folder).free // 2**20
        raise MissingError(
            f"{error.filename or folder} cannot be written: {error.strerror or error}.",
            hint=f"There are {free} MiB free; choose another folder with dataset.data_dir.",
        ) from error
