"""Which found pose a true one is compared with, against cases by hand and scipy's assignment."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from zoo_pose.labels import PoseLabels
from zoo_pose.metrics.agreement import agreement
from zoo_pose.metrics.matching import NOTHING, most_similar, one_to_one
from zoo_pose.metrics.records import ImageRecord, Tables
from zoo_pose.poses import Poses

SIGMAS = (0.1, 0.1)


def record(true, found, *, image_id=1, crowd=None, visible=None):
    """Return an image whose poses are two keypoints, each given by the x of both; boxes are 100 x 100."""
    true, found = np.array(true, float).reshape(-1, 1), np.array(found, np.float32).reshape(-1, 1)
    count = len(true)
    labels = PoseLabels(
        points=np.stack([np.tile(true, 2), np.zeros((count, 2))], axis=2),
        visible=np.full((count, 2), 2, np.int64) if visible is None else np.array(visible, np.int64),
        boxes=np.tile([0.0, 0, 100, 100], (count, 1)),
        areas=np.ones(count),
        crowd=np.zeros(count, bool) if crowd is None else np.array(crowd),
        width=200,
        height=200,
        image_id=image_id,
    )
    poses = Poses(
        points=np.stack([np.tile(found, 2), np.zeros((len(found), 2), np.float32)], axis=2),
        confidences=np.ones((len(found), 2), np.float32),
        scores=np.linspace(0.9, 0.1, len(found)).astype(np.float32),
    )
    return ImageRecord(labels=labels, found=poses)


def tables(*records):
    return Tables.ordered(records, SIGMAS)


def test_pairs_stay_within_their_images():
    made = tables(record([0, 50], [1, 52, 90]), record([], [5], image_id=2), record([7], [], image_id=3))
    assert made.pairs.found.tolist() == [0, 0, 1, 1, 2, 2]
    assert made.pairs.true.tolist() == [0, 1, 0, 1, 0, 1]
    assert made.pairs.matrix(0, 3, 2)[2, 1] == made.pairs.similarity[5]
    assert made.pairs.matrix(1, 1, 0).shape == (1, 0)
    assert made.pairs.matrix(2, 0, 1).shape == (0, 1)


def test_one_pose_serves_every_true_one():
    made = tables(record([0, 50], [1]), record([7], [], image_id=2))
    assert most_similar(made).tolist() == [0, 0, NOTHING]


def test_every_found_pose_serves_once():
    """The first found pose is nearest to both; the pair that fits better gets it."""
    made = tables(record([10, 12], [11.5, 5]))
    assert most_similar(made).tolist() == [0, 0]
    assert one_to_one(made).tolist() == [1, 0]
    assert one_to_one(tables(record([10, 12], [11.5]))).tolist() == [NOTHING, 0]


def test_well_separated_poses_are_assigned_as_by_scipy():
    generator = np.random.default_rng(3)
    true = np.arange(6) * 30.0
    found = generator.permutation(true) + generator.normal(0, 3, 6)
    made = tables(record(true, found))
    rows, columns = linear_sum_assignment(-made.pairs.matrix(0, 6, 6))
    expected = dict(zip(columns.tolist(), rows.tolist(), strict=True))
    assert one_to_one(made).tolist() == [expected[place] for place in range(6)]


def test_crowds_and_poses_without_keypoints_take_none():
    made = tables(record([10, 20, 30], [20, 10, 30], crowd=[True, False, False], visible=[[2, 2], [2, 0], [0, 0]]))
    assert one_to_one(made).tolist() == [NOTHING, 0, NOTHING]
    assert len(agreement(made, multiple=True)) == 1


def test_poses_that_are_not_found_count_as_zero():
    made = tables(record([10, 60], [10]), record([7], [], image_id=2))
    both = agreement(made, multiple=True)
    assert both.similarity() == pytest.approx(1 / 3)
    assert both.right(0.1).tolist() == [[True, True], [False, False], [False, False]]
    assert np.isinf(both.distances[1:]).all()
    single = agreement(made, multiple=False)
    assert single.distances[1].tolist() == [50, 50]


def test_order_of_gathering_does_not_matter():
    records = [record([place], [place + 1], image_id=0) for place in range(5)]
    first, second = tables(*records), tables(*records[::-1])
    assert first.true.points.tolist() == second.true.points.tolist()
    assert first.image_ids.tolist() == second.image_ids.tolist() == [1, 2, 3, 4, 5]


def test_many_pairs_are_compared_in_steps(monkeypatch):
    made = [record([1, 2, 3], [4, 5], image_id=place) for place in range(7)]
    whole = tables(*made).pairs.similarity
    monkeypatch.setattr("zoo_pose.metrics.records.PAIRS_AT_ONCE", 5)
    assert tables(*made).pairs.similarity.tolist() == whole.tolist()
