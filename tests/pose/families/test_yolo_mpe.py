"""Reading of models that find several persons: foreign files in every form, suppression, by hand, bad numbers."""

import numpy as np
import pytest
import torch
from torchvision.ops import nms

from zoo_core.artifacts import InputSpec
from zoo_pose.families.yolo_mpe import YoloMpeFamily

INPUT = InputSpec(3, 64, 96)
SIZE = np.array([96, 64])
KEYPOINTS = 4
CELLS = 8 * 12 + 4 * 6 + 2 * 3
EVERY = {"confidence": 0.0, "overlap": 1.0, "limit": 1000}


@pytest.fixture
def family():
    return YoloMpeFamily(INPUT, KEYPOINTS)


def in_pixels(seed=0, images=2, cells=CELLS):
    """Return outputs (N, 5 + 3K, A) as Ultralytics gives them, whose boxes overlap often."""
    generator = np.random.default_rng(seed)
    centres = generator.uniform(0, 1, (images, 2, cells)) * SIZE[:, None]
    sides = generator.uniform(20, 40, (images, 2, cells))
    scores = generator.uniform(0, 1, (images, 1, cells))
    points = generator.uniform(-0.1, 1.1, (images, KEYPOINTS, 2, cells)) * SIZE[:, None]
    keypoints = np.concatenate([points, generator.uniform(0, 1, (images, KEYPOINTS, 1, cells))], axis=2)
    return np.concatenate([centres, sides, scores, keypoints.reshape(images, -1, cells)], axis=1).astype(np.float32)


def as_shares(output, *, boxes=True, points=True):
    changed = output.copy()
    if boxes:
        changed[:, :4] /= np.tile(SIZE, 2)[:, None]
    if points:
        for axis in (0, 1):
            changed[:, 5 + axis :: 3] /= SIZE[axis]
    return changed


def assert_same(found, wanted):
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        for name in ("points", "confidences", "scores", "boxes"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-5, atol=1e-4)


def test_poses_are_those_that_nms_of_torchvision_keeps(family):
    output = in_pixels()
    found = family.poses([output], confidence=0.3, overlap=0.45, limit=1000)
    for one, image in zip(found, output, strict=True):
        rows = image.T[image[4] >= 0.3]
        corners = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], axis=1)
        kept = nms(torch.from_numpy(corners), torch.from_numpy(rows[:, 4]), 0.45).numpy()
        assert 5 < len(kept) < len(rows)
        np.testing.assert_allclose(one.boxes, corners[kept], atol=1e-5)
        np.testing.assert_array_equal(one.scores, rows[kept, 4])
        np.testing.assert_array_equal(one.points, rows[kept, 5:].reshape(-1, KEYPOINTS, 3)[..., :2])
        np.testing.assert_array_equal(one.confidences, rows[kept, 5:].reshape(-1, KEYPOINTS, 3)[..., 2])


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(("boxes", "points"), [(True, True), (True, False), (False, True), (False, False)])
def test_every_form_of_the_same_output_gives_the_same_poses(family, swapped, boxes, points):
    output = in_pixels()
    given = as_shares(output, boxes=boxes, points=points)
    given = given.transpose(0, 2, 1) if swapped else given
    assert family.check([given.shape]) == ()
    assert_same(family.poses([given], **EVERY), family.poses([output], **EVERY))


def test_wild_places_of_few_cells_do_not_change_the_unit(family):
    output = as_shares(in_pixels(images=1))
    output[0, 5:, :10] = 40
    output[0, 0, 3] = np.inf
    output[0, 4, :10] = 0
    found = family.poses([output], confidence=0.5, overlap=1, limit=1000)
    clean = family.poses([as_shares(in_pixels(images=1))[:, :, 10:]], confidence=0.5, overlap=1, limit=1000)
    assert_same(found, clean)


def test_limit_takes_the_best_and_the_threshold_counts(family):
    output = in_pixels(images=1)
    best = np.sort(output[0, 4])[::-1]
    found = family.poses([output], confidence=0.0, overlap=1.0, limit=3)[0]
    np.testing.assert_array_equal(found.scores, best[:3])
    found = family.poses([output], confidence=float(best[4]), overlap=1.0, limit=1000)[0]
    assert len(found) == 5


def test_raw_numbers_of_a_cell_by_hand(family):
    """Row 1, column 4 of the second grid: cells of 16 pixels, after the 96 cells of the first."""
    boxes, objectness = np.zeros((1, CELLS, 4), np.float32), np.full((1, CELLS, 1), -9, np.float32)
    keypoints = np.zeros((1, CELLS, KEYPOINTS, 3), np.float32)
    cell = 96 + 6 * 1 + 4
    boxes[0, cell] = [0.25, -0.5, np.log(2), np.log(100)]
    objectness[0, cell] = np.log(3)
    keypoints[0, cell, :2] = [[0.5, 0.25, np.log(4)], [99, -99, 0]]
    found = family.poses([boxes, objectness, keypoints], confidence=0.5, overlap=0.5, limit=9)[0]
    assert found.scores.tolist() == pytest.approx([0.75])
    x, y = (4 + 0.25) * 16, (1 - 0.5) * 16
    assert found.boxes[0].tolist() == pytest.approx([x - 16, y - 32, x + 16, y + 32], abs=1e-4)
    assert found.points[0, :3].tolist() == [[88, 32], [96, 0], [72, 24]]
    assert found.confidences[0].tolist() == pytest.approx([0.8, 0.5, 0.5, 0.5])


def test_images_without_poses_give_none(family):
    found = family.poses([np.zeros((2, 17, CELLS), np.float32)], confidence=0.1, overlap=0.5, limit=9)
    assert [one.points.shape for one in found] == [(0, KEYPOINTS, 2)] * 2
    assert [one.boxes.shape for one in found] == [(0, 4)] * 2


def test_what_is_no_number_is_no_pose(family):
    output = in_pixels(images=1)
    output[0, 2, 0], output[0, 6, 1], output[0, 4, 2], output[0, 3, 3] = np.nan, np.inf, np.nan, np.inf
    found = family.poses([output], **EVERY)[0]
    assert len(found) == CELLS - 4
    assert len(family.poses([np.full((1, 17, CELLS), np.nan, np.float32)], **EVERY)[0]) == 0


@pytest.mark.parametrize(
    "shape", [(None, 17, CELLS), (None, CELLS, 17), (1, 17, 8400), (None, None, None), (1, 17, None)]
)
def test_shapes_that_fit(family, shape):
    assert family.check([shape]) == ()


def test_raw_shapes_fit(family):
    assert family.check([(None, CELLS, 4), (None, CELLS, 1), (None, CELLS, KEYPOINTS, 3)]) == ()


@pytest.mark.parametrize(
    "shapes",
    [
        [],
        [(1, 16, CELLS)],
        [(1, KEYPOINTS, 16, 24)],
        [(1, CELLS, 4), (1, CELLS, 1)],
        [(1, 100, 4), (1, 100, 1), (1, 100, KEYPOINTS, 3)],
        [(1, CELLS, 4), (1, CELLS, 1), (1, CELLS, KEYPOINTS + 1, 3)],
    ],
)
def test_shapes_that_do_not_fit_are_told(family, shapes):
    (text,) = family.check(shapes)
    assert f"({', '.join(['N', '17', 'boxes'])})" in text


def test_number_of_keypoints_is_told(family):
    (text,) = family.check([(1, 56, 8400)])
    assert "A model with these outputs has 17 keypoints" in text


def test_description_has_what_boards_need(family):
    assert family.describe() == {"total_boxes": CELLS, "keypoints": KEYPOINTS}
    assert family.name == "yolo_mpe"
    assert family.multiple
