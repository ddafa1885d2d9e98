"""Own the folder that may stand for a checkpoint where a training is resumed: that of the earlier run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.config.dialects.moves import look
from zoo_core.config.paths import absolute
from zoo_core.config.places import Places
from zoo_core.errors import ConfigIssue
from zoo_core.names import shorten

if TYPE_CHECKING:
    from zoo_core.plugins.catalog import Catalog

SECTION, NAME = "training", "resume_training_from"
KEY = f"{SECTION}.{NAME}"
DEPTH = 2
"""Folders below the named one in which a checkpoint is looked for."""


def take_checkpoint(data: dict[str, Any], catalog: Catalog, places: Places) -> tuple[list[str], list[ConfigIssue]]:
    """Replace the folder of an earlier training by the newest of its last checkpoints, in place.

    Args:
        data: The canonical configuration.
        catalog: What is installed; its use cases say how their last checkpoints are called.
        places: Where the keys were written.

    Returns:
        What was read otherwise than it was written, and what is wrong.
    """
    section, text = data.get(SECTION), look(data, KEY)
    if not isinstance(section, dict) or not isinstance(text, str):
        return [], []
    folder = absolute(text.strip(), places.folder(KEY))
    if not text.strip() or not folder.is_dir():
        return [], []
    names = sorted({entry.spec.files.last for entry in catalog.tasks.entries()})
    found = _newest(folder, names)
    if found is None:
        data[SECTION] = {key: value for key, value in section.items() if key != NAME}
        expected = f"Expected {shorten(names)} there or in a folder below, or the path of the file itself."
        return [], [places.issue(KEY, f"no checkpoint of a training lies in the folder {folder}", expected)]
    data[SECTION] = {**section, NAME: str(found)}
    return [f"{KEY}: the last checkpoint in {folder} is {found.relative_to(folder)}"], []


def _newest(folder: Path, names: Iterable[str]) -> Path | None:
    """Return the file of one of these names that was written last, in the folder or not far below it."""
    try:
        patterns = ["*/" * depth + name for depth in range(DEPTH + 1) for name in names]
        files = [path for pattern in patterns for path in folder.glob(pattern) if path.is_file()]
        return max(files, key=lambda path: path.stat().st_mtime_ns, default=None)
    except OSError:
        return None
