"""Post-processing drops what is no number, and carries boxes back to the originals."""

import json

import numpy as np
import pytest

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UserError
from zoo_detection.families.yolov8 import Yolov8Family
from zoo_detection.postprocessing import PostProcessing

INPUT = InputSpec(3, 100, 200)


def processing(confidence=0.25, overlap=0.5, limit=10, classes=2):
    return PostProcessing(Yolov8Family(INPUT, classes), confidence=confidence, overlap=overlap, limit=limit)


def outputs(*columns):
    """Return one output (1, 4 + C, A) from columns cx, cy, w, h, probabilities."""
    return [np.array([columns], np.float32).transpose(0, 2, 1)]


def test_boxes_are_suppressed_class_by_class_and_sorted():
    found = processing()(
        outputs(
            [50, 50, 20, 20, 0.6, 0.1],
            [51, 50, 20, 20, 0.9, 0.0],
            [50, 50, 20, 20, 0.0, 0.7],
            [150, 50, 20, 20, 0.2, 0.1],
        )
    )
    assert len(found) == 1
    assert found[0].scores.tolist() == pytest.approx([0.9, 0.7])
    assert found[0].classes.tolist() == [0, 1]
    assert found[0].boxes[0].tolist() == [41, 40, 61, 60]


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_finite_number_is_no_detection(place, value):
    sound = [150, 50, 20, 20, 0.9, 0.0]
    broken = [50, 50, 20, 20, 0.8, 0.8]
    broken[place] = value
    found = processing()(outputs(sound, broken))[0]
    assert np.isfinite(found.boxes).all()
    assert ((found.scores >= 0.25) & (found.scores <= 1)).all()
    assert found.boxes[0].tolist() == [140, 40, 160, 60]
    assert len(found) == (1 if place < 4 else len(found))


def test_scores_that_rounding_lifts_above_one_are_one():
    found = processing()(outputs([50, 50, 20, 20, 1.004, 0], [150, 50, 20, 20, 0.9, 0]))[0]
    assert found.scores.tolist() == pytest.approx([1, 0.9])
    assert found.scores.max() <= 1


def test_only_not_a_number_gives_nothing():
    found = processing()([np.full((2, 6, 50), np.nan, np.float32)])
    assert [len(one) for one in found] == [0, 0]


def test_boxes_without_area_are_dropped():
    assert len(processing()(outputs([50, 50, 0, 20, 0.9, 0], [50, 50, 20, -4, 0.9, 0]))[0]) == 0


def test_originals_of_a_stretched_image():
    preprocessing = ImagePreprocessing(input=INPUT)
    found = processing().on_originals(outputs([100, 50, 300, 20, 0.9, 0]), [(400, 400)], preprocessing)[0]
    assert found.boxes.tolist() == [[0, 160, 400, 240]]


def test_originals_of_a_padded_image():
    # 100 x 100 keeps its size and stands in the middle of 200 x 100, from x = 50 on
    preprocessing = ImagePreprocessing(input=INPUT, aspect_ratio="padding")
    on_image, on_border = [70, 50, 20, 20, 0.9, 0], [10, 50, 20, 20, 0.8, 0]
    found = processing().on_originals(outputs(on_image, on_border), [(100, 100)], preprocessing)[0]
    assert found.boxes.tolist() == [[10, 40, 30, 60]]


def test_outputs_of_another_form_are_a_message():
    with pytest.raises(UserError, match=r"3, 9, 50") as caught:
        processing()([np.zeros((3, 9, 50), np.float32)])
    assert "model.model_type" in str(caught.value)


def test_description_holds_what_headers_need():
    found = processing(confidence=0.6, overlap=0.45, limit=12).describe()
    assert json.loads(json.dumps(found)) == {
        "family": "yolov8",
        "confidence_threshold": 0.6,
        "iou_threshold": 0.45,
        "max_boxes": 12,
        "total_boxes": 12 * 25 + 6 * 12 + 3 * 6,
    }
