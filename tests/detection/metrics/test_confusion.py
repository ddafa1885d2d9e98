"""The confusion matrix counts every true box once."""

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou as official_iou

from zoo_detection.detections import Detections
from zoo_detection.labels import BoxLabels
from zoo_detection.metrics.confusion import box_iou, confusion_matrix, paired_boxes
from zoo_detection.metrics.records import ImageRecord, Tables

FIRST, SECOND, THIRD = [0, 0, 10, 10], [50, 0, 60, 10], [0, 50, 10, 60]


def matrix(true, found, *, crowd=None, confidence=0.5, classes=2):
    """Count from (box, class) and (box, score, class)."""
    labels = BoxLabels.of([box for box, _ in true], [kind for _, kind in true], (100, 100), crowd=crowd)
    boxes = Detections(
        boxes=np.array([box for box, *_ in found], np.float32).reshape(-1, 4),
        scores=np.array([score for _, score, _ in found], np.float32),
        classes=np.array([kind for *_, kind in found], np.int64),
    )
    tables = Tables((ImageRecord(labels=labels, found=boxes),), classes)
    return confusion_matrix(paired_boxes(tables, confidence=confidence, overlap=0.5), classes).tolist()


def test_right_wrong_missed_and_invented():
    found = [(FIRST, 0.9, 0), (SECOND, 0.9, 0), ([80, 80, 90, 90], 0.9, 1), (THIRD, 0.4, 1)]
    assert matrix([(FIRST, 0), (SECOND, 1), (THIRD, 1)], found) == [[1, 0, 0], [1, 0, 1], [0, 1, 0]]


def test_a_true_box_is_paired_with_the_nearest():
    near, nearer = ([0, 0, 10, 8], 0.9, 1), ([0, 0, 10, 9], 0.6, 0)
    assert matrix([(FIRST, 0)], [near, nearer]) == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_boxes_within_a_crowd_do_not_count():
    crowd = ([0, 0, 100, 30], 0)
    found = [([3, 3, 12, 12], 0.9, 0), ([3, 50, 12, 60], 0.9, 0)]
    assert matrix([crowd, (SECOND, 1)], found, crowd=[True, False]) == [[0, 0, 0], [0, 0, 1], [1, 0, 0]]


def test_nothing():
    assert matrix([], []) == [[0] * 3] * 3


def test_iou_is_that_of_torchvision():
    generator = np.random.default_rng(0)
    corners = generator.uniform(0, 50, (30, 2, 2))
    left, right = (np.sort(part, axis=1).reshape(-1, 4) for part in (corners[:10], corners[10:]))
    assert box_iou(left, right) == pytest.approx(official_iou(torch.from_numpy(left), torch.from_numpy(right)).numpy())
