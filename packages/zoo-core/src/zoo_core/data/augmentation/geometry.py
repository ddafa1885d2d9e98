"""Own the matrices of the functions that move pixels: shape (3, 3), from a point of the image to where it goes.

Points are (x, y, 1) in pixels; the image reaches from 0 to its width and height, pixel i from i to i + 1.
"""

from __future__ import annotations

import math

import torch

from zoo_core.config.augmentation import geometry as parameters
from zoo_core.config.augmentation.spans import Span, around_zero, at_least_itself
from zoo_core.data.augmentation.draws import draw, draw_whole

FULL_TURN = 2 * math.pi
FLIPS: dict[str, tuple[tuple[bool, bool], ...]] = {
    "horizontal": ((True, False),),
    "vertical": ((False, True),),
    "horizontal_and_vertical": ((True, False), (False, True), (True, True)),
}
"""Whether columns and rows are mirrored; one of the choices is drawn."""


def flip(section: parameters.RandomFlip, width: int, height: int) -> torch.Tensor:
    """Mirror along the axes of the mode."""
    choices = FLIPS[section.mode]
    columns, rows = choices[draw_whole((0, len(choices) - 1))]
    return _matrix([[-1 if columns else 1, 0, width * columns], [0, -1 if rows else 1, height * rows]])


def translation(section: parameters.RandomTranslation, width: int, height: int) -> torch.Tensor:
    """Shift; positive is to the right and down."""
    shift_x, shift_y = draw(around_zero(section.width_factor)), draw(around_zero(section.height_factor))
    return _matrix([[1, 0, shift_x * width], [0, 1, shift_y * height]])


def rotation(section: parameters.RandomRotation, width: int, height: int) -> torch.Tensor:
    """Rotate about the centre; positive is counter-clockwise."""
    angle = draw(around_zero(section.factor)) * FULL_TURN
    cosine, sine = math.cos(angle), math.sin(angle)
    return _about_centre([[cosine, sine, 0], [-sine, cosine, 0]], width, height)


def shear(section: parameters.RandomShear, width: int, height: int) -> torch.Tensor:
    """Shear about the centre; positive shifts the lower rows to the right, and the right columns down."""
    return _shear(section.factor, section.axis, width, height)


def shear_x(section: parameters.RandomShearAlongOneAxis, width: int, height: int) -> torch.Tensor:
    """Shift rows."""
    return _shear(section.factor, "x", width, height)


def shear_y(section: parameters.RandomShearAlongOneAxis, width: int, height: int) -> torch.Tensor:
    """Shift columns."""
    return _shear(section.factor, "y", width, height)


def zoom(section: parameters.RandomZoom, width: int, height: int) -> torch.Tensor:
    """Zoom about the centre; positive is out."""
    return _window((width / 2, height / 2), _zoomed(section, width, height), (width, height))


def bounded_crop(section: parameters.RandomBoundedCrop, width: int, height: int) -> torch.Tensor:
    """Zoom; when the window is smaller than the image, draw its place inside."""
    seen_x, seen_y = _zoomed(section, width, height)
    spare_x, spare_y = max(0.0, width - seen_x) / 2, max(0.0, height - seen_y) / 2
    centre_x = width / 2 + draw((-spare_x, spare_x))
    centre_y = height / 2 + draw((-spare_y, spare_y))
    return _window((centre_x, centre_y), (seen_x, seen_y), (width, height))


def crop(section: parameters.RandomCrop, width: int, height: int) -> torch.Tensor:
    """Enlarge a window to the whole image."""
    centre_x = draw(at_least_itself(section.crop_center_x)) * width
    centre_y = draw(at_least_itself(section.crop_center_y)) * height
    seen_x = draw(at_least_itself(section.crop_width)) * width
    seen_y = draw(at_least_itself(section.crop_height)) * height
    centre_x = min(max(centre_x, seen_x / 2), width - seen_x / 2)
    centre_y = min(max(centre_y, seen_y / 2), height - seen_y / 2)
    return _window((centre_x, centre_y), (seen_x, seen_y), (width, height))


def _zoomed(section: parameters.RandomZoom, width: int, height: int) -> tuple[float, float]:
    """Return how much of the image is seen, in pixels."""
    horizontal = 1.0 + draw(around_zero(section.width_factor))
    factor = section.height_factor
    vertical = horizontal if factor is None else 1.0 + draw(around_zero(factor))
    return horizontal * width, vertical * height


def _shear(factor: Span, axis: str, width: int, height: int) -> torch.Tensor:
    slope = math.tan(draw(around_zero(factor)))
    along_x, along_y = slope * ("x" in axis), slope * ("y" in axis)
    return _about_centre([[1, along_x, 0], [along_y, 1 + along_x * along_y, 0]], width, height)


def _window(centre: tuple[float, float], seen: tuple[float, float], size: tuple[int, int]) -> torch.Tensor:
    """Bring a window of the image, given by its centre and its sides, to the whole size; all (x, y) in pixels."""
    scale_x, scale_y = size[0] / seen[0], size[1] / seen[1]
    return _matrix([[scale_x, 0, size[0] / 2 - centre[0] * scale_x], [0, scale_y, size[1] / 2 - centre[1] * scale_y]])


def _about_centre(rows: list[list[float]], width: int, height: int) -> torch.Tensor:
    there = _matrix([[1, 0, width / 2], [0, 1, height / 2]])
    back = _matrix([[1, 0, -width / 2], [0, 1, -height / 2]])
    return there @ _matrix(rows) @ back


def _matrix(rows: list[list[float]]) -> torch.Tensor:
    return torch.tensor([*rows, [0, 0, 1]], dtype=torch.float64)
