"""Own the cutting of convex polygons at the borders of an image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def cut_to_size(corners: npt.NDArray[np.float64], size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return the corners, shape (K, 2), of the part of a convex polygon inside an image of (width, height).

    One border after the other, as Sutherland and Hodgman, 1974; no corners when nothing is inside.
    """
    points = [(float(x), float(y)) for x, y in corners]
    for axis in (0, 1):
        points = _cut(points, axis, 0.0, 1.0)
        points = _cut(points, axis, float(size[axis]), -1.0)
    return np.array(points, np.float64).reshape(-1, 2)


def _cut(points: list[tuple[float, float]], axis: int, border: float, side: float) -> list[tuple[float, float]]:
    """Keep what is on one side of a border: above it for 1, below it for -1."""
    kept: list[tuple[float, float]] = []
    for number, point in enumerate(points):
        before = points[number - 1]
        inside, was_inside = side * (point[axis] - border) >= 0, side * (before[axis] - border) >= 0
        if inside != was_inside:
            share = (border - before[axis]) / (point[axis] - before[axis])
            crossing = [before[other] + share * (point[other] - before[other]) for other in (0, 1)]
            crossing[axis] = border
            kept.append((crossing[0], crossing[1]))
        if inside:
            kept.append(point)
    return kept
