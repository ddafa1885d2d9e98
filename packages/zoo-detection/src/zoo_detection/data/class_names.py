"""Own the classes of a run: as the configuration states them, else as the annotations declare them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoo_core.data.stated_classes import stated_classes
from zoo_core.errors import DataError
from zoo_core.names import did_you_mean, shorten
from zoo_detection.data.table import UNKNOWN, BoxTable

PERSON = ("person",)
IMPLIED = {"coco_person": PERSON}
"""Name of a data set -> the classes that it is restricted to when the configuration names none."""


def given_names(section: Any) -> tuple[str, ...]:
    """Return the classes that the `dataset` section states, or that the name of the data set implies, or none.

    Raises:
        DataError: When a name stands there twice or the text file cannot be read.
    """
    names = stated_classes(section)
    return names or IMPLIED.get((section.dataset_name or "").casefold(), ())


def choose_names(section: Any, tables: Mapping[str, BoxTable], *, union: bool) -> tuple[str, ...]:
    """Return the classes of a run.

    Args:
        section: The `dataset` section.
        tables: What was read, by the key that leads to it, training first.
        union: Whether annotations only show classes that occur, so that those of all splits count together.

    Raises:
        DataError: When a stated class is in no annotations, the number of classes is not the stated one, or a split
            has boxes of classes that training does not know.
    """
    given = given_names(section)
    if tables and given:
        _refuse_unknown(given, tables)
    names = given or _declared(tables, union=union)
    if section.num_classes is not None and names and section.num_classes != len(names):
        raise DataError(
            f"dataset.num_classes is {section.num_classes}, and there are {len(names)} classes: {shorten(names)}.",
            hint="Remove dataset.num_classes, or name the classes you mean in dataset.class_names.",
        )
    if tables and not given:
        _refuse_strangers(names, tables)
    return names


def _declared(tables: Mapping[str, BoxTable], *, union: bool) -> tuple[str, ...]:
    if not tables:
        return ()
    first = next(iter(tables.values())).names
    every = {name for table in tables.values() for name in table.names}
    return tuple(sorted(every)) if union and every != set(first) else first


def _refuse_unknown(given: Sequence[str], tables: Mapping[str, BoxTable]) -> None:
    known = list(dict.fromkeys(name for table in tables.values() for name in table.names))
    unknown = [name for name in given if name not in known]
    if unknown:
        near = [text for name in unknown if (text := did_you_mean(name, known))]
        raise DataError(
            f"The annotations have no class {shorten(unknown)}; their classes are {shorten(known, 100)}.",
            hint=" ".join(dict.fromkeys(near)) or "Correct dataset.class_names.",
        )


def _refuse_strangers(names: Sequence[str], tables: Mapping[str, BoxTable]) -> None:
    problems = []
    for key, table in tables.items():
        seen = np.unique(table.classes[table.classes != UNKNOWN]).tolist()
        strange = [table.names[number] for number in seen if table.names[number] not in names]
        if strange:
            problems.append(f"{key} has boxes of classes that {next(iter(tables))} does not know: {shorten(strange)}.")
    if problems:
        raise DataError("\n".join(problems), hint="Name the classes you mean in dataset.class_names.")
