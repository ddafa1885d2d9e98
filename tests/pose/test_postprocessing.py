"""From outputs to poses in the originals' pixels."""

import numpy as np
import pytest

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UserError
from zoo_pose.poses import Poses
from zoo_pose.postprocessing import PosePostProcessing

INPUT = InputSpec(3, 100, 100)


class Listed:
    """Give prepared poses, and remember what it was asked for."""

    name = "listed"
    multiple = True

    def __init__(self, poses):
        self.prepared = poses
        self.asked = {}

    def check(self, shapes):
        return () if shapes == [(len(self.prepared), 1)] else (f"{shapes} is wrong.", "So is the rest.")

    def poses(self, outputs, **asked):
        self.asked = asked
        return self.prepared

    def describe(self):
        return {"total_boxes": 7}


def poses(points, scores, boxes=None, confidences=None):
    points = np.array(points, np.float32)
    return Poses(
        points=points,
        confidences=np.ones(points.shape[:2], np.float32) if confidences is None else np.array(confidences, np.float32),
        scores=np.array(scores, np.float32),
        boxes=None if boxes is None else np.array(boxes, np.float32),
    )


def made(*found, **limits):
    family = Listed(list(found))
    return PosePostProcessing(family, **{"confidence": 0.3, "overlap": 0.6, "limit": 5, **limits}), family


def outputs(count):
    return [np.zeros((count, 1), np.float32)]


def test_the_family_is_told_the_limits():
    postprocessing, family = made(poses([[[1, 2]]], [0.5]))
    postprocessing(outputs(1))
    assert family.asked == {"confidence": 0.3, "overlap": 0.6, "limit": 5}


def test_wrong_outputs_are_refused_with_all_reasons():
    postprocessing, _ = made(poses([[[1, 2]]], [0.5]))
    with pytest.raises(UserError, match=r"(?s)is wrong.*So is the rest"):
        postprocessing([np.zeros((1, 9), np.float32)])


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["points", "scores", "boxes", "confidences"])
def test_what_is_no_number_is_no_pose(number, where):
    values = {
        "points": [[[1.0, 2.0]], [[3.0, 4.0]]],
        "scores": [0.5, 0.4],
        "boxes": [[0.0, 0, 9, 9]] * 2,
        "confidences": [[0.5], [0.5]],
    }
    changed = np.array(values[where])
    changed.reshape(2, -1)[0, 0] = number
    postprocessing, _ = made(poses(**{**values, where: changed}))
    (found,) = postprocessing(outputs(1))
    assert found.points.tolist() == [[[3, 4]]]


def test_scores_stay_between_0_and_1():
    postprocessing, _ = made(poses([[[1, 2]], [[1, 2]]], [1.2, -0.1], confidences=[[3.0], [-1.0]]))
    (found,) = postprocessing(outputs(1))
    assert found.scores.tolist() == [1, 0]
    assert found.confidences.tolist() == [[1], [0]]
    assert found.scores.dtype == found.confidences.dtype == np.float32


def test_places_on_originals_of_their_own_sizes():
    postprocessing, _ = made(poses([[[50, 50]]], [1]), poses([[[10, 90]]], [1]))
    preprocessing = ImagePreprocessing(input=INPUT)
    first, second = postprocessing.on_originals(outputs(2), [(200, 300), (50, 10)], preprocessing)
    assert first.points.tolist() == [[[100, 150]]]
    assert second.points.tolist() == [[[5, 9]]]


def test_poses_on_the_padding_are_dropped_only_where_there_are_boxes():
    """An original of 200 x 100 lies between 25 and 75 from the top of the input."""
    preprocessing = ImagePreprocessing(input=INPUT, aspect_ratio="padding")
    points = [[[50, 10]], [[50, 50]]]
    boxed, _ = made(poses(points, [0.9, 0.8], boxes=[[40, 0, 60, 20], [40, 10, 60, 60]]))
    (found,) = boxed.on_originals(outputs(1), [(200, 100)], preprocessing)
    assert found.points.tolist() == [[[100, 50]]]
    assert found.boxes.tolist() == [[80, 0, 120, 70]]
    plain, _ = made(poses(points, [0.9, 0.8]))
    (found,) = plain.on_originals(outputs(1), [(200, 100)], preprocessing)
    assert found.points.tolist() == [[[100, -30]], [[100, 50]]]


def test_no_pose_at_all():
    postprocessing, _ = made(poses(np.zeros((0, 3, 2)), [], boxes=np.zeros((0, 4))))
    (found,) = postprocessing.on_originals(outputs(1), [(20, 10)], ImagePreprocessing(input=INPUT))
    assert found.points.shape == (0, 3, 2)


def test_description_has_the_limits_and_what_the_family_says():
    postprocessing, _ = made()
    assert postprocessing.describe() == {
        "family": "listed",
        "confidence_threshold": 0.3,
        "iou_threshold": 0.6,
        "max_boxes": 5,
        "total_boxes": 7,
    }
