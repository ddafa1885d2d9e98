"""Own the judgement of what surveys of the splits found: what must be mended, what is worth knowing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from zoo_core.data.inspection.survey import Survey
from zoo_core.protocols import TEST, TRAIN, VALIDATION

JUDGED = (TRAIN, VALIDATION, TEST)
"""Splits that must not share images; calibration takes training images, and prediction may take any."""
IMBALANCE = 5.0
"""Images of the largest class for one of the smallest from which on it is worth knowing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """State one fact about the data, with the images it is about."""

    kind: str
    """`unreadable`, `shared`, `contradiction`, `empty_class`, `repeated`, `imbalance`, or a word of the data set's."""
    problem: bool
    """Whether it must be mended; the others are worth knowing."""
    text: str
    items: tuple[str, ...] = ()
    """One line for each image, group of images or class."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """Point at one of several equal images."""

    split: str
    name: str
    target: str | None

    def __str__(self) -> str:
        return f"{self.split} {self.name}"


def find_all(surveys: Sequence[Survey]) -> tuple[Finding, ...]:
    """Return everything that surveys tell, problems first."""
    return sort_findings([*_unreadable(surveys), *_duplicates(surveys), *_classes(surveys)])


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings with the problems first, otherwise in their order."""
    return tuple(sorted(findings, key=lambda finding: not finding.problem))


def _unreadable(surveys: Sequence[Survey]) -> Iterator[Finding]:
    for survey in surveys:
        if survey.unreadable:
            yield Finding(
                kind="unreadable",
                problem=True,
                text=f"{survey.split}: {len(survey.unreadable)} of {survey.images} images cannot be read",
                items=tuple(f"{file.path}: {file.reason}" for file in survey.unreadable),
            )


def _duplicates(surveys: Sequence[Survey]) -> Iterator[Finding]:
    groups = list(_equal_images([survey for survey in surveys if survey.split in JUDGED]))
    shared = [group for group in groups if len({copy.split for copy in group}) > 1]
    differing = [group for group in groups if len({copy.target for copy in group}) > 1]
    repeated = [group for group in groups if group not in shared and group not in differing]
    if shared:
        yield _of_groups("shared", shared, "in more than one split, so that results look better than they are", str)
    if differing:
        yield _of_groups("contradiction", differing, "with different classes", _with_class)
    if repeated:
        yield _of_groups("repeated", repeated, "more than once in one split", str, problem=False)


def _of_groups(
    kind: str, groups: Sequence[Sequence[_Copy]], words: str, write: Callable[[_Copy], str], *, problem: bool = True
) -> Finding:
    count = "1 image stands" if len(groups) == 1 else f"{len(groups)} images stand"
    items = tuple(" = ".join(write(copy) for copy in group) for group in groups)
    return Finding(kind=kind, problem=problem, text=f"{count} {words}", items=items)


def _with_class(copy: _Copy) -> str:
    return f"{copy} ({copy.target})"


def _equal_images(surveys: Sequence[Survey]) -> Iterator[list[_Copy]]:
    """Yield groups of images with the same pixels."""
    if not surveys:
        return
    digests = np.concatenate([survey.digests for survey in surveys])
    order = np.argsort(digests, kind="stable")
    ends = np.flatnonzero(np.diff(digests[order])) + 1
    starts = np.cumsum([0, *(len(survey.digests) for survey in surveys)])
    for first, last in pairwise([0, *ends.tolist(), len(order)]):
        if last - first > 1:
            yield [_copy(surveys, starts, place) for place in sorted(order[first:last].tolist())]


def _copy(surveys: Sequence[Survey], starts: npt.NDArray[np.int64], place: int) -> _Copy:
    number = int(np.searchsorted(starts, place, side="right")) - 1
    survey = surveys[number]
    index = int(survey.indices[place - int(starts[number])])
    target = None if survey.classes is None else list(survey.classes)[survey.dataset.targets[index]]
    return _Copy(survey.split, survey.dataset.name(index), target)


def _classes(surveys: Sequence[Survey]) -> Iterator[Finding]:
    for survey in surveys:
        if survey.classes is None or survey.split not in JUDGED or not survey.images:
            continue
        empty = [name for name, count in survey.classes.items() if count == 0]
        if empty:
            yield Finding(
                kind="empty_class",
                problem=survey.split == TRAIN,
                text=f"{survey.split}: {len(empty)} of {len(survey.classes)} classes have no images",
                items=tuple(empty),
            )
        counts = {name: count for name, count in survey.classes.items() if count}
        small, large = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        ratio = counts[large] / counts[small]
        if ratio >= IMBALANCE and survey.split == TRAIN:
            yield Finding(
                kind="imbalance",
                problem=False,
                text=f"{survey.split}: {large} has {ratio:.3g} times as many images as {small}",
                items=tuple(f"{name}: {count}" for name, count in sorted(counts.items(), key=lambda item: item[1])),
            )
