"""Own the list of classes that a configuration states: in the file itself, or in a text file beside it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from zoo_core.errors import DataError
from zoo_core.names import shorten


def stated_classes(section: Any) -> tuple[str, ...]:
    """Return the classes that the `dataset` section states, in the user's order, or none.

    Raises:
        DataError: When a name stands there twice or the text file cannot be read.
    """
    names = tuple(section.class_names or ())
    key = "dataset.class_names"
    if not names and section.classes_file_path is not None:
        key = f"dataset.classes_file_path: {section.classes_file_path}"
        try:
            text = section.classes_file_path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{key} cannot be read as text: {error}.") from error
        names = tuple(line.strip() for line in text.splitlines() if line.strip())
        if not names:
            raise DataError(f"{key} holds no names; expected one on each line.")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{key} names some classes more than once: {shorten(twice)}.")
    return names
