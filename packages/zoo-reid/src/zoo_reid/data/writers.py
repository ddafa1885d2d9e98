"""Own writing data sets of persons: flat as ST has them, as Market-1501, and in one folder per person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo_core.data.writing import FileNames, Written, place_file
from zoo_core.names import shorten
from zoo_core.protocols import TEST, TRAIN, VALIDATION, ImageDataset, Progress, SplitDatasets
from zoo_reid.data.forms import DISTRACTOR, FLAT, FOLDERS, MARKET1501
from zoo_reid.data.person_files import HeldBack, PersonFiles
from zoo_reid.data.places import TEST_GALLERY, TEST_QUERY, TRAINING, VALIDATED
from zoo_reid.labels import GALLERY, QUERY, PersonLabel

FORBIDDEN = '<>:"/\\|?*'
"""Characters that names of files cannot hold everywhere."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """Hold one picture to write."""

    split: str
    source: Path
    label: PersonLabel


@dataclass(slots=True, kw_only=True)
class _Job:
    """Hold what one conversion needs, and what happens in it."""

    datasets: SplitDatasets
    folder: Path
    link: bool
    progress: Progress
    form: str
    parts: dict[str, str]
    """Key of the `dataset` section -> folder."""
    images: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def held_back(self) -> HeldBack | None:
        """Return how the validation pictures were cut from the training ones, if they were."""
        validation = self.datasets.validation if self.datasets.train is not None else None
        return validation.held_back if isinstance(validation, PersonFiles) else None

    @property
    def labels(self) -> list[PersonLabel]:
        """Return all labels that are written."""
        return [
            label
            for split in (TRAIN, VALIDATION, TEST)
            if (dataset := self.datasets.get(split)) is not None
            for label in dataset.targets
        ]

    def write(self, name: Callable[[PersonLabel, int, bool], str]) -> Written:
        """Write all pictures; those of a validation set that was cut from the training ones return to these.

        Args:
            name: Returns the path of a picture below its folder, without ending, from its label, its number among
                the pictures of its person, from 1, and whether cameras are known.
        """
        section: dict[str, Any] = {"format": self.form}
        numbers: Counter[str] = Counter()
        for key, pictures in self._sets():
            part = self.folder / self.parts[key]
            part.mkdir(parents=True)
            section[key] = self.parts[key]
            names: dict[Path, FileNames] = {}
            known = all(picture.label.camera >= 0 for picture in pictures)
            with self.progress.track(f"Writing {self.parts[key]}", len(pictures)) as bar:
                for picture in pictures:
                    numbers[picture.label.identity] += 1
                    stem = part / name(picture.label, numbers[picture.label.identity], known)
                    if stem.parent not in names:
                        names[stem.parent] = FileNames()
                        stem.parent.mkdir(exist_ok=True)
                    ending = picture.source.suffix.lower()
                    file = names[stem.parent].take(Path(f"{stem.name}{ending}"))
                    place_file(picture.source, stem.parent / file, link=self.link)
                    self.images[picture.split] += 1
                    bar.advance()
        return self._account(section)

    def _sets(self) -> Iterator[tuple[str, list[_Picture]]]:
        """Yield key and pictures of each folder to write, by person and then by path."""
        for key, splits, role in (
            (TRAINING, (TRAIN, VALIDATION) if self.held_back is not None else (TRAIN,), None),
            (VALIDATED, () if self.held_back is not None else (VALIDATION,), None),
            (TEST_QUERY, (TEST,), QUERY),
            (TEST_GALLERY, (TEST,), GALLERY),
        ):
            pictures = [
                _Picture(split, Path(dataset.name(index)), label)
                for split in splits
                if (dataset := self.datasets.get(split)) is not None
                for index, label in _of_role(dataset, role)
            ]
            if pictures:
                yield key, sorted(pictures, key=lambda picture: (picture.label.identity, str(picture.source)))

    def _account(self, section: dict[str, Any]) -> Written:
        if self.held_back is not None:
            section |= {
                "validation_split": self.held_back.share,
                "validation_split_by": self.held_back.by,
                "seed": self.held_back.seed,
            }
            self.notes.append(
                f"Training and validation pictures are written to {self.parts[TRAINING]} together; the validation "
                "settings beside them divide them again."
            )
        section["class_names"] = None
        return Written(section=section, images=dict(self.images), notes=tuple(self.notes))


def write_flat(datasets: SplitDatasets, folder: Path, *, link: bool, progress: Progress) -> Written:
    """Write `reid_training`, `reid_test/query` and `reid_test/gallery` with files `<identity>_<n>`.

    Where every picture of a folder has a camera, names are `<identity>_c<camera>_<n>`. Underscores in identities,
    which would end them, become hyphens.
    """
    parts = {
        TRAINING: "reid_training",
        VALIDATED: "reid_validation",
        TEST_QUERY: "reid_test/query",
        TEST_GALLERY: "reid_test/gallery",
    }
    job = _Job(datasets=datasets, folder=folder, link=link, progress=progress, form=FLAT, parts=parts)
    persons = _rewrite(job, f"_{FORBIDDEN}")

    def name(label: PersonLabel, number: int, known: bool) -> str:
        camera = f"c{label.camera}_" if known else ""
        return f"{persons[label.identity]}_{camera}{number:04d}"

    return job.write(name)


def write_folders(datasets: SplitDatasets, folder: Path, *, link: bool, progress: Progress) -> Written:
    """Write `train`, `query` and `gallery` with a folder for each person and files `<n>` or `c<camera>_<n>`."""
    parts = {TRAINING: "train", VALIDATED: "validation", TEST_QUERY: "query", TEST_GALLERY: "gallery"}
    job = _Job(datasets=datasets, folder=folder, link=link, progress=progress, form=FOLDERS, parts=parts)
    persons = _rewrite(job, FORBIDDEN)

    def name(label: PersonLabel, number: int, known: bool) -> str:
        camera = f"c{label.camera}_" if known else ""
        return f"{persons[label.identity]}/{camera}{number:04d}"

    return job.write(name)


def write_market1501(datasets: SplitDatasets, folder: Path, *, link: bool, progress: Progress) -> Written:
    """Write `bounding_box_train`, `query` and `bounding_box_test` with files `<person>_c<camera>s1_<n>_00`.

    Persons are numbered from 1 in the order of their names, except for distractors, who stay 0000; cameras from 1.
    Where cameras are not known, every picture of a person gets one of its own, since a search leaves pictures out that
    show the right person through the query's camera.
    """
    parts = {
        TRAINING: "bounding_box_train",
        VALIDATED: "bounding_box_validation",
        TEST_QUERY: "query",
        TEST_GALLERY: "bounding_box_test",
    }
    job = _Job(datasets=datasets, folder=folder, link=link, progress=progress, form=MARKET1501, parts=parts)
    labels = job.labels
    persons = _numbered(labels)
    cameras = [label.camera for label in labels]
    if any(camera < 0 for camera in cameras):
        job.notes.append("No cameras are known for some pictures; each of a person's pictures there has its own.")
    shift = 1 if 0 in cameras else 0
    job.notes.append(f"{len(persons)} persons are numbered in the order of their names.")

    def name(label: PersonLabel, number: int, known: bool) -> str:
        camera = label.camera + shift if known else number
        return f"{persons[label.identity]:04d}_c{camera}s1_{number:06d}_00"

    return job.write(name)


def _of_role(dataset: ImageDataset, role: str | None) -> Iterator[tuple[int, PersonLabel]]:
    return ((index, label) for index, label in enumerate(dataset.targets) if role is None or label.role == role)


def _numbered(labels: Sequence[PersonLabel]) -> dict[str, int]:
    """Return the number of each person; gallery pictures of nobody in particular have 0."""
    roles: dict[str, set[str]] = {}
    for label in labels:
        roles.setdefault(label.identity, set()).add(label.role)
    nobody = {DISTRACTOR} if roles.get(DISTRACTOR) == {GALLERY} else set()
    numbers = {name: number for number, name in enumerate(sorted(set(roles) - nobody), start=1)}
    return numbers | dict.fromkeys(nobody, 0)


def _rewrite(job: _Job, forbidden: str) -> dict[str, str]:
    """Return the name of each person in files, without some characters, and say which had to change."""
    table = str.maketrans(dict.fromkeys(forbidden, "-"))
    written: dict[str, str] = {}
    taken: set[str] = set()
    identities = {label.identity for label in job.labels}
    for identity in sorted(identities, key=lambda name: (name != name.translate(table), name)):
        stem = identity.translate(table).lstrip(".") or "person"
        name, number = stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        written[identity] = name
    changed = [f"{old} as {new}" for old, new in sorted(written.items()) if old != new]
    if changed:
        job.notes.append(f"{len(changed)} persons are written under other names: {shorten(changed)}.")
    return written
