"""Own the drawing of boxes with their labels on pictures."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_detection.labels import BoxLabels

GOLDEN = 0.618033988749895
"""Turns of hue between two classes: no hue comes twice, and neighbours lie far apart."""
TONES = ((0.85, 0.95), (0.65, 0.75), (0.55, 1.0))
"""Saturation and value, in turn."""
LIGHT = 110
"""Brightness of a background from which on the writing is black."""
WEIGHTS = (0.299, 0.587, 0.114)
PIXELS_PER_LINE = 240
"""Side of an image in pixels for each pixel of a line's width."""
PIXELS_PER_LETTER = 30
SMALLEST_FONT, LARGEST_FONT = 10, 48
PADDING = 2
CROWD = "(crowd)"

Colour = tuple[int, int, int]


def class_colour(index: int) -> Colour:
    """Return red, green and blue of a class, the same every time."""
    saturation, value = TONES[index % len(TONES)]
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(index * GOLDEN % 1.0, saturation, value))
    return red, green, blue


def draw_boxes(
    image: Image.Image, boxes: npt.ArrayLike, labels: Sequence[str], classes: Sequence[int] | npt.NDArray[np.int64]
) -> Image.Image:
    """Return an RGB copy of an image with boxes and their labels drawn on it, the first ones on top.

    Args:
        image: Any image; it is left as it is.
        boxes: Shape (K, 4): left, top, right, bottom in pixels.
        labels: Text of each box; an empty one draws none.
        classes: Index of each box's class, which chooses its colour.
    """
    picture = image.convert("RGB")
    pen = ImageDraw.Draw(picture)
    side = min(picture.size)
    width = max(1, round(side / PIXELS_PER_LINE))
    font = ImageFont.load_default(min(max(side // PIXELS_PER_LETTER, SMALLEST_FONT), LARGEST_FONT))
    corners = np.asarray(boxes, np.float64).reshape(-1, 4)
    drawn = list(zip(corners.tolist(), labels, classes, strict=True))[::-1]
    for box, _, index in drawn:
        _outline(pen, box, class_colour(int(index)), width)
    for box, text, index in drawn:
        if text:
            _write(picture, box, text, class_colour(int(index)), font)
    return picture


def draw_labels(
    picture: Image.Image, labels: BoxLabels, class_names: Sequence[str], preprocessing: ImagePreprocessing
) -> Image.Image:
    """Return a copy of a picture of the model's input with the boxes of an image drawn on it.

    Args:
        picture: What the model sees, in the size of its input, or of a training that varies it.
        labels: Boxes in the pixels of the stored image or of the input.
        class_names: Name of each class.
        preprocessing: How the stored image became the picture.
    """
    placed = labels.placed(preprocessing)
    scale = np.array([picture.width / placed.width, picture.height / placed.height] * 2)
    placed = replace(placed, boxes=placed.boxes * scale)
    visible = placed.chosen(np.flatnonzero((placed.boxes[:, 2:] > placed.boxes[:, :2]).all(axis=1)))
    texts = [
        f"{class_name(int(index), class_names)} {CROWD}" if crowd else class_name(int(index), class_names)
        for index, crowd in zip(visible.classes, visible.crowd, strict=True)
    ]
    return draw_boxes(picture, visible.boxes, texts, visible.classes)


def class_name(index: int, class_names: Sequence[str]) -> str:
    """Return the name of a class, or its number where it has none."""
    return class_names[index] if 0 <= index < len(class_names) else f"class {index}"


def _outline(pen: ImageDraw.ImageDraw, box: Sequence[float], colour: Colour, width: int) -> None:
    """Draw the border just inside of a box; one of less than a pixel is drawn as a point."""
    left, top = round(box[0]), round(box[1])
    right, bottom = max(left, round(box[2]) - 1), max(top, round(box[3]) - 1)
    pen.rectangle((left, top, right, bottom), outline=colour, width=width)


def _write(
    picture: Image.Image,
    box: Sequence[float],
    text: str,
    colour: Colour,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
) -> None:
    """Write a label above its box, or inside where there is no room, always within the image where it fits."""
    pen, size = ImageDraw.Draw(picture), picture.size
    ends = pen.textbbox((0, 0), text, font)
    width, height = round(ends[2] - ends[0]) + 2 * PADDING, round(ends[3] - ends[1]) + 2 * PADDING
    left = max(0, min(round(box[0]), size[0] - width))
    top = round(box[1]) - height
    top = max(0, min(round(box[1]), size[1] - height)) if top < 0 else top
    pen.rectangle((left, top, left + width - 1, top + height - 1), fill=colour)
    bright = sum(weight * part for weight, part in zip(WEIGHTS, colour, strict=True)) >= LIGHT
    ink = (0, 0, 0) if bright else (255, 255, 255)
    pen.text((left + PADDING - ends[0], top + PADDING - ends[1]), text, ink, font)
