"""Own where the sets of a data set lie: as the configuration names them, else inside the folder of a known data set.

Nothing heavy is imported here, since the check of configurations reads it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from zoo_reid.data.forms import DEEPSPORTRADAR, DUKEMTMC, MARKET1501, MSMT17, stated_form

TRAINING, VALIDATED = "training_path", "validation_path"
TEST_QUERY, TEST_GALLERY = "test_query_path", "test_gallery_path"
PREDICTION_QUERY, PREDICTION_GALLERY = "prediction_query_path", "prediction_gallery_path"
KEYS = (TRAINING, VALIDATED, TEST_QUERY, TEST_GALLERY, PREDICTION_QUERY, PREDICTION_GALLERY)
"""Keys of the `dataset` section that name sets of persons."""
CHALLENGE = "reid_challenge"
"""Folder of DeepSportradar's pictures whose persons are not told."""

_BOXES = {
    TRAINING: "bounding_box_train",
    VALIDATED: "bounding_box_validation",
    TEST_QUERY: "query",
    TEST_GALLERY: "bounding_box_test",
}
_LISTS = {
    TRAINING: "list_train.txt",
    VALIDATED: "list_val.txt",
    TEST_QUERY: "list_query.txt",
    TEST_GALLERY: "list_gallery.txt",
}
_SPORT = {
    TRAINING: "reid_training",
    VALIDATED: "reid_validation",
    TEST_QUERY: "reid_test/query",
    TEST_GALLERY: "reid_test/gallery",
}
_CHALLENGE = {PREDICTION_QUERY: f"{CHALLENGE}/query", PREDICTION_GALLERY: f"{CHALLENGE}/gallery"}
_PLAIN = {TRAINING: "train", VALIDATED: "validation", TEST_QUERY: "query", TEST_GALLERY: "gallery"}
_LAYOUTS: Mapping[str, tuple[Mapping[str, str], ...]] = {
    MARKET1501: (_BOXES,),
    DUKEMTMC: (_BOXES,),
    MSMT17: (_LISTS,),
    DEEPSPORTRADAR: ({**_SPORT, **_CHALLENGE},),
}
_USUAL = (_SPORT, _BOXES, _PLAIN)
_COMPLETE = frozenset({TRAINING, TEST_QUERY, TEST_GALLERY})
_DEPTH = 2
_EXAMINED = 500
"""Folders below `data_dir` in which the parts are looked for."""


@dataclass(frozen=True, slots=True)
class Place:
    """Say where one set lies."""

    key: str
    """What leads to it, for people: a key of the configuration, with the part of `data_dir` where it is that."""
    path: Path


def locate(section: Any) -> dict[str, Place]:
    """Return the place of each set that a `dataset` section names, or that `data_dir` holds."""
    found = {
        key: Place(f"dataset.data_dir ({path.relative_to(section.data_dir).as_posix()})", path)
        for key, path in _parts(section)
    }
    for key in KEYS:
        path = getattr(section, key)
        if path is not None:
            found[key] = Place(f"dataset.{key}", path)
    return found


def parts_wanted(section: Any, keys: Iterable[str] = KEYS) -> tuple[str, ...]:
    """Return the names by which the parts of `data_dir` that stand for some keys are found."""
    wanted = frozenset(keys)
    found = (name for layout in _layouts(section) for key, name in layout.items() if key in wanted)
    return tuple(dict.fromkeys(found))


def _layouts(section: Any) -> tuple[Mapping[str, str], ...]:
    form = stated_form(section)
    return _USUAL if form is None else _LAYOUTS.get(form, _USUAL)


def _parts(section: Any) -> Iterator[tuple[str, Path]]:
    """Yield the parts of the folder below `data_dir` that has most of them, `data_dir` itself first."""
    if section.data_dir is None:
        return
    best: dict[str, Path] = {}
    for folder in islice(_folders(section.data_dir), _EXAMINED):
        for layout in _layouts(section):
            parts = {key: path for key, name in layout.items() if (path := folder / name).exists()}
            if len(parts) > len(best):
                best = parts
        if best.keys() >= _COMPLETE:
            break
    if section.validation_split is not None:
        best.pop(VALIDATED, None)
    yield from best.items()


def _folders(root: Path) -> Iterator[Path]:
    """Yield a folder and those below it, the nearest first."""
    level = [root] if root.is_dir() else []
    for depth in range(_DEPTH + 1):
        yield from level
        if depth < _DEPTH:
            level = [path for folder in level for path in _below(folder)]


def _below(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    except OSError:
        return []
