"""Own drawing: polygons on an enlarged picture, and which pixels of the finished one a figure covers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from zoo_core.data.shapes.figures import Figure, Points

ZOOM = 4
"""Pixels drawn for the side of a finished one."""
COVERED = 128
"""Coverage of 255 from which on a pixel belongs to a figure: half of it."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Hold what a figure alone leaves on a picture."""

    mask: Mask
    """Shape (height, width): pixels that the figure covers by at least half."""
    shown: Mask
    """Shape (K,): keypoints that no part of the figure itself hides; empty without keypoints."""

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Return left, top, right, bottom around the covered pixels; zeros when there are none."""
        rows, columns = np.flatnonzero(self.mask.any(axis=1)), np.flatnonzero(self.mask.any(axis=0))
        if not len(rows):
            return 0, 0, 0, 0
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def trace(figure: Figure, width: int, height: int) -> Trace:
    """Return which pixels of a picture a figure covers, and which of its keypoints it shows."""
    layer = Image.new("L", (width * ZOOM, height * ZOOM))
    pen = ImageDraw.Draw(layer)
    for number, part in enumerate(figure.parts, 1):
        pen.polygon(corners(part.outline), fill=number)
    coverage = layer.point([0] + [255] * 255).reduce(ZOOM)
    return Trace(mask=np.asarray(coverage) >= COVERED, shown=_shown(figure, np.asarray(layer)))


def paint(figure: Figure, pen: ImageDraw.ImageDraw) -> None:
    """Draw a figure on an enlarged picture."""
    for part in figure.parts:
        pen.polygon(corners(part.outline), fill=part.colour)


def corners(outline: Points) -> list[tuple[float, float]]:
    """Return where the corners of an outline are on an enlarged picture, whose first pixel has its centre at (0, 0)."""
    return [(x, y) for x, y in (outline * ZOOM - 0.5).tolist()]


def covers(mask: Mask, points: Points) -> Mask:
    """Return which points, of shape (K, 2) in pixels, lie on covered pixels; points that are NaN do not."""
    places = np.nan_to_num(np.floor(points)).astype(int)
    columns, rows = np.clip(places, 0, np.array(mask.shape[::-1]) - 1).T
    return np.asarray(mask[rows, columns] & ~np.isnan(points[:, 0]))


def _shown(figure: Figure, layer: npt.NDArray[np.uint8]) -> Mask:
    """Return which keypoints lie on a part, seen from the front, that shows them."""
    if figure.keypoints is None:
        return np.zeros(0, np.bool_)
    places = np.clip(np.nan_to_num(np.floor(figure.keypoints * ZOOM)).astype(int), 0, np.array(layer.shape[::-1]) - 1)
    tops = layer[places[:, 1], places[:, 0]]
    found = [top > 0 and point in figure.parts[top - 1].points for point, top in enumerate(tops.tolist())]
    return np.array(found, np.bool_) & ~np.isnan(figure.keypoints[:, 0])
