"""Own the judgement of sets of pictures as a whole: whether a search in them can find anybody, and who is in two."""

from __future__ import annotations

from collections import Counter

from zoo_core.names import shorten
from zoo_reid.data.listing import Pictures
from zoo_reid.data.report import Report

SMALLEST = 2
"""Persons without whom there is nobody to tell apart."""


def judge_search_among(found: Pictures, report: Report, hint: str) -> None:
    """Refuse a set, each of whose pictures is searched for among the others, when nobody can be found."""
    if not len(found):
        return
    counts = Counter(found.identities)
    single = [name for name, count in counts.items() if count == 1]
    if len(single) == len(counts):
        report.problem(
            f"{found.key}: none of {len(counts)} persons has a second picture to be found by, so that no search "
            "can be measured",
            hint,
        )
    elif single:
        report.notes.append(
            f"{found.key}: {len(single)} of {len(counts)} persons have one picture and are not searched for."
        )
    if len(counts) < SMALLEST:
        report.notes.append(f"{found.key}: there is only one person, so that every search finds the right one.")


def judge_search(query: Pictures, gallery: Pictures, report: Report) -> None:
    """Refuse queries of which the gallery shows nobody, or pictures that are in both."""
    if not len(query) or not len(gallery):
        return
    known = set(gallery.identities)
    lost = [name for name in query.identities if name not in known]
    if len(lost) == len(query):
        report.problem(
            f"{gallery.key}: not one person of {query.key} is in it; the queries show {shorten(query.persons)}, "
            f"the gallery {shorten(gallery.persons)}",
            "Identities must be written alike in both.",
        )
    elif lost:
        report.notes.append(
            f"{query.key}: {len(lost)} of {len(query)} queries show persons whom the gallery does not, and are not "
            f"counted: {shorten(dict.fromkeys(lost))}."
        )
    both = sorted(set(query.files) & set(gallery.files))
    if both:
        report.problem(
            f"{query.key} and {gallery.key} share {len(both)} files, which would find themselves: {shorten(both)}",
            "To search for each picture of a set among all others, name the set in dataset.validation_path and leave "
            "the test paths out.",
        )


def note_shared_persons(one: Pictures, other: Pictures, report: Report) -> None:
    """Say which persons a measurement meets that the training knows."""
    shared = sorted(set(one.identities) & set(other.identities))
    if shared:
        report.notes.append(
            f"{len(shared)} of {len(other.persons)} persons of {other.key} are also in {one.key}: {shorten(shared)}. "
            "What is measured on them is better than it would be on strangers."
        )
