"""Own the picture of one search: the query, then the pictures that were found, framed by whether they are right."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont
from PIL.Image import Resampling

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing

HEIGHT = 256
"""Pixels to which the height of every picture is brought."""
WIDEST = 3.0
"""Width to height from which on a picture is less high instead of wider."""
FRAME = 6
GAP = 12
FONT_SIZE, LINE = 16, 22
CHARACTERS = 24
"""Longest line of a caption; longer texts go on below."""
PAPER, INK, FAINT = (255, 255, 255), (20, 20, 20), (200, 200, 200)
RIGHT, WRONG, UNKNOWN = (0, 150, 70), (215, 40, 40), (140, 140, 140)
TICK = ((0.2, 0.55), (0.42, 0.78), (0.82, 0.24))
CROSS = (((0.24, 0.24), (0.76, 0.76)), ((0.24, 0.76), (0.76, 0.24)))
STROKE = 3
_ANY_TO_RGB = ImagePreprocessing(input=InputSpec(3, 1, 1))
"""Reads the colours of a file as every service does, 16-bit images included."""

Colour = tuple[int, int, int]
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """Hold one picture of a strip and what stands below it."""

    image: Image.Image
    caption: tuple[str, ...]
    """Lines of text; long ones are wrapped."""
    right: bool | None = None
    """Whether it shows the person searched for; nothing where that is not known."""


def draw_strip(query: Tile, matches: Sequence[Tile]) -> Image.Image:
    """Return the strip in RGB: the query in a dark frame, a line, then the matches from left to right.

    Matches have a green frame and a tick when they are right, a red one and a cross when not, a grey one without a
    mark when that is not known. All pictures have the same height, and their own proportions.
    """
    font = ImageFont.load_default(size=FONT_SIZE)
    columns = [_Column(query, INK, font), *(_Column(match, frame_colour(match.right), font) for match in matches)]
    lines = max(len(column.lines) for column in columns)
    width = GAP + sum(column.width + GAP for column in columns) + (2 * GAP if matches else 0)
    strip = Image.new("RGB", (width, GAP + HEIGHT + 2 * FRAME + GAP + lines * LINE + GAP), PAPER)
    left = GAP
    for place, column in enumerate(columns):
        column.draw(strip, left)
        left += column.width + GAP
        if place == 0 and matches:
            ImageDraw.Draw(strip).line([(left + GAP // 2, GAP), (left + GAP // 2, strip.height - GAP)], FAINT, 1)
            left += 2 * GAP
    return strip


def frame_colour(right: bool | None) -> Colour:
    """Return red, green and blue of the frame of a match."""
    return UNKNOWN if right is None else RIGHT if right else WRONG


class _Column:
    """Draw one tile and know its width before."""

    def __init__(self, tile: Tile, colour: Colour, font: Font) -> None:
        self.picture = _fitted(_ANY_TO_RGB.convert(tile.image))
        self.lines = [part for text in tile.caption for part in _wrapped(text)]
        self._right, self._colour, self._font = tile.right, colour, font
        text_width = max((font.getlength(line) for line in self.lines), default=0)
        self._indent = 0 if tile.right is None else LINE
        self.width = max(self.picture.width + 2 * FRAME, round(text_width) + 1 + self._indent)

    def draw(self, strip: Image.Image, left: int) -> None:
        """Draw frame, picture, mark and caption from a column of pixels on."""
        pen = ImageDraw.Draw(strip)
        width, height = self.picture.size
        x = left + (self.width - width) // 2
        y = GAP + FRAME + (HEIGHT - height) // 2
        pen.rectangle((x - FRAME, y - FRAME, x + width + FRAME - 1, y + height + FRAME - 1), fill=self._colour)
        strip.paste(self.picture, (x, y))
        top = GAP + HEIGHT + 2 * FRAME + GAP
        if self._right is not None:
            _draw_mark(pen, (left, top), self._right, self._colour)
        for place, line in enumerate(self.lines):
            pen.text((left + (self._indent if place == 0 else 0), top + place * LINE), line, INK, self._font)


def _fitted(picture: Image.Image) -> Image.Image:
    factor = min(HEIGHT / picture.height, WIDEST * HEIGHT / picture.width)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Resampling.LANCZOS)


def _wrapped(text: str) -> list[str]:
    """Return a text as lines of limited length, with every kind of line break as a space."""
    return textwrap.wrap(text, CHARACTERS, break_on_hyphens=False) or [""]


def _draw_mark(pen: ImageDraw.ImageDraw, corner: tuple[int, int], right: bool, colour: Colour) -> None:
    """Draw a tick or a cross into the square at the start of the first line."""
    side = LINE - 4
    for path in (TICK,) if right else CROSS:
        points = [(corner[0] + side * x, corner[1] + side * y) for x, y in path]
        pen.line(points, colour, STROKE)


def write_name(picture: Image.Image, name: str) -> Image.Image:
    """Return a copy of a picture in RGB with a name on a bar below it."""
    image = _ANY_TO_RGB.convert(picture)
    font = ImageFont.load_default(size=FONT_SIZE)
    text = name or "unknown"
    width = max(image.width, round(font.getlength(text)) + GAP)
    canvas = Image.new("RGB", (width, image.height + LINE), PAPER)
    canvas.paste(image, ((width - image.width) // 2, 0))
    ImageDraw.Draw(canvas).text((GAP // 2, image.height), text, fill=INK, font=font)
    return canvas
