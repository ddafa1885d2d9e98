"""Predictions: records in the originals' pixels, and rows that COCO's tools read."""

import json

import numpy as np
import pytest
from PIL import Image

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_detection.decoder import DetectionDecoder, image_numbers
from zoo_detection.families.yolov8 import Yolov8Family
from zoo_detection.postprocessing import PostProcessing

INPUT = InputSpec(3, 100, 100)


def decoder(**more):
    postprocessing = PostProcessing(Yolov8Family(INPUT, 2), confidence=0.5, overlap=0.5, limit=10)
    return DetectionDecoder(postprocessing, ImagePreprocessing(input=INPUT), ["cat", "dog"], **more)


def outputs():
    """Return outputs for two images: two boxes on the first, none on the second."""
    found = np.zeros((2, 6, 3), np.float32)
    found[0, :, 0] = [50, 50, 20, 40, 0.1, 0.75]
    found[0, :, 1] = [20, 20, 60, 20, 0.9, 0.0]
    found[:, 0, 2] = 90
    return [found]


def test_records():
    records = decoder().decode(outputs(), [(200, 300), (40, 30)])
    assert json.loads(json.dumps(records)) == [
        {
            "detections": [
                {"label": "cat", "class_index": 0, "score": 0.9, "box": [0, 30, 100, 90]},
                {"label": "dog", "class_index": 1, "score": 0.75, "box": [80, 90, 120, 210]},
            ],
            "count": 2,
            "width": 200,
            "height": 300,
        },
        {"detections": [], "count": 0, "width": 40, "height": 30},
    ]


def test_drawing_marks_boxes_on_a_copy():
    pytest.importorskip("zoo_detection.drawing")
    record = decoder().decode(outputs(), [(200, 300), (40, 30)])[0]
    image = Image.new("RGB", (200, 300), "black")
    picture = decoder().draw(image, record)
    assert picture.size == (200, 300)
    assert image.getbbox() is None
    changed = np.asarray(picture).any(axis=2)
    assert changed[88:93, 100:119].any()
    assert not changed[220:, 130:].any()


def test_description_for_exported_models():
    found = decoder().describe()
    assert found["type"] == "detection"
    assert found["family"] == "yolov8"
    assert found["confidence_threshold"] == 0.5


@pytest.mark.parametrize(("more", "numbers"), [({}, [1, 2]), ({"category_ids": [17, 18]}, [17, 18])])
def test_rows_of_the_result_format(more, numbers):
    made = decoder(**more)
    rows = made.results(made.decode(outputs(), [(200, 300), (40, 30)]), ["a/000000000139.jpg", "b/x.jpg"])
    assert rows == [
        {
            "image_id": 139,
            "category_id": numbers[0],
            "bbox": [0, 30, 100, 60],
            "score": 0.9,
            "file_name": "000000000139.jpg",
        },
        {
            "image_id": 139,
            "category_id": numbers[1],
            "bbox": [80, 90, 40, 120],
            "score": 0.75,
            "file_name": "000000000139.jpg",
        },
    ]


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["c.jpg", "b.jpg"], [1, 2]),
        (["0007.jpg", "x.png", "1.png"], [7, 2, 1]),
        (["one/5.jpg", "two/5.jpg", "1.jpg"], [5, 2, 1]),
        (["5_a.jpg", "\N{SUPERSCRIPT TWO}.jpg"], [1, 2]),
        ([], []),
    ],
)
def test_numbers_of_images(names, numbers):
    assert image_numbers(names) == numbers
