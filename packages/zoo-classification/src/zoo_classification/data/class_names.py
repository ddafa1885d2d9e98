"""Own the order of the classes: as the configuration states them, as the data set fixes them, or by the folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zoo_classification.data.class_folders import ClassFolders
from zoo_core.errors import DataError
from zoo_core.names import shorten


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Hold the classes of a data set that fixes them by number, in the order of the run."""

    names: tuple[str, ...]
    """Class of each index, as the user calls it."""
    places: tuple[int, ...]
    """Index of the class of each label."""
    own_names: tuple[str, ...]
    """Class of each index, as the data set calls it."""

    def spelling_of(self, found: Sequence[str]) -> tuple[str, ...]:
        """Return the names in the order of the indices, in the spelling that some folders have."""
        return self.names if set(found) <= set(self.names) else self.own_names


def arrange(given: Sequence[str], own: Sequence[str], title: str) -> Arrangement:
    """Put the classes that a data set fixes in the order of the user.

    Its own names in another order are that order. Other names stand for its classes one by one; a name of its own
    among them must then stand in its own place.

    Raises:
        DataError: When the names are neither.
    """
    if set(given) == set(own):
        return Arrangement(tuple(given), tuple(given.index(name) for name in own), tuple(given))
    names = tuple(given) or tuple(own)
    if len(names) != len(own):
        raise DataError(
            f"{title} has {len(own)} classes, dataset.class_names or its file states {len(names)}.",
            hint=f"Remove the key, or name {shorten(own)}.",
        )
    moved = [name for name, place in zip(names, own, strict=True) if name in own and name != place]
    if moved:
        unknown = [name for name in names if name not in own]
        raise DataError(
            f"{title} has no class {shorten(unknown)}; its classes are {shorten(own)}.",
            hint="Names of your own are possible when they stand for the classes in this order.",
        )
    return Arrangement(names, tuple(range(len(own))), tuple(own))


def folder_order(given: Sequence[str], trees: Sequence[ClassFolders], *, may_rename: bool) -> tuple[str, ...]:
    """Return the class folders in the order of the class indices.

    With `may_rename`, as many names as folders that are no folder names stand for the sorted folders.
    """
    if not trees:
        return tuple(given)
    found = trees[0].names
    if not given:
        return found
    renamed = may_rename and len(given) == len(found) and not set(given) & set(found)
    return found if renamed else tuple(given)


def count_problems(section: Any, classes: Sequence[str], *, training: bool) -> list[str]:
    """Return in words what is wrong with the number of classes."""
    problems = []
    if section.num_classes is not None and classes and section.num_classes != len(classes):
        problems.append(f"dataset.num_classes is {section.num_classes}, and there are {len(classes)} classes")
    if training and len(classes) == 1:
        problems.append(f"there is one class only ({classes[0]}); a classifier needs two or more")
    return problems
