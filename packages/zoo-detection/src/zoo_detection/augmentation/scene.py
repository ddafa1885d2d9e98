"""Own a picture of the model's input size together with its boxes, on the way through an augmentation."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image
from PIL.Image import Transpose

from zoo_detection.boxes import joined, mirrored
from zoo_detection.labels import BoxLabels

BORDER = 114
"""Grey level around and between joined images."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Hold an image and its labels, in the same pixels."""

    image: Image.Image
    labels: BoxLabels

    def mirrored(self) -> Scene:
        """Return the scene mirrored left and right."""
        return Scene(self.image.transpose(Transpose.FLIP_LEFT_RIGHT), mirrored(self.labels))

    def blended(self, other: Scene) -> Scene:
        """Return the mean of two scenes of the same size, with the boxes of both."""
        return Scene(Image.blend(self.image, other.image, 0.5), joined([self.labels, other.labels]))


def grey_canvas(mode: str, size: tuple[int, int]) -> Image.Image:
    """Return a grey image of (width, height)."""
    return Image.new(mode, size, grey(mode))


def grey(mode: str) -> int | tuple[int, ...]:
    """Return the grey of borders as a colour of a mode; opaque where there is transparency."""
    return BORDER if mode == "L" else (BORDER,) * 3 + (255,) * (mode == "RGBA")
