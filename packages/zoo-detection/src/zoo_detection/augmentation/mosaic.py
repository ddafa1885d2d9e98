"""Own the joining of four images into one: around a random point, then rotated, scaled, sheared and shifted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image
from PIL.Image import Resampling

from zoo_core.data.augmentation.draws import draw, draw_whole
from zoo_core.errors import UnreadableImageError
from zoo_detection.augmentation.painting import paint, paint_warped
from zoo_detection.augmentation.pictures import Picture, Pictures
from zoo_detection.augmentation.plan import Augmentation
from zoo_detection.augmentation.scene import Scene, grey_canvas
from zoo_detection.boxes import Matrix, carried, joined, placing
from zoo_detection.labels import BoxLabels

SHARE = 0.2
"""Share of a box that must be left in the image."""
TRIES = 10
"""Images drawn in place of one that cannot be read; then its quarter stays grey."""
SIDES = ((-1, -1), (0, -1), (-1, 0), (0, 0))
"""Where each of the four images lies: -1 left of or above the point where they meet, 0 right of or below it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """State how four images come to the output: they meet at the origin of a plane, which a matrix carries there."""

    scale: float
    """Size in the plane of an image that fits the output."""
    matrix: Matrix
    """Where a point of the plane, in pixels, goes; keeps areas."""
    turned: bool
    """Whether the matrix does more than shift."""


def draw_layout(plan: Augmentation, size: tuple[int, int]) -> Layout:
    """Draw the layout for an output of (width, height)."""
    scale = draw(plan.mosaic_scale)
    meeting = np.array([scale * draw((-0.5, 0.5)) * side for side in size])
    shift = np.array([draw((-plan.translate, plan.translate)) * side for side in size])
    middle = np.array(size) / 2 + shift
    matrix = np.eye(3)
    if plan.turns:
        matrix[:2, :2] = turning(*(draw((-limit, limit)) for limit in (plan.degrees, plan.shear, plan.shear)))
        matrix[:2, 2] = middle + matrix[:2, :2] @ meeting
    else:
        matrix[:2, 2] = np.rint(middle + meeting)
    return Layout(scale, matrix, plan.turns)


def turning(degrees: float, shear_x: float, shear_y: float) -> Matrix:
    """Return the matrix, shape (2, 2), that shears by two angles in degrees, then rotates; it keeps areas."""
    angle, slope_x, slope_y = (math.radians(value) for value in (degrees, shear_x, shear_y))
    rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    sheared = np.array([[1.0, math.tan(slope_x)], [math.tan(slope_y), 1.0]])
    return np.asarray(rotation @ sheared / math.sqrt(abs(float(np.linalg.det(sheared)))))


class Mosaic:
    """Join a picture with three others of the data set (Bochkovskiy et al., "YOLOv4", 2020)."""

    def __init__(self, plan: Augmentation, mode: str, size: tuple[int, int], resampling: Resampling) -> None:
        """Keep the colours and the (width, height) of the output."""
        self._plan = plan
        self._mode = mode
        self._size = size
        self._resampling = resampling

    def __call__(self, picture: Picture, pictures: Pictures) -> Scene:
        """Return the scene of the output's size; its labels begin with those of the picture itself.

        Raises:
            UnreadableImageError: When the picture itself cannot be read.
        """
        layout = draw_layout(self._plan, self._size)
        canvas = grey_canvas(self._mode, self._size)
        own = draw_whole((0, len(SIDES) - 1))
        parts = [self._add(canvas, picture, layout, SIDES[own])]
        for side in (*SIDES[:own], *SIDES[own + 1 :]):
            parts.extend(self._add_partner(canvas, pictures, layout, side))
        return Scene(canvas, joined(parts))

    def _add_partner(
        self, canvas: Image.Image, pictures: Pictures, layout: Layout, side: tuple[int, int]
    ) -> Iterator[BoxLabels]:
        for _ in range(TRIES):
            partner = pictures.at(draw_whole((0, len(pictures) - 1)))
            try:
                yield self._add(canvas, partner, layout, side)
            except UnreadableImageError:
                continue
            return

    def _add(self, canvas: Image.Image, picture: Picture, layout: Layout, side: tuple[int, int]) -> BoxLabels:
        """Draw one picture and return its labels in the pixels of the output."""
        width, height = picture.labels.size
        ratio = layout.scale * min(self._size[0] / width, self._size[1] / height)
        sides = max(1, round(width * ratio)), max(1, round(height * ratio))
        scale = sides[0] / width, sides[1] / height
        matrix = layout.matrix @ placing(scale, (side[0] * sides[0], side[1] * sides[1]))
        if layout.turned:
            paint_warped(canvas, picture, matrix, self._resampling)
        else:
            paint(canvas, picture, scale, (float(matrix[0, 2]), float(matrix[1, 2])), self._resampling)
        return carried(picture.labels, matrix, self._size, share=SHARE)
