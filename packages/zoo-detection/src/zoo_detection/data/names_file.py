"""Own the files beside annotations that name the classes in their order."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from zoo_core.errors import DataError
from zoo_core.names import shorten
from zoo_detection.data.sources import Source

TEXT_FILES = ("classes.txt", "obj.names")
YAML_FILES = ("data.yaml", "data.yml")
LEVELS = 3
"""Folders that are looked in by default: that of the annotations and two above it."""


def declared_names(source: Source, levels: int = LEVELS) -> tuple[str, ...]:
    """Return the classes that a file in or above the folders of annotations and images names, or none.

    The files are `classes.txt`, `obj.names` with one name on each line, and `data.yaml` with the key `names`.

    Raises:
        DataError: When such a file holds no names, or a name twice.
    """
    for folder in _folders(source, levels):
        for file in (*TEXT_FILES, *YAML_FILES):
            path = folder / file
            if path.is_file():
                names = _from_yaml(path) if file in YAML_FILES else _from_text(path)
                if names:
                    return _checked(path, names)
    return ()


def _folders(source: Source, levels: int) -> list[Path]:
    starts = (source.annotations, source.images)
    return list(dict.fromkeys(path for start in starts for path in (start, *start.parents)[:levels]))


def _from_text(path: Path) -> tuple[str, ...]:
    names = tuple(line.strip() for line in _text(path).splitlines() if line.strip())
    if not names:
        raise DataError(f"{path} holds no names; expected one on each line.")
    return names


def _from_yaml(path: Path) -> tuple[str, ...]:
    try:
        document = yaml.safe_load(_text(path))
    except yaml.YAMLError as error:
        raise DataError(f"{path} is no YAML: {' '.join(str(error).split())}.") from error
    names: Any = document.get("names") if isinstance(document, dict) else None
    if isinstance(names, dict):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise DataError(f"{path}: the keys of names are {shorten(names)}, expected 0 to {len(names) - 1}.")
        names = [names[number] for number in range(len(names))]
    if names is None:
        return ()
    if not isinstance(names, list) or not names:
        raise DataError(f"{path}: names is no list of classes.")
    return tuple(str(name) for name in names)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text: {error}.") from error


def _checked(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{path} names some classes more than once: {shorten(twice)}.")
    return names
