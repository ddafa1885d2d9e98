"""Drawn boxes: where they are, in which colours, and that writing stays readable."""

import colorsys
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_detection.drawing import class_colour, draw_boxes, draw_labels
from zoo_detection.labels import BoxLabels


def where(picture, colour):
    found = np.argwhere((np.asarray(picture) == colour).all(2))
    (top, left), (bottom, right) = found.min(0), found.max(0) + 1
    return [left, top, right, bottom]


def test_outline_lies_on_the_box_and_the_image_stays():
    image = Image.new("RGB", (200, 100))
    drawn = draw_boxes(image, [[20, 30, 120, 80]], [""], [3])
    assert where(drawn, class_colour(3)) == [20, 30, 120, 80]
    assert drawn.getpixel((70, 55)) == (0, 0, 0)
    assert image.getcolors() == [(200 * 100, (0, 0, 0))]


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_any_mode_becomes_rgb(mode):
    assert draw_boxes(Image.new(mode, (50, 50)), [[5, 5, 20, 20]], ["a"], [0]).mode == "RGB"


def test_colours_are_distinct_and_always_the_same():
    colours = [class_colour(index) for index in range(80)]
    assert len(set(colours)) == 80
    assert colours[:2] == [class_colour(0), class_colour(1)]
    for first, second in pairwise(colours):
        hues = [colorsys.rgb_to_hsv(*(part / 255 for part in colour))[0] for colour in (first, second)]
        distance = abs(hues[0] - hues[1])
        assert min(distance, 1 - distance) > 0.3


@pytest.mark.parametrize("index", range(12))
def test_writing_stands_out_from_its_background(index):
    image = Image.new("RGB", (1300, 1200), (127, 127, 127))
    drawn = draw_boxes(image, [[50, 100, 1250, 1180]], ["MMMM"], [index])
    colour = class_colour(index)
    label = np.asarray(drawn)[70:100, 50:150].reshape(-1, 3)
    shades = {tuple(pixel) for pixel in label.tolist()} & {(0, 0, 0), (255, 255, 255)}
    assert len(shades) == 1

    def luminance(rgb):
        linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in rgb]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted([luminance(shades.pop()), luminance(colour)])
    assert (light + 0.05) / (dark + 0.05) > 3  # WCAG 2, large text


@pytest.mark.parametrize("box", [[0, 0, 60, 40], [250, 0, 300, 30], [280, 190, 300, 200], [-20, -20, 30, 30]])
def test_labels_stay_within_the_image(box):
    """A label at a corner has as many pixels as one in the middle."""
    image = Image.new("RGB", (300, 200))
    colour = class_colour(5)

    def filled(corners):
        drawn = np.asarray(draw_boxes(image, [corners], ["label"], [5]))
        outline = np.asarray(draw_boxes(image, [corners], [""], [5]))
        return ((drawn != outline).any(2) | ((drawn == colour).all(2) & (outline == colour).all(2))).sum()

    middle = filled([100, 100, 102, 102])
    assert filled(box) >= middle - 4


def test_lines_and_letters_grow_with_the_image():
    thickness = []
    for side in (100, 2000):
        image = Image.new("RGB", (side, side))
        drawn = np.asarray(draw_boxes(image, [[side / 4, side / 4, side / 2, side / 2]], [""], [0]))
        thickness.append(int(drawn[int(side * 0.4)].any(1).sum()) // 2)
    assert thickness == [1, 8]


def test_first_box_is_on_top():
    image = Image.new("RGB", (100, 100))
    drawn = draw_boxes(image, [[10, 10, 50, 50], [10, 10, 50, 50]], ["", ""], [1, 2])
    assert where(drawn, class_colour(1)) == [10, 10, 50, 50]
    assert class_colour(2) not in [colour for _, colour in drawn.getcolors()]


def test_odd_boxes_do_no_harm():
    image = Image.new("RGB", (60, 40))
    boxes = [[10, 10, 10, 10], [-50, -50, -40, -40], [500, 500, 600, 600], [0, 0, 60, 40], [30, 20, 29, 19]]
    assert draw_boxes(image, boxes, ["x" * 200] * 5, range(5)).size == (60, 40)
    assert draw_boxes(image, np.zeros((0, 4)), [], []) == image
    with pytest.raises(ValueError, match="zip"):
        draw_boxes(image, [[0, 0, 9, 9]], [], [0])


@pytest.mark.parametrize("aspect_ratio", ["fit", "padding"])
def test_labels_of_the_stored_image_and_of_the_input_are_drawn_alike(aspect_ratio):
    preprocessing = ImagePreprocessing(input=InputSpec(3, 128, 128), aspect_ratio=aspect_ratio)
    stored = BoxLabels.of([[40, 20, 80, 60], [0, 0, 0, 9]], [0, 7], (200, 100), crowd=[False, True])
    picture = Image.new("RGB", (128, 128))
    drawn = draw_labels(picture, stored, ["cat"], preprocessing)
    assert drawn == draw_labels(picture, stored.placed(preprocessing), ["cat"], preprocessing)
    left, _, right, bottom = where(drawn, class_colour(0))
    place = preprocessing.placement(200, 100)
    wanted = [40 * place.scale_x + place.left, 80 * place.scale_x + place.left, 60 * place.scale_y + place.top]
    assert [left, right, bottom] == pytest.approx(wanted, abs=1)
    assert class_colour(7) not in [colour for _, colour in drawn.getcolors()]
