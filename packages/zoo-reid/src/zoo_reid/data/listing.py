"""Own the listing of one set of pictures: which files it has, who is on them, and what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo_core.data.images import IMAGE_SUFFIXES, is_image_name
from zoo_core.errors import DataError
from zoo_core.names import shorten
from zoo_reid.data.forms import DEEPSPORTRADAR, DISTRACTOR, EXPECTED, FLAT, FOLDERS, JUNK, MARKET1501, MSMT17, read_name
from zoo_reid.data.msmt17 import LIST_SUFFIX, is_test_part, read_list, refuse_root
from zoo_reid.data.places import CHALLENGE, Place
from zoo_reid.data.report import Report
from zoo_reid.labels import GALLERY, UNKNOWN

TEST_PREFIX = "test/"
"""What identities of MSMT17's test part begin with: its persons are numbered from 0 again, and are others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Hold the files of one set in columns, sorted by path."""

    key: str
    """What leads to the set, for people."""
    files: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    """Person on each picture; empty where nobody says it."""
    cameras: tuple[int, ...] = ()
    """Camera of each picture; -1 for all where not all have one."""

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.files)

    @property
    def persons(self) -> list[str]:
        """Return the persons, sorted."""
        return sorted(set(self.identities) - {""})

    def chosen(self, indices: Iterable[int]) -> Pictures:
        """Return some of the pictures, in the given order."""
        kept = list(indices)
        return Pictures(
            key=self.key,
            files=tuple(self.files[index] for index in kept),
            identities=tuple(self.identities[index] for index in kept),
            cameras=tuple(self.cameras[index] for index in kept),
        )

    def of_persons(self, names: Iterable[str]) -> Pictures:
        """Return the pictures of some persons."""
        wanted = set(names)
        return self.chosen(index for index, name in enumerate(self.identities) if name in wanted)

    def without_cameras(self) -> Pictures:
        """Return the same, as if no name told a camera."""
        return Pictures(
            key=self.key, files=self.files, identities=self.identities, cameras=(UNKNOWN,) * len(self.files)
        )


def read_pictures(place: Place, form: str | None, report: Report, *, role: str, lenient: bool = False) -> Pictures:
    """Return the pictures of one set, without opening them.

    Args:
        place: Folder, list of MSMT17, or one picture.
        form: Form of the data set; recognised from what lies there when absent.
        report: Where problems and notes go.
        role: What the set serves: `query`, `gallery` or `both`.
        lenient: Whether pictures are taken whose names tell no person.
    """
    path, prefix = place.path, ""
    if path.is_file() and path.suffix.lower() == LIST_SUFFIX:
        form = MSMT17
        root, names = read_list(place, report)
        if not names:
            return Pictures(key=place.key)
        prefix = TEST_PREFIX if is_test_part(root) else ""
    elif path.is_file():
        root, names = path.parent, [path.name] if is_image_name(path) else []
        form = FLAT if form in (None, FOLDERS) else form
    else:
        if form == MSMT17 and refuse_root(place, report):
            return Pictures(key=place.key)
        root, names = path, list_names(path)
        form = form or recognise(names)
        prefix = TEST_PREFIX if form == MSMT17 and is_test_part(root) else ""
    if not names:
        report.problem(f"{place.key}: {path} holds no pictures", _hint_for_empty(path))
        return Pictures(key=place.key)
    if not lenient:
        _refuse_places(place, form, names, report)
    rows = [read_name(form, name) for name in names]
    if form == DEEPSPORTRADAR and lenient and CHALLENGE in path.parts:
        rows = [("", UNKNOWN)] * len(rows)
    if not lenient:
        _refuse_unnamed(place, form, [name for name, row in zip(names, rows, strict=True) if not row[0]], names, report)
    base = f"{root}{os.sep}"
    complete = all(camera >= 0 for _, camera in rows)
    found = Pictures(
        key=place.key,
        files=tuple(base + name for name in names),
        identities=tuple(prefix + identity if identity else "" for identity, _ in rows),
        cameras=tuple(camera if complete else UNKNOWN for _, camera in rows),
    )
    return _without_nobody(found, report, role=role) if form == MARKET1501 else found


def list_names(root: Path) -> list[str]:
    """Return the image files below a folder as sorted relative paths with `/`; hidden files and folders are left out.

    Raises:
        DataError: When the folder cannot be read.
    """
    found: list[str] = []

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}.")

    skipped = len(str(root)) + 1
    for directory, folders, files in os.walk(root, followlinks=True, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = directory[skipped:].replace(os.sep, "/")
        start = f"{below}/" if below else ""
        found += [
            start + name
            for name in files
            if not name.startswith(".") and f".{name.rpartition('.')[2].lower()}" in IMAGE_SUFFIXES
        ]
    return sorted(found)


def recognise(names: Sequence[str]) -> str:
    """Return the form of a folder by its pictures: one folder per person when none lies in the folder itself."""
    return FOLDERS if names and all("/" in name for name in names) else FLAT


def _refuse_places(place: Place, form: str, names: Sequence[str], report: Report) -> None:
    """Refuse pictures in sub-folders, or outside of them where they say who a person is."""
    if form == MSMT17:
        return
    if form == FOLDERS:
        loose = [name for name in names if "/" not in name]
        if loose:
            report.problem(
                f"{place.key}: {len(loose)} of {len(names)} pictures of {place.path} lie outside the folders of "
                f"persons: {shorten(loose)}",
                "Where names of files tell the persons, set dataset.format: flat.",
            )
        return
    folders = sorted({name.partition("/")[0] for name in names if "/" in name})
    if folders:
        report.problem(
            f"{place.key}: {place.path} has sub-folders with pictures, which the form {form} does not: "
            f"{shorten(folders)}",
            "Name the folder that holds the pictures itself. Where each person has a folder, set dataset.format: "
            "folders and leave no pictures beside them.",
        )


def _refuse_unnamed(place: Place, form: str, unnamed: Sequence[str], names: Sequence[str], report: Report) -> None:
    if form == FOLDERS:
        return
    if form != MSMT17:
        unnamed = [name for name in unnamed if "/" not in name]
    if unnamed:
        report.problem(
            f"{place.key}: {len(unnamed)} of {len(names)} names of {place.path} tell no person: {shorten(unnamed)}",
            f"Expected {EXPECTED[form]}. Other forms: set dataset.format.",
        )


def _without_nobody(found: Pictures, report: Report, *, role: str) -> Pictures:
    """Return Market-1501's pictures without junk, and without distractors where nobody searches through the set."""
    counts = {name: found.identities.count(name) for name in (JUNK, DISTRACTOR)}
    left_out = {JUNK} if role == GALLERY else {JUNK, DISTRACTOR}
    if counts[JUNK]:
        report.notes.append(f"{found.key}: {counts[JUNK]} pictures of the junk person {JUNK} are left out.")
    if counts[DISTRACTOR] and role == GALLERY:
        report.notes.append(f"{found.key}: {counts[DISTRACTOR]} pictures are distractors (person {DISTRACTOR}).")
    elif counts[DISTRACTOR]:
        report.notes.append(
            f"{found.key}: {counts[DISTRACTOR]} distractors (person {DISTRACTOR}) are left out, since they belong to a "
            "gallery."
        )
    if not any(counts[name] for name in left_out):
        return found
    return found.chosen(index for index, name in enumerate(found.identities) if name not in left_out)


def _hint_for_empty(path: Path) -> str:
    if path.is_file():
        return f"Name a folder of pictures, a picture, or a list of MSMT17 ({LIST_SUFFIX})."
    return "Name the folder that holds the pictures."
