"""Views of SSD's training: overlap and centres are checked with torchvision."""

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from zoo_core.data.seeding import isolated_randomness
from zoo_detection.augmentation import view as views
from zoo_detection.augmentation.polygons import cut_to_size
from zoo_detection.augmentation.view import View, cropped, expanded
from zoo_detection.boxes import box_areas, overlaps
from zoo_detection.labels import BoxLabels

LABELS = BoxLabels.of([[10, 10, 60, 50], [70, 30, 120, 90]], [0, 1], (160, 100))


def test_overlaps_are_those_of_torchvision():
    generator = np.random.default_rng(0)
    first, second = (generator.uniform(0, 100, (n, 2, 2)) for n in (20, 30))
    first, second = (np.concatenate([one.min(1), one.max(1)], 1) for one in (first, second))
    wanted = box_iou(torch.from_numpy(first), torch.from_numpy(second)).numpy()
    assert np.allclose(overlaps(first, second), wanted)
    assert overlaps(np.zeros((0, 4)), second).shape == (0, 30)
    assert box_areas(np.array([[5.0, 5.0, 1.0, 9.0], [0.0, 0.0, 2.0, 3.0]])).tolist() == [0.0, 6.0]


def test_expanded_views_hold_the_image_and_keep_its_proportion():
    whole = View.whole(LABELS)
    with isolated_randomness(0):
        found = [expanded(whole, 4.0) for _ in range(200)]
    ratios = np.array([view.width / 160 for view in found])
    assert ratios.min() >= 1.0
    assert ratios.max() <= 4.0
    assert ratios.max() - ratios.min() > 2.5
    for view in found:
        assert view.left <= 0
        assert view.top <= 0
        assert view.left + view.width >= 160
        assert view.top + view.height >= 100
        assert view.height / 100 == pytest.approx(view.width / 160, abs=0.02)


@pytest.mark.parametrize("least", [0.1, 0.3, 0.5, 0.7, 0.9, 0.0])
def test_part_overlaps_a_box_as_asked_and_holds_a_centre(monkeypatch, least):
    monkeypatch.setattr(views, "LEAST_IOUS", (least,))
    large = BoxLabels.of([[10, 5, 150, 95], [70, 30, 120, 90]], [0, 1], (160, 100))
    whole = View.whole(large)
    changed = 0
    with isolated_randomness(4):
        for _ in range(60):
            part = cropped(whole, large)
            if part == whole:
                continue
            changed += 1
            ends = [part.left, part.top, part.left + part.width, part.top + part.height]
            assert 0 <= ends[0] < ends[2] <= 160
            assert 0 <= ends[1] < ends[3] <= 100
            assert box_iou(torch.tensor([ends]).float(), torch.from_numpy(large.boxes).float()).max() >= least - 1e-6
            assert 0.45 <= (part.width / 160) / (part.height / 100) <= 2.2
            assert len(part.seen(large)) >= 1
    assert changed > 20


def test_images_without_boxes_to_train_on_stay_whole():
    empty = BoxLabels.of([], [], (160, 100))
    crowds = BoxLabels.of([[10, 10, 60, 50]], [0], (160, 100), crowd=[True])
    for labels in (empty, crowds):
        assert cropped(View.whole(labels), labels) == View.whole(labels)


def test_boxes_count_where_their_centre_is():
    assert View(0, 0, 50, 50).seen(LABELS).classes.tolist() == [0]
    assert View(0, 0, 35, 50).seen(LABELS).classes.tolist() == []
    assert View(0, 0, 36, 50).seen(LABELS).classes.tolist() == [0]
    assert View(30, 20, 130, 80).seen(LABELS).classes.tolist() == [0, 1]


def area(corners):
    x, y = corners[:, 0], corners[:, 1]
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2


def test_cut_polygons_have_the_area_of_their_points_inside():
    """Compared with the share of a fine grid of points."""
    grid = np.stack(np.meshgrid(np.arange(0.125, 40, 0.25), np.arange(0.125, 30, 0.25)), -1).reshape(-1, 2)
    generator = np.random.default_rng(0)
    for _ in range(50):
        matrix = generator.uniform(-1, 1, (2, 2))
        corners = np.array([[0, 0], [40, 0], [40, 30], [0, 30]]) @ matrix.T + generator.uniform(-20, 40, 2)
        inside = (grid - corners[0]) @ np.linalg.inv(matrix).T
        share = ((inside >= 0) & (inside <= (40, 30))).all(1).mean()
        cut = cut_to_size(corners, (40, 30))
        assert (area(cut) if len(cut) else 0.0) == pytest.approx(share * 1200, abs=8)
    assert len(cut_to_size(np.array([[-9.0, -9.0], [-5.0, -9.0], [-5.0, -5.0]]), (40, 30))) == 0
