"""Own the geometry of boxes: overlap, movement by matrices, mirroring, joining.

Boxes are arrays of shape (M, 4): left, top, right, bottom in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from zoo_detection.labels import BoxLabels

Boxes = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
"""Shape (3, 3): where a point (x, y, 1) in pixels goes."""

CORNERS = [0, 1, 2, 1, 2, 3, 0, 3]
LEAST_SIDE = 1.0
"""Side of a box in pixels below which it is dropped after a movement."""


def box_areas(boxes: Boxes) -> npt.NDArray[np.float64]:
    """Return square pixels, shape (M,); 0 for boxes that are inverted."""
    sides = np.clip(boxes[..., 2:] - boxes[..., :2], 0, None)
    return np.asarray(sides.prod(axis=-1))


def overlaps(boxes: Boxes, others: Boxes) -> npt.NDArray[np.float64]:
    """Return intersection over union of every pair, shape (M, K)."""
    common = np.concatenate(
        [np.maximum(boxes[:, None, :2], others[None, :, :2]), np.minimum(boxes[:, None, 2:], others[None, :, 2:])], -1
    )
    shared = box_areas(common)
    union = box_areas(boxes)[:, None] + box_areas(others)[None] - shared
    return np.asarray(shared / np.maximum(union, np.finfo(np.float64).tiny))


def placing(scale: tuple[float, float], corner: tuple[float, float]) -> Matrix:
    """Return the matrix that scales by (x, y) and then puts the origin at a corner."""
    return np.array([[scale[0], 0.0, corner[0]], [0.0, scale[1], corner[1]], [0.0, 0.0, 1.0]])


def moved(points: npt.NDArray[np.float64], matrix: Matrix) -> npt.NDArray[np.float64]:
    """Return where points of shape (..., 2) go."""
    return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2])


def within(labels: BoxLabels) -> BoxLabels:
    """Return the labels with boxes cut at the borders of their image; areas shrink as the boxes do."""
    ends = np.array(labels.size * 2, np.float64)
    if ((labels.boxes >= 0) & (labels.boxes <= ends)).all():
        return labels
    cut = np.clip(labels.boxes, 0, ends)
    return replace(labels, boxes=cut, areas=labels.areas * _left(cut, labels.boxes))


def carried(
    labels: BoxLabels,
    matrix: Matrix,
    size: tuple[int, int],
    *,
    share: float = 0.0,
    region: tuple[float, float, float, float] | None = None,
) -> BoxLabels:
    """Return the smallest upright boxes around the moved ones, cut at an image of `size` (width, height).

    Areas change as the matrix and the cut do. Dropped are boxes with a side below `LEAST_SIDE` pixels, and those of
    which less than `share` is left. Boxes are cut at `region` (left, top, right, bottom) where only a part of the image
    is used.
    """
    corners = moved(labels.boxes[:, CORNERS].reshape(-1, 4, 2), matrix)
    whole = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    ends = np.array(region or (0, 0, *size), np.float64)
    cut = np.clip(whole, np.tile(ends[:2], 2), np.tile(ends[2:], 2))
    left = _left(cut, whole)
    areas = labels.areas * abs(float(np.linalg.det(matrix[:2, :2]))) * left
    keep = ((cut[:, 2:] - cut[:, :2]) >= LEAST_SIDE).all(axis=1) & (left >= share)
    return replace(labels.moved(cut, size), areas=areas).chosen(keep)


def mirrored(labels: BoxLabels) -> BoxLabels:
    """Return the labels of the image mirrored left and right."""
    boxes = labels.boxes.copy()
    boxes[:, [0, 2]] = labels.width - labels.boxes[:, [2, 0]]
    return labels.moved(boxes, labels.size)


def joined(parts: Sequence[BoxLabels]) -> BoxLabels:
    """Return the boxes of several labels of one image together; what else is known is that of the first."""
    return replace(
        parts[0],
        boxes=np.concatenate([part.boxes for part in parts]),
        classes=np.concatenate([part.classes for part in parts]),
        crowd=np.concatenate([part.crowd for part in parts]),
        areas=np.concatenate([part.areas for part in parts]),
    )


def _left(cut: Boxes, whole: Boxes) -> npt.NDArray[np.float64]:
    """Return the share of each box that is left, shape (M,)."""
    return np.asarray(box_areas(cut) / np.maximum(box_areas(whole), np.finfo(np.float64).tiny))
