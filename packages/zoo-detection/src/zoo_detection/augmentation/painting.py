"""Own the drawing of a picture onto a canvas, resampled once on the way."""

from __future__ import annotations

from math import ceil, floor, sqrt

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from PIL.Image import Resampling, Transform

from zoo_detection.augmentation.pictures import Picture
from zoo_detection.augmentation.polygons import cut_to_size
from zoo_detection.augmentation.scene import grey
from zoo_detection.boxes import Matrix, moved

EXACT = 1e-6
"""Distance in pixels from which on an edge lies between two pixels."""
MIDDLE = 0.5


def paint(
    canvas: Image.Image,
    picture: Picture,
    scale: tuple[float, float],
    corner: tuple[float, float],
    resampling: Resampling,
    *,
    detail: float = 1.0,
) -> tuple[int, int, int, int] | None:
    """Draw a picture upright: scaled by (x, y), its left top corner at `corner` in pixels of the canvas.

    Only pixels that the picture covers completely are drawn.

    Args:
        canvas: Image of the model's colours, which is changed.
        picture: What to draw.
        scale: Pixels of the canvas per pixel of the labels.
        corner: Point of the canvas, which may lie outside.
        resampling: Filter.
        detail: How much larger than needed the image is decoded at least.

    Returns:
        The part of the canvas that was drawn, or nothing when the picture lies outside.

    Raises:
        UnreadableImageError: When the image cannot be read.
    """
    width, height = picture.labels.size
    left, right = _covered(corner[0], width * scale[0], canvas.width)
    top, bottom = _covered(corner[1], height * scale[1], canvas.height)
    if left >= right or top >= bottom:
        return None
    pixels = picture.read(max(scale) * detail)
    to_x, to_y = pixels.scale_x / scale[0], pixels.scale_y / scale[1]
    source = (
        max(0.0, (left - corner[0]) * to_x),
        max(0.0, (top - corner[1]) * to_y),
        min(float(pixels.image.width), (right - corner[0]) * to_x),
        min(float(pixels.image.height), (bottom - corner[1]) * to_y),
    )
    canvas.paste(pixels.image.resize((right - left, bottom - top), resampling, box=source), (left, top))
    return left, top, right, bottom


def paint_warped(canvas: Image.Image, picture: Picture, matrix: Matrix, resampling: Resampling) -> None:
    """Draw a picture through a matrix from the pixels of its labels to those of the canvas.

    Images that shrink are halved, as often as they stay larger than needed, before they are sampled bilinearly.

    Raises:
        UnreadableImageError: When the image cannot be read.
    """
    width, height = picture.labels.size
    corners = moved(np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64), matrix)
    shown = cut_to_size(corners, canvas.size)
    if len(shown) == 0:
        return
    left, top = (floor(value) for value in shown.min(axis=0))
    right, bottom = (ceil(value) for value in shown.max(axis=0))
    if left >= right or top >= bottom:
        return
    scale = sqrt(abs(float(np.linalg.det(matrix[:2, :2]))))
    pixels = picture.read(scale)
    pixels = pixels.reduced(int(min(pixels.scale_x, pixels.scale_y) / scale + EXACT))
    back = np.diag([pixels.scale_x, pixels.scale_y, 1.0]) @ np.linalg.inv(matrix)
    back[:2, 2] += back[:2, :2] @ (left, top)
    size = right - left, bottom - top
    smooth = resampling if resampling == Resampling.NEAREST else Resampling.BILINEAR
    patch = pixels.image.transform(size, Transform.AFFINE, tuple(back[:2].ravel()), smooth, fillcolor=grey(canvas.mode))
    canvas.paste(patch, (left, top), _mask(shown - (left, top), size))


def _mask(polygon: npt.NDArray[np.float64], size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).polygon([(x - MIDDLE, y - MIDDLE) for x, y in polygon.tolist()], fill=255)
    return mask


def _covered(corner: float, length: float, end: int) -> tuple[int, int]:
    """Return the first pixel of a line that something covers, and the one after the last."""
    return max(0, ceil(corner - EXACT)), min(end, floor(corner + length + EXACT))
