"""What an evaluation of a pose estimator says of single images, and the numbers behind its pictures."""

import math

import numpy as np
import pytest

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.protocols import Charts, JudgesImages
from zoo_pose.config.evaluation import PoseEvaluationSection
from zoo_pose.decoder import PoseDecoder
from zoo_pose.evaluator import PoseEvaluator
from zoo_pose.labels import PoseLabels
from zoo_pose.poses import Poses
from zoo_pose.postprocessing import PosePostProcessing
from zoo_pose.skeletons import Skeleton

INPUT = InputSpec(3, 100, 100)
EYES = Skeleton(("left_eye", "right_eye"), ((0, 1),), ((0, 1),), (0.1, 0.1))
BOX = [0.0, 0.0, 40.0, 20.0]
PLACES = [[10.0, 10.0], [30.0, 10.0]]


class Nothing:
    """A family that is never asked."""

    multiple = True


def evaluator_of(images, skeleton=EYES, *, plot=False, iou=0.5, **section):
    """Return an evaluator of images, each given by its number, true poses and found poses of K points."""
    evaluator = PoseEvaluator(
        PosePostProcessing(Nothing(), confidence=0.001, overlap=0.5, limit=20),
        ImagePreprocessing(input=INPUT),
        skeleton,
        PoseEvaluationSection(**section),
        multiple=True,
        plot=plot,
        iou=iou,
    )
    for number, true, found in images:
        evaluator.add([found_poses(found, skeleton.keypoints)], [true_poses(true, number, skeleton.keypoints)])
    return evaluator


def true_poses(poses, number, keypoints):
    points = np.array(poses, float).reshape(-1, keypoints, 2)
    count = len(points)
    return PoseLabels(
        points=points,
        visible=np.full((count, keypoints), 2, np.int64),
        boxes=np.tile(BOX, (count, 1)).reshape(-1, 4),
        areas=np.full(count, 100.0),
        crowd=np.zeros(count, bool),
        width=200,
        height=100,
        image_id=number,
    )


def found_poses(poses, keypoints):
    points = np.array(poses, np.float32).reshape(-1, keypoints, 2)
    count = len(points)
    return Poses(
        points=points,
        confidences=np.ones((count, keypoints), np.float32),
        scores=np.linspace(0.9, 0.8, count).astype(np.float32),
    )


def moved(pixels):
    """Return the pose with its second keypoint so far away."""
    return [PLACES[0], [PLACES[1][0] + pixels, PLACES[1][1]]]


def similarity(pixels):
    """Return the similarity of a keypoint by hand: 0.53 of the box of 40 x 20 is the area, 0.1 the spread."""
    return math.exp(-(pixels**2) / (2 * 0.53 * 800 * 0.2**2))


IMAGES = ((7, [PLACES], [moved(4)]), (2, [], [PLACES]), (5, [PLACES, moved(0)], [PLACES]), (1, [PLACES], []))
"""A keypoint four pixels away, no pose to find, two of which one is found, one that is not found."""
SCORES = ((1 + similarity(4)) / 2, math.nan, 0.5, 0.0)


def test_scores_by_hand_in_the_order_of_the_images():
    evaluator = evaluator_of(IMAGES)
    assert isinstance(evaluator, JudgesImages)
    np.testing.assert_allclose(evaluator.image_scores(), SCORES)
    right = evaluator.right_images()
    assert (right[0], right[2], right[3]) == (True, True, False)


def test_scores_sum_up_to_oks():
    evaluator = evaluator_of(IMAGES)
    poses = [1, 0, 2, 1]
    scores = np.nan_to_num(evaluator.image_scores())
    assert evaluator.compute()[0].value == pytest.approx(np.dot(scores, poses) / 4)


def test_scores_of_other_processes_stand_one_after_the_other():
    parts = [evaluator_of(IMAGES[:1]), evaluator_of(IMAGES[1:])]
    merged = evaluator_of(())
    merged.merge([part.state() for part in reversed(parts)])
    np.testing.assert_allclose(merged.image_scores(), (*SCORES[1:], SCORES[0]))


@pytest.mark.parametrize("plot", [False, True])
def test_drawings_by_hand(plot):
    evaluator = evaluator_of(IMAGES[:1], plot=plot, pck_threshold=0.05)
    assert isinstance(evaluator, Charts)
    precision, pck = evaluator.drawings()
    assert (precision.name, pck.name) == ("precision_recall", "pck")
    labels = {one.label: one.emphasis for one in precision.series}
    assert labels["mean of 0.50 to 0.95"]
    assert labels["OKS 0.50"]
    assert not labels["OKS 0.55"]
    assert len(labels) == 11
    value = (1 + similarity(4)) / 2
    for one in precision.series[1:]:  # the only pose is found where its similarity reaches the threshold
        reached = value >= float(one.label.removeprefix("OKS "))
        np.testing.assert_allclose(one.y, float(reached))
    assert [(one.label, one.emphasis) for one in pck.series] == [
        ("all keypoints", True),
        ("left_eye", False),
        ("right_eye", False),
    ]
    assert pck.x_mark == 0.05
    everything, left, right = pck.series
    assert len(everything.x) == 101
    assert everything.x[-1] == pytest.approx(0.25)
    assert set(left.y) == {1.0}
    for x, one, total in zip(right.x, right.y, everything.y, strict=True):  # 4 pixels of 40 are a tenth
        if abs(x - 0.1) > 1e-9:
            assert one == float(x > 0.1)
            assert total == (1 + one) / 2


def test_another_similarity_stands_out_with_and_without_pictures():
    precision, _ = evaluator_of(IMAGES, iou=0.3).drawings()
    assert [one.label for one in precision.series if one.emphasis] == ["mean of 0.50 to 0.95", "OKS 0.30"]


def test_many_keypoints_are_drawn_together_only():
    names = tuple(f"point {number}" for number in range(22))
    many = Skeleton(names, (), (), (0.1,) * 22)
    places = [[float(number), 5.0] for number in range(22)]
    _, pck = evaluator_of([(1, [places], [places])], many).drawings()
    assert [one.label for one in pck.series] == ["all keypoints"]
    few = Skeleton(names[:21], (), (), (0.1,) * 21)
    assert len(evaluator_of([(1, [places[:21]], [places[:21]])], few).drawings()[1].series) == 22


def test_without_poses_there_is_nothing_to_draw():
    evaluator = evaluator_of([(1, [], []), (2, [], [PLACES])])
    assert evaluator.drawings() == ()
    assert all(math.isnan(score) for score in evaluator.image_scores())


def test_sentences_count_poses():
    postprocessing = PosePostProcessing(Nothing(), confidence=0.5, overlap=0.5, limit=20)
    decoder = PoseDecoder(postprocessing, ImagePreprocessing(input=INPUT), EYES, keypoint_confidence=0.1)
    assert decoder.sentence({"count": 1}, true_poses([PLACES, PLACES], 1, 2)) == "found 1 pose, 2 labelled"
    assert decoder.sentence({"count": 2}, true_poses([], 1, 2)) == "found 2 poses, 0 labelled"
