"""Shares of right keypoints against cases that are counted by hand."""

import numpy as np
import pytest

from zoo_pose.labels import PoseLabels
from zoo_pose.metrics.pck import (
    distances,
    reference_lengths,
    right_keypoints,
    share_right,
    share_right_by_keypoint,
    share_right_by_threshold,
)

LENGTHS = np.array([[0.0, 10.0, 11.0], [5.0, 21.0, np.inf]])
REFERENCES = np.array([100.0, 200.0])
LABELLED = np.array([[True, True, True], [False, True, True]])


def test_distances_are_euclidean():
    assert distances(np.array([[3.0, 4.0]]), np.zeros((1, 2))) == pytest.approx([5.0])


def test_reference_is_the_longer_side():
    labels = PoseLabels(
        points=np.zeros((2, 1, 2)),
        visible=np.ones((2, 1), np.int64),
        boxes=np.array([[10.0, 10, 30, 70], [0, 0, 50, 20]]),
        areas=np.ones(2),
        crowd=np.zeros(2, bool),
        width=320,
        height=480,
    )
    assert reference_lengths(labels, "box").tolist() == [60, 50]
    assert reference_lengths(labels, "image").tolist() == [480, 480]


def test_a_keypoint_at_the_threshold_is_right():
    right = right_keypoints(LENGTHS, REFERENCES, 0.1)
    assert right.tolist() == [[True, True, False], [True, False, False]]


def test_shares_count_labelled_keypoints_only():
    right = right_keypoints(LENGTHS, REFERENCES, 0.1)
    assert share_right(right, LABELLED) == pytest.approx(2 / 5)
    assert share_right_by_keypoint(right, LABELLED) == pytest.approx([1.0, 0.5, 0.0])


def test_nothing_labelled_is_nothing_right():
    assert share_right(np.ones((2, 3), bool), np.zeros((2, 3), bool)) == 0
    assert share_right_by_keypoint(np.zeros((0, 3), bool), np.zeros((0, 3), bool)).tolist() == [0, 0, 0]


def test_curves_never_fall_and_meet_the_shares():
    thresholds = np.array([0.0, 0.1, 0.105, 0.11, 1.0])
    curves = share_right_by_threshold(LENGTHS, REFERENCES, LABELLED, thresholds)
    assert curves.shape == (4, 5)
    assert (np.diff(curves, axis=1) >= 0).all()
    assert curves[0] == pytest.approx([1 / 5, 2 / 5, 3 / 5, 4 / 5, 4 / 5])
    assert curves[1:, 1] == pytest.approx([1.0, 0.5, 0.0])
