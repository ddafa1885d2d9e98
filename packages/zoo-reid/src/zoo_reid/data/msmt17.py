"""Own the lists of MSMT17: which pictures they name, and in which folder these lie."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from zoo_core.names import shorten
from zoo_reid.data.places import Place
from zoo_reid.data.report import Report

LIST_SUFFIX = ".txt"
TRAINING_PARTS = ("train", "mask_train_v2")
TEST_PARTS = ("test", "mask_test_v2")
"""Folders of pictures in versions 1 and 2, compared in lower case."""
TEST_LISTS = ("query", "gallery", "test")
"""Words in the names of lists of test pictures."""
ROOT_MARK = "list_train.txt"
_TRIED = 50
"""Lines of a list by which the folder of its pictures is found."""


def is_test_part(root: Path) -> bool:
    """Tell whether a folder holds the test pictures, whose persons are numbered anew."""
    return root.name.lower() in TEST_PARTS


def refuse_root(place: Place, report: Report) -> bool:
    """Refuse the folder of the whole data set where the pictures of one set are expected; tell whether it is that."""
    if not (place.path / ROOT_MARK).exists():
        return False
    report.problem(
        f"{place.key}: {place.path} is the folder of the whole data set",
        "Name it in dataset.data_dir, or name its folders of persons or its lists one by one.",
    )
    return True


def read_list(place: Place, report: Report) -> tuple[Path, list[str]]:
    """Return the folder of the pictures that a list names, and their paths below it, sorted; none after a problem.

    Lines are `0000/0000_000_01_0303morning_0008_0.jpg 0`: path and number of the person.
    """
    path = place.path
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        report.problem(f"{place.key}: {path} cannot be read as text: {error}")
        return path.parent, []
    names = sorted({_name(line) for line in text.splitlines() if line.strip()})
    if not names:
        report.problem(f"{place.key}: {path} lists no pictures", "Expected lines of a path and a number.")
        return path.parent, []
    roots = list(_roots(path))
    tried = names[:: max(1, len(names) // _TRIED)]
    root = max(roots, key=lambda folder: sum((folder / name).is_file() for name in tried))
    absent = _absent(root, names)
    if absent:
        where = root if len(absent) < len(names) else ", ".join(map(str, roots))
        report.problem(
            f"{place.key}: {len(absent)} of {len(names)} pictures that {path} lists are not in {where}: "
            f"{shorten(absent)}",
            "Unpack the whole data set beside its lists.",
        )
        return root, []
    return root, names


def _name(line: str) -> str:
    head, _, last = line.strip().rpartition(" ")
    return (head.strip() if head and last.isdigit() else line.strip()).replace("\\", "/")


def _roots(path: Path) -> Iterator[Path]:
    """Yield the folders in which the pictures of a list may lie, the likeliest first."""
    parts = (*TRAINING_PARTS, *TEST_PARTS)
    if any(word in path.stem.lower() for word in TEST_LISTS):
        parts = (*TEST_PARTS, *TRAINING_PARTS)
    there = {folder.name.lower(): folder for folder in path.parent.iterdir() if folder.is_dir()}
    yield from (there[part] for part in parts if part in there)
    yield path.parent


def _absent(root: Path, names: Sequence[str]) -> list[str]:
    """Return the names below a folder that are not there, looking once into each folder."""
    there: dict[str, frozenset[str]] = {}
    absent = []
    for name in names:
        folder, _, file = name.rpartition("/")
        if folder not in there:
            there[folder] = _files(root / folder)
        if file not in there[folder]:
            absent.append(name)
    return absent


def _files(folder: Path) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries)
    except OSError:
        return frozenset()
