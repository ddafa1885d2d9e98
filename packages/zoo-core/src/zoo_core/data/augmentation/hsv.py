"""Own the conversion between red, green, blue and hue, saturation, value.

A. R. Smith, "Color gamut transform pairs", 1978; as in Python's `colorsys`.
"""

from __future__ import annotations

import torch

SECTORS = 6


def rgb_to_hsv(image: torch.Tensor) -> torch.Tensor:
    """Return hue, saturation and value, each in [0, 1], of an image of shape (..., 3, H, W) with values in [0, 1]."""
    red, green, blue = image.unbind(-3)
    value, least = image.amax(-3), image.amin(-3)
    spread = value - least
    divisor = torch.where(spread > 0, spread, 1.0)
    hue = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, 2.0 + (blue - red) / divisor, 4.0 + (red - green) / divisor),
    )
    saturation = spread / torch.where(value > 0, value, 1.0)
    return torch.stack([torch.remainder(hue / SECTORS, 1.0), saturation, value], -3)


def hsv_to_rgb(image: torch.Tensor) -> torch.Tensor:
    """Return red, green and blue, each in [0, 1], of an image of shape (..., 3, H, W); whole turns of hue are alike."""
    hue, saturation, value = image.unbind(-3)
    channels = []
    for start in (5.0, 3.0, 1.0):
        place = torch.remainder(start + SECTORS * hue, SECTORS)
        share = torch.minimum(place, 4.0 - place).clamp(0.0, 1.0)
        channels.append(value - value * saturation * share)
    return torch.stack(channels, -3)
