"""YOLOv8's outputs in every form that exporters write."""

import numpy as np
import pytest

from zoo_core.artifacts import InputSpec
from zoo_detection.families.yolov8 import Yolov8Family

INPUT = InputSpec(3, 320, 640)
CLASSES = 3
BOXES = np.array([[100, 80, 40, 20], [600, 300, 80, 60], [320, 160, 10, 10]], np.float32)
SCORES = np.array([[0.9, 0.1, 0.3], [0.2, 0.8, 0.0], [0.1, 0.1, 0.1]], np.float32)
WANTED = {(0, 0.9): [80, 70, 120, 90], (2, 0.3): [80, 70, 120, 90], (1, 0.8): [560, 270, 640, 330]}
IN_PIXELS = np.ones(4, np.float32)
IN_SHARES = np.array([640, 320, 640, 320], np.float32)


def whole(factors, *, channels_first):
    rows = np.concatenate([BOXES / factors, SCORES], axis=1)[None]
    return [rows.transpose(0, 2, 1) if channels_first else rows]


def split(factors, *, channels_first, boxes_first=True):
    parts = [BOXES[None] / factors, SCORES[None]]
    parts = [part.transpose(0, 2, 1) if channels_first else part for part in parts]
    return parts if boxes_first else parts[::-1]


def found(outputs, classes=CLASSES, threshold=0.25):
    family = Yolov8Family(INPUT, classes)
    assert family.check([output.shape for output in outputs]) == ()
    return family.candidates(outputs, threshold)


@pytest.mark.parametrize("factors", [IN_PIXELS, IN_SHARES], ids=["pixels", "shares"])
@pytest.mark.parametrize("channels_first", [True, False])
@pytest.mark.parametrize("contiguous", [True, False])
@pytest.mark.parametrize("form", ["whole", "split", "scores_first"])
def test_every_form_gives_the_same_boxes(factors, channels_first, contiguous, form):
    if form == "whole":
        outputs = whole(factors, channels_first=channels_first)
    else:
        outputs = split(factors, channels_first=channels_first, boxes_first=form == "split")
    # two more cells, so that no two axes are alike
    axis = 2 if channels_first else 1
    outputs = [np.concatenate([one, np.zeros_like(one.take([0, 0], axis))], axis) for one in outputs]
    one = found([np.ascontiguousarray(output) for output in outputs] if contiguous else outputs)[0]
    pairs = zip(one.classes.tolist(), one.scores.tolist(), one.boxes.tolist(), strict=True)
    result = {(kind, round(score, 3)): box for kind, score, box in pairs}
    assert result.keys() == WANTED.keys()
    for key, box in WANTED.items():
        assert result[key] == pytest.approx(box, abs=1e-3)


def test_each_image_of_a_batch_has_its_own_boxes():
    first = whole(IN_PIXELS, channels_first=True)[0]
    batch = np.concatenate([np.zeros_like(first), first])
    assert [len(one) for one in found([batch])] == [0, 3]


def test_as_many_cells_as_channels_are_read_as_ultralytics_writes_them():
    rows = np.zeros((1, 7, 7), np.float32)
    rows[0, :, 2] = [100, 80, 40, 20, 0, 0.7, 0]
    one = found([rows])[0]
    assert one.boxes.tolist() == [[80, 70, 120, 90]]
    assert one.classes.tolist() == [1]


def test_numbers_that_are_none_do_not_decide_between_pixels_and_shares():
    outputs = whole(IN_SHARES, channels_first=True)
    broken = np.full((1, 7, 1), np.inf, np.float32)
    broken[0, 1] = np.nan
    one = found([np.concatenate([outputs[0], broken], axis=2)], threshold=0.85)[0]
    assert one.boxes[one.scores < 1][0].tolist() == pytest.approx([80, 70, 120, 90], abs=1e-3)


@pytest.mark.parametrize(
    "shapes",
    [
        [(None, 7, 8400)],
        [(1, 8400, 7)],
        [("N", None, None)],
        [(None, 4, 8400), (None, 3, 8400)],
        [(None, 8400, 3), (None, 8400, 4)],
        [(None, 4, None), (None, 3, 2100)],
    ],
)
def test_shapes_that_fit(shapes):
    assert Yolov8Family(INPUT, CLASSES).check(shapes) == ()


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ([(1, 84, 8400)], "80 classes"),
        ([], "one output"),
        ([(1, 7)], "(1, 7)"),
        ([(1, 4, 100), (1, 3, 200)], "(1, 3, 200)"),
        ([(1, 40, 40, 7)] * 3, "(1, 40, 40, 7)"),
    ],
)
def test_shapes_that_do_not_fit_are_explained(shapes, said):
    (sentence,) = Yolov8Family(INPUT, CLASSES).check(shapes)
    assert said in sentence
    assert "yolov8 with 3 classes" in sentence


def test_number_of_boxes():
    assert Yolov8Family(InputSpec(3, 640, 640), 80).describe() == {"total_boxes": 8400}
