"""The object keypoint similarity against hand-computed cases, a plain loop and pycocotools."""

import math
from collections import defaultdict

import numpy as np
import pytest
from pycocotools.cocoeval import COCOeval

from zoo_pose.labels import PoseLabels
from zoo_pose.metrics.similarity import (
    areas_by_rule,
    box_areas,
    pair_similarity,
    similarity_matrix,
    similarity_terms,
)
from zoo_pose.skeletons import known


def poses(count, keypoints, seed):
    generator = np.random.default_rng(seed)
    return generator.uniform(0, 60, (count, keypoints, 2)), generator


def test_one_keypoint_by_hand():
    """d = 5, area 100, sigma 0.25: exp(-25 / (2 * 100 * 0.25)) = exp(-0.5)."""
    terms = similarity_terms(np.array([[3.0, 4.0]]), np.zeros((1, 2)), np.array(100.0), np.array([0.25]))
    assert terms == pytest.approx([math.exp(-0.5)])


def test_only_labelled_keypoints_count():
    found = np.array([[[0.0, 0.0], [1000.0, 1000.0]]])
    true, areas, sigmas = np.zeros((1, 2, 2)), np.array([50.0]), np.array([0.1, 0.1])
    assert pair_similarity(found, true, np.array([[True, False]]), areas, sigmas) == pytest.approx([1.0])
    assert pair_similarity(found, true, np.array([[True, True]]), areas, sigmas) == pytest.approx([0.5])
    assert pair_similarity(found, true, np.array([[False, False]]), areas, sigmas) == pytest.approx([0.0])


def test_area_of_a_box_is_053_of_it():
    boxes = np.array([[10.0, 20.0, 30.0, 70.0], [5.0, 5.0, 4.0, 9.0]])
    assert box_areas(boxes) == pytest.approx([530.0, 0.0])
    labels = PoseLabels(
        points=np.zeros((1, 1, 2)),
        visible=np.ones((1, 1), np.int64),
        boxes=boxes[:1],
        areas=np.array([77.0]),
        crowd=np.array([False]),
        width=100,
        height=100,
    )
    assert areas_by_rule(labels, "box") == pytest.approx([530.0])
    assert areas_by_rule(labels, "annotated") == pytest.approx([77.0])


def test_area_of_nothing_allows_no_distance():
    true, sigmas = np.zeros((2, 1, 2)), np.array([0.1])
    found = np.array([[[0.0, 0.0]], [[0.001, 0.0]]])
    assert pair_similarity(found, true, np.ones((2, 1), bool), np.zeros(2), sigmas) == pytest.approx([1.0, 0.0])


def test_stays_the_same_when_everything_grows_alike():
    found, generator = poses(6, 17, 1)
    true = found + generator.normal(0, 3, found.shape)
    labelled, areas = generator.uniform(0, 1, (6, 17)) < 0.7, generator.uniform(400, 900, 6)
    sigmas = np.array(known(17).sigmas)
    small = pair_similarity(found, true, labelled, areas, sigmas)
    large = pair_similarity(3.5 * found, 3.5 * true, labelled, 3.5**2 * areas, sigmas)
    assert small == pytest.approx(large)
    assert ((small > 0) & (small < 1)).all()


@pytest.mark.parametrize("keypoints", [13, 17, 21])
def test_matrix_equals_pycocotools(keypoints):
    found, generator = poses(5, keypoints, keypoints)
    true = found[:4] + generator.normal(0, 4, (4, keypoints, 2))
    labelled, areas = generator.uniform(0, 1, (4, keypoints)) < 0.6, generator.uniform(400, 2000, 4)
    sigmas = np.array(known(keypoints).sigmas)
    ours = similarity_matrix(found, true, labelled, areas, sigmas)

    theirs = COCOeval(iouType="keypoints")
    theirs.params.kpt_oks_sigmas = sigmas
    rows = [np.concatenate([one, 2 * mask[:, None]], axis=1).ravel() for one, mask in zip(true, labelled, strict=True)]
    true_rows = [
        {"keypoints": row.tolist(), "bbox": [0, 0, 1, 1], "area": area} for row, area in zip(rows, areas, strict=True)
    ]
    found_rows = [
        {"keypoints": np.c_[one, np.ones(keypoints)].ravel().tolist(), "score": 1 - place / 10}
        for place, one in enumerate(found)
    ]
    theirs._gts, theirs._dts = defaultdict(list, {(1, 1): true_rows}), defaultdict(list, {(1, 1): found_rows})
    assert ours == pytest.approx(theirs.computeOks(1, 1), rel=1e-12)
