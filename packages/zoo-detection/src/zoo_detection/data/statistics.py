"""Own what is measured on boxes: how many in an image, how large, of which shape, and where."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_core.data.inspection.labels import LabelStatistics
from zoo_detection.data.table import BoxTable

SMALL_AREA = 32.0**2
"""Square pixels below which COCO calls an object small."""
MEDIUM_AREA = 96.0**2
"""Square pixels below which COCO calls an object medium."""
QUANTILES = {"smallest": 0.0, "tenth": 0.1, "median": 0.5, "nine_tenths": 0.9, "largest": 1.0}


def box_statistics(table: BoxTable) -> LabelStatistics:
    """Return the statistics of boxes that all have a class, a width and a height.

    Sizes follow COCO: small below 32 x 32 square pixels of the object, medium below 96 x 96, large from there on, all
    in the image as stored. Centres are in shares of the image's width and height.
    """
    counts = np.diff(table.starts)
    usual = ~table.crowd
    boxes, areas = table.boxes[usual], table.areas[usual]
    sides = boxes[:, 2:] - boxes[:, :2]
    sizes = np.maximum(table.sizes[table.images[usual]], 1)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 / sizes
    document: dict[str, Any] = {
        "images": len(table),
        "boxes": len(table.boxes),
        "crowds": int(table.crowd.sum()),
        "classes": {
            name: int(count)
            for name, count in zip(table.names, np.bincount(table.classes, minlength=len(table.names)), strict=True)
        },
        "boxes_per_image": _spread(counts.astype(np.float64), ("smallest", "median", "largest")),
        "images_without_boxes": int((counts == 0).sum()),
        "areas": {
            "small": int((areas < SMALL_AREA).sum()),
            "medium": int(((areas >= SMALL_AREA) & (areas < MEDIUM_AREA)).sum()),
            "large": int((areas >= MEDIUM_AREA).sum()),
        },
        "width": _spread(sides[:, 0]),
        "height": _spread(sides[:, 1]),
        "aspect_ratio": _spread(sides[:, 0] / sides[:, 1]),
        "centre": {axis: _moments(centres[:, place]) for place, axis in enumerate(("x", "y"))},
    }
    return LabelStatistics(document=document, lines=tuple(_lines(document)))


def _spread(values: npt.NDArray[np.float64], names: tuple[str, ...] = tuple(QUANTILES)) -> dict[str, float]:
    if not len(values):
        return {}
    found = np.quantile(values, [QUANTILES[name] for name in names])
    return {name: round(float(value), 6) for name, value in zip(names, found, strict=True)}


def _moments(values: npt.NDArray[np.float64]) -> dict[str, float]:
    return {"mean": round(float(values.mean()), 6), "std": round(float(values.std()), 6)} if len(values) else {}


def _lines(document: dict[str, Any]) -> list[str]:
    crowds = f", {document['crowds']} of them crowds or difficult" if document["crowds"] else ""
    lines = [f"{document['boxes']} boxes on {document['images']} images{crowds}"]
    per_image = document["boxes_per_image"]
    if per_image:
        ends = f"{per_image['smallest']:g} to {per_image['largest']:g}, median {per_image['median']:g}"
        lines.append(f"boxes per image: {ends}; {document['images_without_boxes']} images without")
    if not document["width"]:
        return lines
    areas = document["areas"]
    total = sum(areas.values())
    shares = ", ".join(f"{name} {count} ({100 * count / total:.0f} %)" for name, count in areas.items())
    lines.append(f"sizes (COCO: small < 32x32 <= medium < 96x96 <= large): {shares}")
    for key, words in (
        ("width", "width in pixels"),
        ("height", "height in pixels"),
        ("aspect_ratio", "width : height"),
    ):
        lines.append(f"{words}: {_range(document[key])}")
    centre = document["centre"]
    places = ", ".join(f"{axis} {centre[axis]['mean']:.3f} +- {centre[axis]['std']:.3f}" for axis in ("x", "y"))
    lines.append(f"centres in shares of the image (mean +- std): {places}")
    counts = sorted(document["classes"].items(), key=lambda item: -item[1])
    bare = sum(count == 0 for _, count in counts)
    rest = f"; {bare} classes without boxes" if bare else ""
    lines.append("boxes per class: " + ", ".join(f"{name} {count}" for name, count in counts if count) + rest)
    return lines


def _range(spread: dict[str, float]) -> str:
    middle = f"80 % between {spread['tenth']:.4g} and {spread['nine_tenths']:.4g}"
    return f"{spread['smallest']:.4g} to {spread['largest']:.4g}, median {spread['median']:.4g}, {middle}"
