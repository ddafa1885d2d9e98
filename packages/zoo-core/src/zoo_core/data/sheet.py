"""Own the drawing of examples on one sheet: a row for each image, before and after."""

from __future__ import annotations

from pathlib import PurePath

from PIL import Image, ImageDraw, ImageFont
from PIL.Image import Resampling

from zoo_core.data.preview import Example, Examples

TILE = 160
"""Side of the square, in pixels, into which every picture is fitted."""
LARGE_TILE = 320
"""The same for pictures with targets drawn on them."""
GAP = 12
LINE = 18
"""Height of a line of text."""
FONT_SIZE = 13
PAPER, INK, FAINT = (255, 255, 255), (20, 20, 20), (110, 110, 110)


def draw_sheet(examples: Examples, title: str) -> Image.Image:
    """Return the sheet in RGB: the title, heads of the columns, then the examples from top to bottom."""
    heads = ("as evaluation sees it", *examples.titles)
    rows = len(examples.examples)
    tile = LARGE_TILE if examples.detailed else TILE
    width = GAP + len(heads) * (tile + GAP)
    head = GAP + 2 * LINE + GAP
    row_height = tile + LINE + GAP
    sheet = Image.new("RGB", (width, head + rows * row_height), PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(FONT_SIZE)
    pen.text((GAP, GAP), _shortened(title, width - 2 * GAP, pen, font), INK, font)
    for column, text in enumerate(heads):
        pen.text((_left(column, tile), GAP + LINE), _shortened(text, tile, pen, font), FAINT, font)
    for row, example in enumerate(examples.examples):
        top = head + row * row_height
        for column, picture in enumerate((example.before, *example.after)):
            _place(sheet, picture, (_left(column, tile), top), tile)
        pen.text((GAP, top + tile + 2), _shortened(_caption(example), width - 2 * GAP, pen, font), INK, font)
    return sheet


def _left(column: int, tile: int) -> int:
    return GAP + column * (tile + GAP)


def _caption(example: Example) -> str:
    name = PurePath(example.path).name
    return f"{name}: {example.label}" if example.label else name


def _place(sheet: Image.Image, picture: Image.Image, corner: tuple[int, int], tile: int) -> None:
    """Fit a picture into its tile: small ones by whole factors, so that their pixels are seen."""
    picture = picture.convert("RGB")
    longest = max(picture.size)
    if longest <= tile:
        factor = tile // longest
        picture = picture.resize((picture.width * factor, picture.height * factor), Resampling.NEAREST)
    else:
        picture.thumbnail((tile, tile), Resampling.LANCZOS)
    left, top = corner
    sheet.paste(picture, (left + (tile - picture.width) // 2, top + (tile - picture.height) // 2))


def _shortened(
    text: str, width: int, pen: ImageDraw.ImageDraw, font: ImageFont.ImageFont | ImageFont.FreeTypeFont
) -> str:
    """Cut a text in its middle so that it fits into a width in pixels."""
    if pen.textlength(text, font) <= width:
        return text
    kept = len(text)
    while kept > 1 and pen.textlength(_cut(text, kept), font) > width:
        kept -= 1
    return _cut(text, kept)


def _cut(text: str, kept: int) -> str:
    head = kept // 2
    return f"{text[:head]}...{text[len(text) - (kept - head) :]}"
