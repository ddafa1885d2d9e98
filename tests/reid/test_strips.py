"""Pictures of searches: sizes, frames, marks and captions at their pixels."""

import numpy as np
import pytest
from PIL import Image

from zoo_reid.strips import (
    FRAME,
    GAP,
    HEIGHT,
    INK,
    PAPER,
    RIGHT,
    UNKNOWN,
    WRONG,
    Tile,
    draw_strip,
    frame_colour,
    write_name,
)

BLUE, PINK, TEAL, GOLD = (0, 0, 200), (250, 150, 200), (0, 120, 120), (200, 170, 0)
MIDDLE = GAP + FRAME + HEIGHT // 2
CAPTION = GAP + HEIGHT + 2 * FRAME + GAP


def tile(colour, size=(64, 128), right=None, caption=("0.1", "ann")):
    return Tile(image=Image.new("RGB", size, colour), caption=caption, right=right)


def pixels_of(strip, colour):
    """Return rows and columns of all pixels of exactly one colour."""
    return np.nonzero((np.asarray(strip) == np.array(colour, np.uint8)).all(axis=2))


def runs_along(strip, row):
    """Return (colour, length) of equal neighbours along a row."""
    found = []
    for pixel in np.asarray(strip)[row]:
        colour = tuple(int(value) for value in pixel)
        if found and found[-1][0] == colour:
            found[-1][1] += 1
        else:
            found.append([colour, 1])
    return [tuple(run) for run in found]


def test_frames_in_the_order_of_the_matches():
    matches = [tile(PINK, right=True), tile(TEAL, right=False), tile(GOLD, right=None)]
    strip = draw_strip(tile(BLUE), matches)
    framed = [
        run for run in runs_along(strip, MIDDLE) if run[0] in {INK, RIGHT, WRONG, UNKNOWN, BLUE, PINK, TEAL, GOLD}
    ]
    wanted = []
    for frame, picture in ((INK, BLUE), (RIGHT, PINK), (WRONG, TEAL), (UNKNOWN, GOLD)):
        wanted += [(frame, FRAME), (picture, HEIGHT // 2), (frame, FRAME)]
    assert framed == wanted


def test_frames_go_all_around():
    strip = draw_strip(tile(BLUE), [tile(PINK, right=True)])
    rows, columns = pixels_of(strip, PINK)
    top, bottom, left, right = rows.min(), rows.max(), columns.min(), columns.max()
    assert (top, bottom - top + 1) == (GAP + FRAME, HEIGHT)
    array = np.asarray(strip)
    around = array[top - FRAME : bottom + 1 + FRAME, left - FRAME : right + 1 + FRAME].copy()
    around[FRAME:-FRAME, FRAME:-FRAME] = RIGHT
    assert (around == np.array(RIGHT)).all()
    assert tuple(array[top - FRAME - 1, left]) == PAPER
    assert tuple(array[top, left - FRAME - 1]) == PAPER


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((8, 16), (128, 256)),
        ((64, 128), (128, 256)),
        ((600, 1200), (128, 256)),
        ((92, 112), (210, 256)),
        ((512, 256), (512, 256)),
        ((3000, 100), (768, 26)),
        ((1, 1000), (1, 256)),
    ],
)
def test_pictures_have_one_height_and_keep_their_proportions(size, shown):
    strip = draw_strip(tile(BLUE, size), [tile(PINK)])
    rows, columns = pixels_of(strip, BLUE)
    assert (columns.max() - columns.min() + 1, rows.max() - rows.min() + 1) == shown
    assert abs((rows.max() + rows.min() + 1) / 2 - MIDDLE) <= 1


def test_marks_tell_right_from_wrong_without_colours():
    """A tick has its lowest point off the middle, a cross is its own mirror image, an unknown has no mark."""
    marks = {}
    for right in (True, False, None):
        strip = draw_strip(tile(BLUE), [tile(PINK, right=right, caption=())])
        rows, columns = pixels_of(strip, frame_colour(right))
        marks[right] = {(int(x), int(y)) for y, x in zip(rows, columns, strict=True) if y >= CAPTION}
    assert not marks[None]
    assert len(marks[True]) > 20
    assert len(marks[False]) > 20
    for right, mirrored in ((True, False), (False, True)):
        left, width = min(x for x, _ in marks[right]), max(x for x, _ in marks[right])
        other = {(left + width - x, y) for x, y in marks[right]}
        share = len(other & marks[right]) / len(marks[right])
        assert (share > 0.8) is mirrored


def ink_below(strip, left, right):
    rows, columns = pixels_of(strip, INK)
    chosen = (rows >= CAPTION) & (columns >= left) & (columns < right)
    return rows[chosen]


def test_captions_stand_below_their_pictures():
    blank = draw_strip(tile(BLUE, caption=()), [tile(PINK, right=True, caption=())])
    assert len(ink_below(blank, 0, blank.width)) == 0
    strip = draw_strip(tile(BLUE, caption=("0001_c1.jpg", "ann")), [tile(PINK, right=True, caption=("0.25", "ben"))])
    edge = pixels_of(strip, PINK)[1].min() - FRAME
    for left, right in ((0, edge), (edge, strip.width)):
        rows = ink_below(strip, left, right) - CAPTION
        assert ((rows < 20).any(), (rows >= 24).any()) == (True, True)


def test_long_and_broken_texts_are_wrapped_and_make_the_strip_higher():
    short = draw_strip(tile(BLUE, caption=("a",)), [])
    long = draw_strip(tile(BLUE, caption=("x" * 200,)), [])
    broken = draw_strip(tile(BLUE, caption=("a\nb\tc",)), [])
    assert long.height > short.height
    assert long.width < 24 * 16 + 3 * GAP
    assert broken.height == short.height


def test_an_empty_text_takes_a_line():
    assert draw_strip(tile(BLUE, caption=("", "a")), []).height > draw_strip(tile(BLUE, caption=("a",)), []).height


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_images_of_all_kinds_are_drawn_and_left_alone(mode):
    image = Image.new(mode, (30, 60))
    before = image.tobytes()
    strip = draw_strip(Tile(image=image, caption=("a",)), [Tile(image=image, caption=("b",), right=False)])
    assert strip.mode == "RGB"
    assert image.tobytes() == before


def test_sixteen_bit_images_keep_their_brightness():
    image = Image.fromarray(np.full((60, 30), 32768, np.uint16))
    assert draw_strip(Tile(image=image, caption=()), []).getpixel((GAP + FRAME + 60, MIDDLE)) == (128, 128, 128)


def test_a_name_stands_below_the_picture_which_stays_as_it_is():
    picture = Image.new("RGB", (200, 40), (10, 90, 170))
    named = write_name(picture, "0007")
    assert named.size[0] == 200
    assert named.crop((0, 0, 200, 40)).tobytes() == picture.tobytes()
    below = named.crop((0, 40, *named.size))
    assert below.getextrema()[0][0] < 60
    assert write_name(Image.new("RGB", (8, 16)), "a_very_long_name_of_a_person").width > 100
