"""Own the paths of a configuration: relative to the file that holds them, and there when they must be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from zoo_core.config.dialects.moves import is_nothing
from zoo_core.config.places import Places
from zoo_core.config.values import members
from zoo_core.errors import ConfigIssue
from zoo_core.names import did_you_mean

PLACEHOLDER = re.compile(r"<[^<>]+>")
WINDOWS_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
KINDS = {"existing path": "file or directory", "existing directory": "directory", "existing file": "file"}


@dataclass(frozen=True, slots=True)
class PathField:
    """Point at one path inside the raw values of a section."""

    holder: Any
    """Dictionary or list that holds the value."""
    name: Any
    key: str
    """Dotted key of the whole configuration."""
    kind: str | None
    """What must exist under the path, if anything."""

    @property
    def path(self) -> Path:
        """Return the path as it stands."""
        return Path(self.holder[self.name])


def path_fields(section: type[BaseModel], data: Any, key: str) -> Iterator[PathField]:
    """Find every path that is given in the raw values of a section."""
    if not isinstance(data, dict):
        return
    for name, field in section.model_fields.items():
        for spelled in dict.fromkeys((name, field.alias)):
            if spelled in data and not is_nothing(data[spelled]):
                marks = tuple(item for item in field.metadata if isinstance(item, str))
                yield from _within(field.annotation, marks, data, spelled, f"{key}.{spelled}")


def _within(annotation: Any, marks: tuple[str, ...], holder: Any, name: Any, key: str) -> Iterator[PathField]:
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        own = tuple(item for item in extras if isinstance(item, str))
        yield from _within(inner, (*own, *marks), holder, name, key)
        return
    value = holder[name]
    parts = members(annotation)
    if len(parts) > 1:
        for part in get_args(annotation):
            yield from _within(part, marks, holder, name, key)
    elif parts[0] is Path:
        if isinstance(value, str) and not is_nothing(value):
            yield PathField(holder, name, key, next((KINDS[mark] for mark in marks if mark in KINDS), None))
    elif get_origin(annotation) in (list, tuple) and isinstance(value, list):
        for index in range(len(value)):
            yield from _within(get_args(annotation)[0], marks, value, index, f"{key}.{index}")
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from path_fields(annotation, value, key)


def make_absolute(section: type[BaseModel], data: Any, key: str, places: Places) -> None:
    """Replace every path of a section by the absolute one, in place."""
    for field in path_fields(section, data, key):
        field.holder[field.name] = str(absolute(field.holder[field.name], places.folder(field.key)))


def absolute(text: str, folder: Path) -> Path:
    """Return a path below a folder, unless it is absolute or names a drive of Windows."""
    if WINDOWS_DRIVE.match(text):
        return Path(text)
    return _normal(folder / Path(text).expanduser())


def _normal(path: Path) -> Path:
    """Remove `.` and `..` without following links; a link on the way keeps the parts as they are."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts and not Path(*parts).is_symlink():
            if len(parts) > 1:
                parts.pop()
        else:
            parts.append(part)
    return Path(*parts)


def absent_paths(section: type[BaseModel], data: Any, key: str, places: Places) -> Iterator[ConfigIssue]:
    """Return an issue per path of a section that must exist and does not; the paths are absolute."""
    for field in path_fields(section, data, key):
        if field.kind is None or _exists(field.path, field.kind):
            continue
        yield places.issue(field.key, _complaint(field.path, field.kind), _cure(field.path))


def _exists(path: Path, kind: str) -> bool:
    try:
        return {"file": path.is_file, "directory": path.is_dir}.get(kind, path.exists)()
    except OSError:
        return False


def _complaint(path: Path, kind: str) -> str:
    if _exists(path, "any"):
        return f"{path} is a {'directory' if path.is_dir() else 'file'}, not a {kind}"
    return f"there is no {kind} {path}"


def _cure(path: Path) -> str | None:
    if _exists(path, "any"):
        return None
    if PLACEHOLDER.search(str(path)):
        return "Put your own path in place of what stands between < and >."
    missing = path
    while not _exists(missing.parent, "directory") and missing.parent != missing:
        missing = missing.parent
    if missing not in (path, missing.parent):
        return f"There is no directory {missing} either."
    try:
        return did_you_mean(path.name, sorted(entry.name for entry in path.parent.iterdir()))
    except OSError:
        return None
