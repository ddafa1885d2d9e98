"""Grids with anchors, as YOLOv2 and ST_YOLOX give them, against cells calculated by hand."""

import math

import numpy as np
import pytest

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_detection.families.st_yolox import StYoloxFamily
from zoo_detection.families.yolov2 import Yolov2Family

INPUT = InputSpec(3, 64, 96)
CLASSES = 2
LOW = -20.0


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def empty(rows, columns, anchors, batch=1):
    """Return a grid (N, H, W, B, 5 + C) without objects."""
    grid = np.zeros((batch, rows, columns, anchors, 5 + CLASSES), np.float32)
    grid[..., 4] = LOW
    return grid


def joined(grid, *, channels_first=False):
    flat = grid.reshape(*grid.shape[:3], -1)
    return flat.transpose(0, 3, 1, 2) if channels_first else flat


@pytest.mark.parametrize("form", ["last", "first", "flat"])
def test_a_cell_of_yolov2(form):
    # 64 x 96 pixels are 2 x 3 cells of 32; the box is in row 1, column 2, of the second anchor
    grid = empty(2, 3, 2)
    grid[0, 1, 2, 1] = [0.4, -0.3, 0.2, -0.1, 1.5, 2.0, 1.0]
    output = grid.reshape(1, -1, 7) if form == "flat" else joined(grid, channels_first=form == "first")
    family = Yolov2Family(INPUT, CLASSES, anchors=[1.0, 1.0, 1.5, 0.75])
    assert family.check([output.shape]) == ()

    (found,) = family.candidates([output], 0.3)

    centre = 32 * (2 + sigmoid(0.4)), 32 * (1 + sigmoid(-0.3))
    half = 16 * 1.5 * math.exp(0.2), 16 * 0.75 * math.exp(-0.1)
    score = sigmoid(1.5) * math.exp(2) / (math.exp(2) + math.exp(1))
    assert found.classes.tolist() == [0]
    assert found.scores.tolist() == pytest.approx([score])
    wanted = [centre[0] - half[0], centre[1] - half[1], centre[0] + half[0], centre[1] + half[1]]
    assert found.boxes[0].tolist() == pytest.approx(wanted, rel=1e-5)


def test_every_class_that_reaches_the_threshold_counts():
    grid = empty(2, 3, 5)
    grid[0, 0, 0, 0, 4:] = [3.0, 0.5, 0.4]
    found = Yolov2Family(INPUT, CLASSES).candidates([joined(grid)], 0.4)[0]
    assert sorted(found.classes.tolist()) == [0, 1]
    assert found.scores.sum() == pytest.approx(sigmoid(3.0))
    # the default anchors are those of ST's services, in cells
    assert (found.boxes[0, 2] - found.boxes[0, 0]) == pytest.approx(32 * 0.076023, rel=1e-4)


def test_one_class_takes_the_objectness_as_score():
    grid = np.full((1, 2, 3, 6), LOW, np.float32)
    grid[0, 0, 1] = [0, 0, 0, 0, 0.7, -9.0]
    found = Yolov2Family(INPUT, 1, anchors=[1, 1]).candidates([grid], 0.5)[0]
    assert found.scores.tolist() == pytest.approx([sigmoid(0.7)])
    assert found.boxes.tolist() == [[32, 0, 64, 32]]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_raise_no_warning(value):
    grid = empty(2, 3, 5)
    grid[0, 0, 0, 0] = value
    grid[0, 1, 1, 1, 4:6] = 5
    found = Yolov2Family(INPUT, CLASSES).candidates([joined(grid)], 0.5)[0]
    assert np.isfinite(found.scores).all()
    assert len(found) == 1


@pytest.mark.parametrize("form", ["last", "first", "reversed", "rows", "columns"])
def test_cells_of_st_yolox(form):
    # strides 8, 16, 32: grids of 8 x 12, 4 x 6, 2 x 3; the anchor is half the input, 48 x 32 pixels, on each
    grids = [empty(8, 12, 1), empty(4, 6, 1), empty(2, 3, 1)]
    grids[0][0, 7, 3, 0] = [0, 0, -1, -1, 3.0, 4.0, 0]
    grids[1][0, 2, 5, 0] = [1, 0, 0, 0, 2.0, 0, 4.0]
    grids[2][0, 1, 0, 0] = [0, -1, -0.5, 0.1, 1.0, 0, 4.0]
    if form in ("rows", "columns"):
        flat = np.concatenate([grid.reshape(1, -1, 7) for grid in grids], axis=1)
        outputs = [flat if form == "rows" else flat.transpose(0, 2, 1)]
    else:
        outputs = [joined(grid, channels_first=form == "first") for grid in grids]
        outputs = outputs[::-1] if form == "reversed" else outputs
    family = StYoloxFamily(INPUT, CLASSES)
    assert family.check([output.shape for output in outputs]) == ()

    (found,) = family.candidates(outputs, 0.4)

    probability = math.exp(4) / (math.exp(4) + 1)
    assert found.classes.tolist() == [0, 1, 1]
    assert found.scores.tolist() == pytest.approx([sigmoid(value) * probability for value in (3, 2, 1)])
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    sizes = found.boxes[:, 2:] - found.boxes[:, :2]
    wanted = [[8 * 3.5, 8 * 7.5], [16 * (5 + sigmoid(1)), 16 * 2.5], [32 * 0.5, 32 * (1 + sigmoid(-1))]]
    assert centres == pytest.approx(np.array(wanted), rel=1e-5)
    shrunk = [[48 / math.e, 32 / math.e], [48, 32], [48 * math.exp(-0.5), 32 * math.exp(0.1)]]
    assert sizes == pytest.approx(np.array(shrunk), rel=1e-4)


def test_st_yolox_with_two_anchors_in_a_batch():
    grids = [empty(8, 12, 2, batch=3), empty(4, 6, 2, batch=3), empty(2, 3, 2, batch=3)]
    grids[1][2, 0, 0, 1, 4] = 5
    family = StYoloxFamily(INPUT, CLASSES, anchors=[0.1, 0.2, 0.25, 0.5])
    found = family.candidates([joined(grid) for grid in grids], 0.3)
    assert [len(one) for one in found] == [0, 0, 2]
    assert found[2].boxes[0].tolist() == pytest.approx([8 - 12, 8 - 16, 8 + 12, 8 + 16])


def test_descriptions_for_devices():
    assert StYoloxFamily(InputSpec(3, 192, 192), 1).describe() == {
        "strides": [8, 16, 32],
        "level_anchors": [[[12, 12]], [[6, 6]], [[3, 3]]],
    }
    found = Yolov2Family(InputSpec(3, 224, 416), 1, anchors=[1.08, 1.19, 3.42, 4.41]).describe()
    assert found == {"grid_height": 7, "grid_width": 13, "anchor_sizes": [[1.08, 1.19], [3.42, 4.41]]}


@pytest.mark.parametrize(
    ("family", "shapes", "said"),
    [
        (Yolov2Family(INPUT, CLASSES), [(None, 2, 3, 425)], "425 channels mean 80 classes"),
        (Yolov2Family(INPUT, CLASSES), [(1, 35, 4, 6)], "stride of 32"),
        (Yolov2Family(INPUT, CLASSES), [], "no output at all"),
        (Yolov2Family(INPUT, CLASSES), [(1, 2, 3, 35)] * 2, "(1, 2, 3, 35), (1, 2, 3, 35)"),
        (StYoloxFamily(INPUT, CLASSES), [(1, 8, 12, 7), (1, 4, 6, 7)], "(N, 2, 3, 7)"),
        (StYoloxFamily(INPUT, CLASSES), [(1, 8, 12, 85), (1, 4, 6, 85), (1, 2, 3, 85)], "85 channels mean 80 classes"),
        (StYoloxFamily(INPUT, CLASSES), [(1, 125, 7)], "(N, 126, 7)"),
    ],
)
def test_shapes_that_do_not_fit_are_explained(family, shapes, said):
    (sentence,) = family.check(shapes)
    assert said in sentence


def test_open_sizes_fit():
    assert Yolov2Family(INPUT, CLASSES).check([(None, 35, None, None)]) == ()
    assert StYoloxFamily(INPUT, CLASSES).check([(None, None, None, 7), (None, 4, 6, 7), (None, 2, 3, 7)]) == ()


@pytest.mark.parametrize("anchors", [[], [1.0], [1.0, -1.0], [1.0, math.nan]])
def test_anchors_that_are_no_pairs_are_a_message(anchors):
    for family in (Yolov2Family, StYoloxFamily):
        with pytest.raises(UserError, match="yolo_anchors"):
            family(INPUT, CLASSES, anchors=anchors)
