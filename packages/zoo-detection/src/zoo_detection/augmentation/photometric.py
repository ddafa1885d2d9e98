"""Own the distortion of colours that SSDs are trained with."""

from __future__ import annotations

import torch
from PIL import Image

from zoo_core.data.augmentation.draws import draw
from zoo_detection.augmentation.chance import happens
from zoo_detection.augmentation.hsv import HsvChange

BRIGHTNESS = 32.0
"""Largest shift, of 255; this and the others as in the SSD paper's own training."""
CONTRAST = (0.5, 1.5)
SATURATION = (0.5, 1.5)
HUE = 18 / 360
"""Largest shift in turns."""
LATE = 0.5
"""Probability that contrast changes after the colours and not before."""
COLOURS = 3


def distort(image: Image.Image, probability: float) -> Image.Image:
    """Change brightness, contrast, saturation, hue and the order of channels, each with a probability.

    Liu et al., "SSD", 2016, after Howard, 2013. Grey images change in brightness and contrast; transparency stays.
    """
    shift = draw((-BRIGHTNESS, BRIGHTNESS)) if happens(probability) else 0.0
    factor = draw(CONTRAST) if happens(probability) else 1.0
    late = happens(LATE)
    image = _scaled(image, 1.0 if late else factor, shift)
    change = HsvChange(
        saturation_factor=draw(SATURATION) if happens(probability) else 1.0,
        hue=draw((-HUE, HUE)) if happens(probability) else 0.0,
    )
    if image.mode != "L":
        image = change(image)
    image = _scaled(image, factor if late else 1.0, 0.0)
    return _reordered(image) if happens(probability) else image


def _scaled(image: Image.Image, factor: float, shift: float) -> Image.Image:
    """Return pixel * factor + shift * factor, cut to 0 to 255."""
    if factor == 1 and shift == 0:
        return image
    table = [min(max(round(min(max(level + shift, 0.0), 255.0) * factor), 0), 255) for level in range(256)]
    bands = len(image.getbands())
    whole = table * min(bands, COLOURS)
    return image.point(whole if bands <= COLOURS else whole + list(range(256)))


def _reordered(image: Image.Image) -> Image.Image:
    if image.mode == "L":
        return image
    bands = image.split()
    order = torch.randperm(COLOURS).tolist()
    return Image.merge(image.mode, [bands[place] for place in order] + list(bands[COLOURS:]))
