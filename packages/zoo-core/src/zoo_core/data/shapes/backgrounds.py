"""Own what is behind the figures: gradients, soft and fine noise, and clutter of thin lines and arcs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from PIL.Image import Resampling

from zoo_core.data.shapes.canvas import ZOOM
from zoo_core.data.shapes.figures import Colour

MOST_CLUTTER = 9
LINES = 0.6
"""Share of straight lines in the clutter; the others are arcs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backdrop:
    """Hold the taste of a place, from which backgrounds that look alike are drawn."""

    light: npt.NDArray[np.float64]
    """Colours at the two ends of the gradient, shape (2, 3), 0 to 255."""
    angle: float
    """Direction of the gradient in radians."""
    clouds: float
    """Strength of the soft noise, in grey levels."""
    grain: float
    """Strength of the fine noise, in grey levels."""
    clutter: int
    """Number of lines and arcs."""

    @classmethod
    def draw(cls, draw: np.random.Generator) -> Backdrop:
        """Return a random one."""
        first = _muted(draw)
        second = np.clip(first + draw.normal(0, 30, 3), 0, 255)
        return cls(
            light=np.stack([first, second]),
            angle=draw.uniform(0, 2 * np.pi),
            clouds=draw.uniform(0, 16),
            grain=draw.uniform(0, 8),
            clutter=int(draw.integers(MOST_CLUTTER + 1)),
        )


def background(place: Backdrop, width: int, height: int, draw: np.random.Generator) -> Image.Image:
    """Return a picture in RGB, `ZOOM` times as wide and high as said, with clutter but without figures."""
    rows, columns = (np.linspace(-0.5, 0.5, length, dtype=np.float32) for length in (height, width))
    across = columns * np.float32(np.cos(place.angle)) + rows[:, None] * np.float32(np.sin(place.angle))
    share = np.clip(across + 0.5, 0, 1)[..., None]
    first, second = place.light.astype(np.float32)
    pixels = first + (second - first) * share + _clouds(width, height, draw) * np.float32(place.clouds)
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    picture = picture.resize((width * ZOOM, height * ZOOM), Resampling.NEAREST)
    _clutter(picture, place, draw)
    return picture


def grained(picture: Image.Image, place: Backdrop, draw: np.random.Generator) -> Image.Image:
    """Return a finished picture with the fine noise of its place, figures included."""
    pixels = np.asarray(picture, np.float32)
    noise = draw.standard_normal(pixels.shape, np.float32) * np.float32(place.grain)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


def _clouds(width: int, height: int, draw: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return soft noise of shape (height, width, 3), with a deviation of about 1."""
    cells = int(draw.integers(3, 9))
    layers = [
        Image.fromarray(grid).resize((width, height), Resampling.BICUBIC)
        for grid in draw.standard_normal((3, cells, cells), np.float32)
    ]
    return np.stack([np.asarray(layer, np.float32) for layer in layers], axis=-1)


def _clutter(picture: Image.Image, place: Backdrop, draw: np.random.Generator) -> None:
    pen = ImageDraw.Draw(picture)
    side = max(picture.size)
    for _ in range(place.clutter):
        ends = draw.uniform(0, picture.size, (2, 2))
        colour = _near(place.light[draw.integers(2)], draw)
        thickness = int(draw.integers(ZOOM // 2, 2 * ZOOM + 1))
        if draw.random() < LINES:
            pen.line(ends.ravel().tolist(), fill=colour, width=thickness)
            continue
        radius = draw.uniform(0.1, 0.6) * side
        start = draw.uniform(0, 360)
        frame = (*(ends[0] - radius).tolist(), *(ends[0] + radius).tolist())
        pen.arc(frame, start, start + draw.uniform(40, 160), fill=colour, width=thickness)


def _muted(draw: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return a colour that is not far from a grey, shape (3,)."""
    return np.asarray(np.clip(draw.uniform(30, 225) + draw.normal(0, 30, 3), 0, 255))


def _near(colour: npt.NDArray[np.float64], draw: np.random.Generator) -> Colour:
    red, green, blue = np.clip(colour + draw.normal(0, 45, 3), 0, 255).astype(int).tolist()
    return red, green, blue
