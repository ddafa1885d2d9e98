"""Own what a card says of places on the machine of the run: files of the run by their place in it, others by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from zoo_core.runs.store import RunRecord

PARTS_OF_DATA = frozenset({
    "all", "annotations", "data", "images", "labels", "test", "train", "training", "val", "valid", "validation",
})  # fmt: skip
"""Names of folders and files that say nothing of the data set that they are a part of."""
HOMES = frozenset({"home", "users"})
SHALLOW = 3
PART = r"[^\s\\/'\"`,;:()|<>\[\]]+"
ABSOLUTE = re.compile(
    r"(?:file://|(?<![\w.:/~<]))"  # not within an address or another path
    r"(?:(?:~|[A-Za-z]:)?/|[A-Za-z]:\\|\\\\)"
    rf"(?:{PART}[\\/])*{PART}"
)


class Places:
    """Replace paths of one machine in texts of a run."""

    def __init__(self, record: RunRecord) -> None:
        self._run = {str(record.run_dir.resolve()), str(record.run_dir.absolute())}
        config = record.manifest.config.get("hydra")
        known = {record.manifest.base_dir, record.manifest.config_file, *_absolute(record.manifest.config)}
        if isinstance(config, Mapping) and isinstance(folder := (config.get("run") or {}).get("dir"), str):
            self._run |= {folder} if _is_absolute(folder) else set()
        self._known = sorted((path for path in known - self._run if _is_absolute(path)), key=len, reverse=True)

    def clean(self, text: object) -> str:
        """Return a text without the folders that lead to what it names."""
        line = str(text)
        for folder in sorted(self._run, key=len, reverse=True):
            line = line.replace(f"{folder}/", "").replace(f"{folder}\\", "").replace(folder, "the run folder")
        for path in self._known:
            line = line.replace(path, last_name(path))
        return ABSOLUTE.sub(lambda found: last_name(found[0]), line)


def last_name(path: str) -> str:
    """Return the last name of a path of any system."""
    return PureWindowsPath(path).name or PurePosixPath(path).name or "."


def data_name(path: str) -> str:
    """Return the last folder or file of a data set; of a folder named after a part of it, such as `train`, its parent.

    A parent that may be named after a person, or that lies at the root, is not told.
    """
    windows = "\\" in path or PureWindowsPath(path).drive != ""
    place = PureWindowsPath(path) if windows else PurePosixPath(path)
    parent = place.parent
    if place.stem.lower() in PARTS_OF_DATA and len(place.parts) > SHALLOW and parent.parent.name.lower() not in HOMES:
        return parent.name
    return place.name or "."


def in_run(path: str | Path, run_dir: Path) -> str:
    """Return a path relative to the run folder where it lies in there, else its last name."""
    found = Path(path).absolute()
    for folder in (run_dir.absolute(), run_dir.resolve()):
        if found.is_relative_to(folder):
            return found.relative_to(folder).as_posix()
    return found.name


def _absolute(data: Any) -> Iterator[str]:
    """Yield every absolute path among the values of a configuration."""
    if isinstance(data, str):
        if _is_absolute(data):
            yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _absolute(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _absolute(value)


def _is_absolute(text: str) -> bool:
    if "\n" in text or len(text.rstrip("/\\")) <= 1:
        return False
    return PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
