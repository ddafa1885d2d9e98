"""Own ST's ordered augmentation functions, on one image as a tensor of shape (C, H, W) with values in [0, 1].

Signs and units are those of ST's documentation; every function draws from torch's global generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import functional

from zoo_classification.config import functions as parameters
from zoo_classification.config.functions import RandomFunction, Span, WarpFunction, span

PADDING_MODES = {"reflect": "reflection", "nearest": "border", "constant": "zeros", "wrap": "zeros"}
"""ST's fill modes -> those of `grid_sample`; `wrap` is made by hand before."""
FLIPS: dict[str, list[tuple[int, ...]]] = {
    "horizontal": [(-1,)],
    "vertical": [(-2,)],
    "horizontal_and_vertical": [(-1,), (-2,), (-2, -1)],
}
"""Axes that are mirrored; one of the choices is drawn."""
COLOURS = frozenset({"random_contrast", "random_brightness", "random_gaussian_noise"})
"""Functions that leave the fourth channel, transparency, as it is."""
RGB = 3
TURN = 2 * math.pi


class OrderedFunctions:
    """Apply functions one after the other, each to its share of the images."""

    def __init__(self, functions: Sequence[tuple[str, RandomFunction]]) -> None:
        self.functions = tuple(functions)

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        """Return an image of the same shape (C, H, W) with values in [0, 1]."""
        for name, section in self.functions:
            if torch.rand(()) < section.change_rate:
                if name in COLOURS and len(image) > RGB:
                    image = torch.cat([FUNCTIONS[name](image[:RGB], section), image[RGB:]])
                else:
                    image = FUNCTIONS[name](image, section)
        return image


def random_flip(image: torch.Tensor, section: parameters.RandomFlip) -> torch.Tensor:
    """Mirror the image along the axes of the mode."""
    choices = FLIPS[section.mode]
    return image.flip(choices[int(torch.randint(len(choices), ()))])


def random_translation(image: torch.Tensor, section: parameters.RandomTranslation) -> torch.Tensor:
    """Shift the image; positive is to the right and down."""
    shift_x, shift_y = _draw(section.width_factor), _draw(section.height_factor)
    return warp(image, torch.tensor([[1.0, 0.0, -2 * shift_x], [0.0, 1.0, -2 * shift_y]]), section)


def random_rotation(image: torch.Tensor, section: parameters.RandomRotation) -> torch.Tensor:
    """Rotate about the centre; positive is counter-clockwise."""
    angle = _draw(section.factor) * TURN
    cosine, sine = math.cos(angle), math.sin(angle)
    height, width = image.shape[-2:]
    matrix = torch.tensor([[cosine, -sine * height / width, 0.0], [sine * width / height, cosine, 0.0]])
    return warp(image, matrix, section)


def random_shear(image: torch.Tensor, section: parameters.RandomShear) -> torch.Tensor:
    """Shear about the centre by the sine of an angle."""
    amount = math.sin(_draw(section.factor) * TURN)
    height, width = image.shape[-2:]
    along_x = -amount * height / width if "x" in section.axis else 0.0
    along_y = amount * width / height if "y" in section.axis else 0.0
    return warp(image, torch.tensor([[1.0, along_x, 0.0], [along_y, 1.0, 0.0]]), section)


def random_zoom(image: torch.Tensor, section: parameters.RandomZoom) -> torch.Tensor:
    """Zoom about the centre; positive is out."""
    horizontal = 1.0 + _draw(section.width_factor)
    vertical = horizontal if section.height_factor is None else 1.0 + _draw(section.height_factor)
    return warp(image, torch.tensor([[horizontal, 0.0, 0.0], [0.0, vertical, 0.0]]), section)


def random_contrast(image: torch.Tensor, section: parameters.RandomContrast) -> torch.Tensor:
    """Scale the distance from the mean of each channel."""
    mean = image.mean(dim=(-2, -1), keepdim=True)
    return (mean + (1.0 + _draw(section.factor)) * (image - mean)).clamp(0.0, 1.0)


def random_brightness(image: torch.Tensor, section: parameters.RandomBrightness) -> torch.Tensor:
    """Add one number to all pixels."""
    return (image + _draw(section.factor)).clamp(0.0, 1.0)


def random_gaussian_noise(image: torch.Tensor, section: parameters.RandomGaussianNoise) -> torch.Tensor:
    """Add independent noise to every value."""
    return (image + _draw(section.stddev) * torch.randn_like(image)).clamp(0.0, 1.0)


def warp(image: torch.Tensor, matrix: torch.Tensor, section: WarpFunction) -> torch.Tensor:
    """Sample an image of shape (C, H, W) where a matrix says.

    Args:
        image: Values in [0, 1].
        matrix: Shape (2, 3); takes a point (x, y, 1) of the result, each axis from -1 to 1, to one of the image.
        section: What to do outside the image and between pixels.
    """
    grid = functional.affine_grid(matrix[None], [1, *image.shape], align_corners=False)
    if section.fill_mode == "wrap":
        image, grid = _tile(image, grid)
    sampled = functional.grid_sample(
        image[None] - section.fill_value,
        grid,
        mode=section.interpolation,
        padding_mode=PADDING_MODES[section.fill_mode],
        align_corners=False,
    )
    return (sampled[0] + section.fill_value).clamp(0.0, 1.0)


def _tile(image: torch.Tensor, grid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Repeat the image beyond its borders, and lead every point back into the middle copy."""
    return image.repeat(1, 3, 3), (torch.remainder(grid + 1.0, 2.0) - 1.0) / 3.0


def _draw(factor: Span) -> float:
    low, high = span(factor)
    return low + (high - low) * float(torch.rand(()))


FUNCTIONS: dict[str, Callable[[torch.Tensor, Any], torch.Tensor]] = {
    "random_flip": random_flip,
    "random_translation": random_translation,
    "random_rotation": random_rotation,
    "random_shear": random_shear,
    "random_zoom": random_zoom,
    "random_contrast": random_contrast,
    "random_brightness": random_brightness,
    "random_gaussian_noise": random_gaussian_noise,
}
