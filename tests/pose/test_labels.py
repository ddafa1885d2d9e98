"""Labels move with their image, and batches hold every pose that is trained on."""

import numpy as np
import pytest
import torch

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_pose.labels import PoseLabels, collate_poses


def labels(poses, size, keypoints=3, seed=0):
    noise = np.random.default_rng(seed)
    points = noise.random((poses, keypoints, 2)) * size
    visible = noise.integers(0, 3, (poses, keypoints))
    low = noise.random((poses, 2)) * np.array(size) / 2
    boxes = np.hstack([low, low + np.array(size) / 4])
    return PoseLabels(
        points=np.where(visible[..., None] > 0, points, 0.0),
        visible=visible,
        boxes=boxes,
        areas=0.53 * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1),
        crowd=np.zeros(poses, np.bool_),
        width=size[0],
        height=size[1],
        image_id=7,
    )


def preprocessing(height, width, aspect="fit"):
    return ImagePreprocessing(input=InputSpec(3, height, width), aspect_ratio=aspect)


def test_stretched_image_stretches_its_labels():
    before = labels(2, (40, 20))
    after = before.placed(preprocessing(60, 80))
    np.testing.assert_allclose(after.points, before.points * [2, 3])
    np.testing.assert_allclose(after.boxes, before.boxes * [2, 3, 2, 3])
    np.testing.assert_allclose(after.areas, before.areas * 6)
    assert after.size == (80, 60)
    assert after.image_id == 7


def test_padding_shifts_labelled_points_only():
    before = labels(3, (40, 20), seed=1)
    after = before.placed(preprocessing(80, 80, "padding"))
    assert not before.labelled.all()
    assert (after.points[~before.labelled] == 0).all()
    np.testing.assert_allclose(after.points[before.labelled], before.points[before.labelled] * 2 + [0, 20])


def test_batch_holds_the_poses_of_every_image_and_no_crowds():
    first, none, second = labels(3, (16, 16)), labels(0, (16, 16)), labels(2, (32, 32), seed=3)
    first.crowd[1] = True
    targets = collate_poses([first, none, second], preprocessing(16, 16), 3)
    assert targets.points.shape == (3, 2, 3, 2)
    assert targets.valid.tolist() == [[True, True], [False, False], [True, True]]
    np.testing.assert_allclose(targets.points[0].numpy(), first.points[[0, 2]], rtol=1e-5)
    np.testing.assert_allclose(targets.points[2].numpy(), second.points / 2, rtol=1e-5)
    assert targets.visible[1].sum() == 0
    assert targets.size == (16, 16)
    assert targets.labels == (first, none, second)
    assert len(targets) == 3


def test_batch_without_any_pose_has_no_rows():
    targets = collate_poses([labels(0, (8, 8), 5)], preprocessing(16, 16), 5)
    assert targets.points.shape == (1, 0, 5, 2)


def test_targets_move_to_a_device_as_a_whole():
    moved = collate_poses([labels(2, (8, 8))], preprocessing(16, 16), 3).to(torch.device("meta"))
    assert {moved.points.device.type, moved.visible.device.type, moved.valid.device.type} == {"meta"}
    assert moved.size == (16, 16)


@pytest.mark.parametrize("keep", [np.array([True, False, True]), np.array([0, 2])])
def test_chosen_poses_keep_their_rows_together(keep):
    before = labels(3, (20, 20))
    after = before.chosen(keep)
    assert len(after) == 2
    np.testing.assert_array_equal(after.boxes, before.boxes[[0, 2]])
    np.testing.assert_array_equal(after.visible, before.visible[[0, 2]])
