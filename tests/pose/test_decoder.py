"""Predictions: records in the originals' pixels, pictures, and rows that COCO's tools read."""

import contextlib
import io
import json

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_pose.decoder import PoseDecoder
from zoo_pose.metrics.coco_results import image_numbers
from zoo_pose.poses import Poses
from zoo_pose.postprocessing import PosePostProcessing
from zoo_pose.skeletons import Skeleton, known, numbered
from zoo_stm32.headers.entries import problems
from zoo_stm32.headers.families import N6, find_family

INPUT = InputSpec(3, 100, 100)
THREE = Skeleton(("nose", "left_eye", "right_eye"), ((0, 1), (0, 2)), ((1, 2),), (0.1, 0.1, 0.1))


class Direct:
    """Read outputs of shape (N, P, K, 3): x, y, confidence in pixels of the input; all of confidence 0 is no pose."""

    name = "yolo_mpe"

    def __init__(self, *, multiple=True, boxes=True):
        self.multiple = multiple
        self.boxes = boxes

    def check(self, shapes):
        return ()

    def poses(self, outputs, *, confidence, overlap, limit):
        return [self._poses(one[one[..., 2].any(axis=1)]) for one in outputs[0]]

    def _poses(self, rows):
        points = rows[..., :2]
        ends = np.concatenate([points.min(axis=1) - 2, points.max(axis=1) + 2], axis=1) if len(points) else None
        boxes = np.zeros((0, 4), np.float32) if ends is None else ends
        return Poses(
            points=points,
            confidences=rows[..., 2],
            scores=rows[..., 2].mean(axis=1),
            boxes=boxes if self.boxes else None,
        )

    def describe(self):
        return {"total_boxes": 6} if self.multiple else {"heatmap_height": 25, "heatmap_width": 25}


def decoder(skeleton=THREE, **family):
    postprocessing = PosePostProcessing(Direct(**family), confidence=0.5, overlap=0.4, limit=10)
    return PoseDecoder(postprocessing, ImagePreprocessing(input=INPUT), skeleton, keypoint_confidence=0.25)


def outputs():
    """Return outputs for two images: two poses on the first, none on the second."""
    found = np.zeros((2, 2, 3, 3), np.float32)
    found[0, 0] = [[50, 20, 1.0], [60, 40, 0.75], [40, 40, 0.5]]
    found[0, 1] = [[20, 60, 0.5], [30, 80, 0.5], [10, 80, 0.125]]
    return [found]


def test_records():
    records = decoder().decode(outputs(), [(200, 300), (40, 30)])
    assert json.loads(json.dumps(records)) == [
        {
            "poses": [
                {
                    "score": 0.75,
                    "box": [76, 54, 124, 126],
                    "keypoints": [[100, 60, 1.0], [120, 120, 0.75], [80, 120, 0.5]],
                },
                {
                    "score": 0.375,
                    "box": [16, 174, 64, 246],
                    "keypoints": [[40, 180, 0.5], [60, 240, 0.5], [20, 240, 0.125]],
                },
            ],
            "count": 2,
            "width": 200,
            "height": 300,
        },
        {"poses": [], "count": 0, "width": 40, "height": 30},
    ]


def test_models_without_boxes_have_none():
    record = decoder(boxes=False).decode(outputs(), [(200, 300), (40, 30)])[0]
    assert [one["box"] for one in record["poses"]] == [None, None]


def changed(picture, left, top, right, bottom):
    return np.asarray(picture)[top:bottom, left:right].any()


def test_drawing_shows_sure_keypoints_on_a_copy():
    made = decoder(boxes=False)
    record = made.decode(outputs(), [(200, 300), (40, 30)])[0]
    image = Image.new("RGB", (200, 300), "black")
    picture = made.draw(image, record)
    assert image.getbbox() is None
    assert picture.size == (200, 300)
    assert changed(picture, 98, 58, 103, 63)
    assert changed(picture, 108, 88, 113, 93)
    assert changed(picture, 58, 238, 63, 243)
    assert not changed(picture, 14, 230, 30, 246)


def test_drawing_shows_boxes_and_scores_where_there_are_some():
    image = Image.new("RGB", (200, 300), "black")
    record = decoder().decode(outputs(), [(200, 300), (40, 30)])[0]
    without = {**record, "poses": [{**one, "box": None} for one in record["poses"]]}
    plain, framed = decoder().draw(image, without), decoder().draw(image, record)
    assert not changed(plain, 76, 54, 77, 126)
    assert changed(framed, 76, 54, 77, 126)
    assert not changed(plain, 76, 40, 110, 54)
    assert changed(framed, 76, 40, 110, 54)


def test_drawing_of_nothing_is_the_image():
    image = Image.new("L", (40, 30), 77)
    record = decoder().decode(outputs(), [(200, 300), (40, 30)])[1]
    assert np.unique(np.asarray(decoder().draw(image, record))).tolist() == [77]


def test_description_for_exported_models():
    assert decoder().describe() == {
        "type": "pose",
        "family": "yolo_mpe",
        "keypoints": 3,
        "keypoint_names": ["nose", "left_eye", "right_eye"],
        "keypoint_threshold": 0.25,
        "bindings": [[0, 1], [0, 2]],
        "confidence_threshold": 0.5,
        "iou_threshold": 0.4,
        "max_boxes": 10,
        "total_boxes": 6,
    }
    assert decoder(multiple=False).describe()["confidence_threshold"] == 0.25
    assert "bindings" not in decoder(numbered(5)).describe()


@pytest.mark.parametrize("name", ["yolo_mpe", "heatmaps_spe"])
@pytest.mark.parametrize("skeleton", [THREE, numbered(5)])
def test_description_suffices_for_the_headers_of_devices(name, skeleton):
    family = find_family(name, N6)
    described = decoder(skeleton, multiple=name == "yolo_mpe").describe()
    assert problems(described, family.needs, family.optional, "decoding") == []


def test_results_are_read_by_cocos_tools():
    made = decoder()
    records = made.decode(outputs(), [(200, 300), (40, 30)])
    rows = made.results(records, ["a/000139.jpg", "b/other.jpg"])
    assert rows[1] == {
        "image_id": 139,
        "category_id": 1,
        "keypoints": [40, 180, 0.5, 60, 240, 0.5, 20, 240, 0.125],
        "score": 0.375,
        "file_name": "000139.jpg",
    }
    truth = COCO()
    truth.dataset = {"images": [{"id": 139}, {"id": 1}], "annotations": [], "categories": [{"id": 1}]}
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found = truth.loadRes(rows)
    assert len(found.getAnnIds(imgIds=[139])) == 2
    assert made.results([records[1]], ["x.jpg"]) == []


def test_every_image_has_a_number_of_its_own():
    assert image_numbers(["000139.jpg", "1.png", "cat.jpg", "x/139.jpg", "2.jpg", "dog.jpg"]) == [139, 1, 3, 4, 2, 5]
    assert image_numbers(["²", "a b"]) == [1, 2]
    assert image_numbers([]) == []


def test_known_skeletons_are_described_and_drawn():
    for keypoints in (13, 17, 21):
        made = decoder(known(keypoints), boxes=False)
        rows = np.random.default_rng(0).uniform(10, 90, (1, 1, keypoints, 3)).astype(np.float32)
        rows[..., 2] = 0.5
        (record,) = made.decode([rows], [(100, 100)])
        assert made.draw(Image.new("RGB", (100, 100)), record).getbbox() is not None
        assert max(max(pair) for pair in made.describe()["bindings"]) == keypoints - 1
