"""Own the judgement of persons and cameras: who cannot be searched for, and what the usual protocol leaves out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from zoo_core.data.inspection.findings import Finding
from zoo_reid.labels import BOTH, GALLERY, QUERY, UNKNOWN, PersonLabel


def person_findings(paths: Sequence[str], labels: Sequence[PersonLabel], split: str) -> list[Finding]:
    """Return the findings about the persons of one split; none of them makes it unusable.

    Where pictures are each searched for among all others, a person with one picture has nothing to be found, and one
    whom a single camera shows is left out by the protocol of Market-1501, which does not count the query's camera.
    Of queries and a gallery the same holds for persons whom the gallery lacks, or shows through the query's camera
    only.
    """
    if any(label.role != BOTH for label in labels):
        return [*_queries(paths, labels, split), *_cameras(labels, split)]
    return [*_pictures(labels, split), *_cameras(labels, split)]


def _pictures(labels: Sequence[PersonLabel], split: str) -> Iterator[Finding]:
    counts = Counter(label.identity for label in labels)
    single = sorted(name for name, count in counts.items() if count == 1)
    if single:
        yield Finding(
            kind="single_picture",
            problem=False,
            text=f"{split}: {len(single)} of {_number(len(counts), 'person')} with one picture, so without a pair",
            items=tuple(single),
        )
    seen = _cameras_of(labels)
    alone = sorted(name for name, cameras in seen.items() if len(cameras) == 1 and counts[name] > 1)
    if alone and _known(labels):
        yield Finding(
            kind="one_camera",
            problem=False,
            text=f"{split}: {len(alone)} of {_number(len(counts), 'person')} seen by one camera only, "
            "whom a search without the query's camera leaves out",
            items=tuple(f"{name}: camera {min(seen[name])}" for name in alone),
        )


def _queries(paths: Sequence[str], labels: Sequence[PersonLabel], split: str) -> Iterator[Finding]:
    gallery = _cameras_of([label for label in labels if label.role != QUERY])
    searched = [index for index, label in enumerate(labels) if label.role != GALLERY]
    absent = [index for index in searched if labels[index].identity not in gallery]
    if absent:
        yield Finding(
            kind="not_in_gallery",
            problem=False,
            text=f"{split}: {len(absent)} of {_number(len(searched), 'query', 'queries')} whose person the gallery "
            "does not show; they are not counted",
            items=tuple(f"{paths[index]}: {labels[index].identity}" for index in absent),
        )
    same = [
        index
        for index in searched
        if labels[index].camera != UNKNOWN and gallery.get(labels[index].identity) == {labels[index].camera}
    ]
    if same:
        yield Finding(
            kind="one_camera",
            problem=False,
            text=f"{split}: {len(same)} of {_number(len(searched), 'query', 'queries')} whose person the gallery shows "
            "through the query's camera only, which a search without that camera leaves out",
            items=tuple(f"{paths[index]}: {labels[index].identity}, camera {labels[index].camera}" for index in same),
        )
    found = {labels[index].identity for index in searched}
    others = sorted(set(gallery) - found)
    if others:
        yield Finding(
            kind="not_searched",
            problem=False,
            text=f"{split}: {_number(len(others), 'person')} of the gallery whom no query searches for",
            items=tuple(others),
        )


def _cameras(labels: Sequence[PersonLabel], split: str) -> Iterator[Finding]:
    counts = Counter(label.camera for label in labels if label.camera != UNKNOWN)
    rare = sorted(camera for camera, count in counts.items() if count == 1)
    if rare:
        yield Finding(
            kind="rare_camera",
            problem=False,
            text=f"{split}: {len(rare)} of {_number(len(counts), 'camera')} with one picture",
            items=tuple(f"camera {camera}" for camera in rare),
        )


def _cameras_of(labels: Sequence[PersonLabel]) -> dict[str, set[int]]:
    seen: dict[str, set[int]] = defaultdict(set)
    for label in labels:
        seen[label.identity].add(label.camera)
    return dict(seen)


def _known(labels: Sequence[PersonLabel]) -> bool:
    return all(label.camera != UNKNOWN for label in labels)


def _number(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
