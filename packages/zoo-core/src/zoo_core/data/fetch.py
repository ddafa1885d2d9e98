"""Own the fetching of data sets: each file by address and hash, unpacked where the data set's layout wants it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from zoo_core.data.archives import is_archive, unpack
from zoo_core.data.download import cache_dir, download
from zoo_core.protocols import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """Name a file of a data set: where it comes from, what it holds, where it goes."""

    url: str
    sha256: str
    into: str = ""
    """Folder below the data folder that it is put or unpacked into."""


def default_folder() -> Path:
    """Return where data sets are put when the user names no folder."""
    return cache_dir() / "datasets"


def fetch(files: Iterable[RemoteFile], folder: Path, progress: Progress) -> None:
    """Fetch files, check their hashes and put them below a folder; archives are unpacked and not kept.

    Raises:
        MissingError: When a file cannot be fetched, has another hash, or the disk refuses.
        DataError: When an archive cannot be unpacked.
    """
    for file in files:
        path = download(file.url, sha256=file.sha256, progress=progress)
        target = folder / file.into
        if is_archive(path):
            unpack(path, target, progress=progress)
            path.unlink()
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / path.name)
