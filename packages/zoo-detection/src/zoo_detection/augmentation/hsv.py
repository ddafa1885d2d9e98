"""Own the change of hue, saturation and value.

A. R. Smith, "Color gamut transform pairs", 1978.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from zoo_core.data.augmentation.draws import draw
from zoo_detection.augmentation.chance import happens

BLOCK = 1 << 14
"""Pixels that are changed at a time, so that what lies between stays in the processor's cache."""
COLOURS = 3
TOP = 255.0
SECTORS = 6.0
EACH = 0.5
"""Probability with which each of the three changes."""
HUE = 5 / 180
"""Largest shift in turns; this and the next as in YOLOX."""
STRENGTH = 30 / 255
"""Largest shift of saturation and of value."""

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class HsvChange:
    """State a change; the values below change nothing."""

    hue: float = 0.0
    """Shift in turns."""
    saturation: float = 0.0
    """Shift of a quantity from 0 to 1, as the next one; pixels without colour stay so."""
    value: float = 0.0
    saturation_factor: float = 1.0
    """Acts before the shift."""

    @classmethod
    def drawn(cls) -> HsvChange:
        """Draw the three shifts, each with a probability of one half."""
        hue, saturation, value = (
            draw((-limit, limit)) if happens(EACH) else 0.0 for limit in (HUE, STRENGTH, STRENGTH)
        )
        return cls(hue=hue, saturation=saturation, value=value)

    def __call__(self, image: Image.Image) -> Image.Image:
        """Return a changed image of the same mode; of grey ones the value changes, transparency stays."""
        if self == HsvChange():
            return image
        if image.mode == "L":
            shift = round(self.value * TOP)
            return image.point([min(max(level + shift, 0), 255) for level in range(256)])
        bands = image.split()
        planes = np.stack([np.asarray(band).ravel() for band in bands[:COLOURS]])
        for start in range(0, planes.shape[1], BLOCK):
            block = planes[:, start : start + BLOCK]
            block[:] = self._block(block.astype(np.float32))
        size = image.height, image.width
        changed = [Image.fromarray(plane.reshape(size)) for plane in planes]
        return Image.merge(image.mode, [*changed, *bands[COLOURS:]])

    def _block(self, colours: Plane) -> Plane:
        """Return red, green and blue of shape (3, P), changed, to be cut to whole numbers."""
        largest, least = colours.max(axis=0), colours.min(axis=0)
        spread = largest - least
        saturation = spread / np.maximum(largest, 1)
        saturation *= np.float32(self.saturation_factor)
        saturation += np.float32(self.saturation)
        np.clip(saturation, 0, 1, out=saturation)
        saturation *= spread > 0
        value = largest + np.float32(self.value * TOP)
        np.clip(value, 0, TOP, out=value)
        inverse = 1 / np.maximum(spread, 1)
        if self.hue:
            paled = _pure(_sectors(colours, largest, inverse, self.hue * SECTORS))
        else:
            paled = (colours - largest) * inverse
        paled *= saturation * value
        paled += value + np.float32(0.5)
        return paled


def _sectors(colours: Plane, largest: Plane, inverse: Plane, shift: float) -> Plane:
    """Return the hue from 0 to below 6, shape (P,), moved by a shift of at most 6."""
    red, green, blue = colours
    hue = np.where(
        largest == red,
        (green - blue) * inverse,
        np.where(largest == green, (blue - red) * inverse + 2, (red - green) * inverse + 4),
    )
    hue += np.float32(shift)
    hue += np.float32(SECTORS) * (hue < 0)
    hue -= np.float32(SECTORS) * (hue >= SECTORS)
    return np.asarray(hue, np.float32)


def _pure(hue: Plane) -> Plane:
    """Return red, green and blue of the brightest, most saturated colour of a hue, less 1: shape (3, P)."""
    found = np.empty((3, len(hue)), np.float32)
    for row, middle in zip(found, (3, 2, 4), strict=True):
        np.abs(np.subtract(hue, middle, out=row), out=row)
    found[0] -= 2
    np.subtract(1, found[1:], out=found[1:])
    return np.clip(found, -1, 0, out=found)
