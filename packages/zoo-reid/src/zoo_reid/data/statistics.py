"""Own what is measured on the labels of pictures of persons: how many persons, pictures and cameras."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from zoo_core.data.inspection.labels import LabelStatistics
from zoo_reid.labels import UNKNOWN, PersonLabel


def person_statistics(labels: Sequence[PersonLabel]) -> LabelStatistics:
    """Return the statistics of one split."""
    pictures = Counter(label.identity for label in labels)
    per_camera = Counter(label.camera for label in labels if label.camera != UNKNOWN)
    views: dict[str, set[int]] = defaultdict(set)
    for label in labels:
        if label.camera != UNKNOWN:
            views[label.identity].add(label.camera)
    roles = Counter(label.role for label in labels)
    document: dict[str, Any] = {
        "pictures": len(labels),
        "persons": len(pictures),
        "cameras": len(per_camera),
        "roles": {role: roles[role] for role in sorted(roles)},
        "pictures_per_person": _spread(pictures.values()),
        "persons_with_one_picture": sum(count == 1 for count in pictures.values()),
        "cameras_per_person": _spread(map(len, views.values())),
        "pictures_per_camera": {str(camera): per_camera[camera] for camera in sorted(per_camera)},
    }
    return LabelStatistics(document=document, lines=tuple(_lines(document)))


def _spread(values: Iterable[int]) -> dict[str, float]:
    listed = list(values)
    if not listed:
        return {}
    return {"smallest": min(listed), "median": median(listed), "largest": max(listed)}


def _lines(document: dict[str, Any]) -> list[str]:
    cameras = f" by {document['cameras']} cameras" if document["cameras"] else "; no cameras are named"
    lines = [f"{document['pictures']} pictures of {document['persons']} persons{cameras}"]
    if len(document["roles"]) > 1:
        lines.append("roles: " + ", ".join(f"{role} {count}" for role, count in document["roles"].items()))
    if document["pictures_per_person"]:
        single = f"; {document['persons_with_one_picture']} persons with one"
        lines.append(f"pictures per person: {_range(document['pictures_per_person'])}{single}")
    if document["cameras_per_person"]:
        lines.append(f"cameras per person: {_range(document['cameras_per_person'])}")
        counts = ", ".join(f"{camera}: {count}" for camera, count in document["pictures_per_camera"].items())
        lines.append(f"pictures per camera: {counts}")
    return lines


def _range(spread: dict[str, float]) -> str:
    return f"{spread['smallest']:g} to {spread['largest']:g}, median {spread['median']:g}"
