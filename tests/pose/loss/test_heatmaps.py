"""Targets of heat maps and their losses, against plain loops and hand-computed cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from zoo_core.artifacts import InputSpec
from zoo_pose.config.training import HeatmapsSection
from zoo_pose.families.heatmaps_spe import HeatmapsFamily
from zoo_pose.labels import PoseTargets
from zoo_pose.loss.criterion import HeatmapLoss
from zoo_pose.loss.heatmap_loss import LOSSES
from zoo_pose.loss.heatmap_targets import make_targets

SIDE = 64
LEVEL = SIDE // 4


def batch(points: object, visible: object, valid: object = None) -> PoseTargets:
    """Return targets from nested lists: points (N, M, K, 2) in pixels, visible (N, M, K)."""
    places = torch.tensor(points, dtype=torch.float32)
    images, rows = places.shape[:2]
    return PoseTargets(
        points=places,
        visible=torch.tensor(visible),
        boxes=torch.zeros(images, rows, 4),
        areas=torch.zeros(images, rows),
        valid=torch.ones(images, rows, dtype=torch.bool) if valid is None else torch.tensor(valid),
        size=(SIDE, SIDE),
        labels=(None,) * images,  # type: ignore[arg-type]
    )


def random_batch(seed: int, images: int = 3, rows: int = 2, keypoints: int = 4) -> PoseTargets:
    generator = np.random.default_rng(seed)
    points = generator.uniform(-6, SIDE + 6, (images, rows, keypoints, 2))
    visible = generator.integers(0, 3, (images, rows, keypoints))
    return batch(points.tolist(), visible.tolist(), [[True] * rows] * (images - 1) + [[True] + [False] * (rows - 1)])


def by_loops(targets: PoseTargets, kind: str, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw maps pixel by pixel and tell which show something."""
    images, rows, keypoints = targets.visible.shape
    maps = np.zeros((images, keypoints, LEVEL, LEVEL))
    shown = np.zeros((images, keypoints), bool)
    for n in range(images):
        for m in range(rows):
            for k in range(keypoints):
                x, y = (float(value) / 4 for value in targets.points[n, m, k])
                inside = 0 <= x < LEVEL and 0 <= y < LEVEL
                if not targets.valid[n, m] or not targets.visible[n, m, k] or not inside:
                    continue
                shown[n, k] = True
                for i in range(LEVEL):
                    for j in range(LEVEL):
                        distance = (j + 0.5 - x) ** 2 + (i + 0.5 - y) ** 2
                        hill = math.exp(-distance / (2 * sigma**2))
                        pixel = float(int(x) == j and int(y) == i)
                        maps[n, k, i, j] = max(maps[n, k, i, j], hill if kind == "gaussian" else pixel)
    return maps, shown


@pytest.mark.parametrize("kind", ["gaussian", "one_pixel"])
def test_maps_are_those_of_a_loop_over_pixels(kind: str) -> None:
    targets = random_batch(1)
    found = make_targets(targets, (LEVEL, LEVEL), kind, 1.5)
    maps, shown = by_loops(targets, kind, 1.5)
    assert 0 < shown.sum() < shown.size
    np.testing.assert_allclose(found.maps.numpy(), maps, atol=1e-6)
    np.testing.assert_array_equal(found.shown.numpy(), shown)
    np.testing.assert_array_equal(found.peaks.numpy(), by_loops(targets, "one_pixel", 1.5)[0] == 1)


def test_the_middle_of_a_cell_is_two_pixels_from_its_border() -> None:
    found = make_targets(batch([[[[4 * 5 + 2, 4 * 9 + 2]]]], [[[1]]]), (LEVEL, LEVEL), "gaussian", 2.0)
    assert found.maps[0, 0, 9, 5] == 1
    assert found.maps[0, 0, 9, 6] == pytest.approx(math.exp(-1 / 8))
    assert found.maps[0, 0, 7, 5] == pytest.approx(math.exp(-4 / 8))


def test_maps_need_not_be_square_nor_a_quarter() -> None:
    targets = batch([[[[40.0, 24.0]]]], [[[2]]])
    found = make_targets(targets, (8, 32), "one_pixel", 1.0)
    assert found.maps.nonzero().tolist() == [[0, 0, 3, 20]]


@pytest.mark.parametrize("decoding", ["argmax", "quarter", "dark"])
@pytest.mark.parametrize("kind", ["gaussian", "one_pixel"])
def test_what_is_drawn_is_read_again(decoding: str, kind: str) -> None:
    generator = np.random.default_rng(3)
    points = generator.uniform(0, SIDE, (40, 1, 5, 2))
    maps = make_targets(batch(points.tolist(), [[[1] * 5]] * 40), (LEVEL, LEVEL), kind, 1.5).maps.numpy()
    family = HeatmapsFamily(InputSpec(3, SIDE, SIDE), 5, decoding=decoding)
    found = np.stack([one.points[0] for one in family.poses([maps], confidence=0, overlap=0.5, limit=1)])
    errors = np.abs(found - points[:, 0]) / 4
    if decoding == "dark" and kind == "gaussian":
        assert errors.max() < 0.1
    else:
        assert errors.max() <= 0.5 + 1e-5
    if kind == "gaussian" and decoding == "quarter":
        inner = ((points[:, 0] > 4) & (points[:, 0] < SIDE - 4)).all(axis=-1)  # with a neighbour on both sides
        assert errors[inner].max() <= 0.25 + 1e-5


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0])
def test_the_best_fit_is_within_a_tenth_for_other_hills(sigma: float) -> None:
    points = np.random.default_rng(5).uniform(0, SIDE, (40, 1, 5, 2))
    maps = make_targets(batch(points.tolist(), [[[1] * 5]] * 40), (LEVEL, LEVEL), "gaussian", sigma).maps.numpy()
    family = HeatmapsFamily(InputSpec(3, SIDE, SIDE), 5, decoding="dark")
    found = np.stack([one.points[0] for one in family.poses([maps], confidence=0, overlap=0.5, limit=1)])
    assert (np.abs(found - points[:, 0]) / 4).max() < 0.1


def test_losses_are_their_formulas() -> None:
    targets = make_targets(random_batch(2, rows=1), (LEVEL, LEVEL), "gaussian", 1.5)
    outputs = torch.rand(targets.maps.shape, generator=torch.Generator().manual_seed(1)) * 0.9 + 0.05
    p, t = outputs.double(), targets.maps.double()
    squares = ((p - t) ** 2).sum((2, 3)) / (t**2).sum((2, 3)).clamp(min=1)
    torch.testing.assert_close(LOSSES["mse"](outputs, targets), squares.float())
    entropy = functional.binary_cross_entropy(p, t, reduction="none").sum((2, 3)) / t.sum((2, 3)).clamp(min=1)
    torch.testing.assert_close(LOSSES["bce"](outputs, targets), entropy.float())
    focal = torch.zeros(p.shape[:2])
    for n, k, i, j in np.ndindex(*p.shape):
        q, wanted = p[n, k, i, j].item(), t[n, k, i, j].item()
        peak = bool(targets.peaks[n, k, i, j])
        focal[n, k] -= (1 - q) ** 2 * math.log(q) if peak else (1 - wanted) ** 4 * q**2 * math.log(1 - q)
    torch.testing.assert_close(LOSSES["focal"](outputs, targets), focal, rtol=1e-4, atol=1e-4)


def test_a_map_that_shows_nothing_costs_1_whatever_its_size() -> None:
    targets = batch([[[[33.0, 30.0]]]], [[[2]]])
    for cells, sigma in ((16, 1.5), (32, 1.5), (32, 3.0)):
        wanted = make_targets(targets, (cells, cells), "gaussian", sigma)
        assert LOSSES["mse"](torch.zeros_like(wanted.maps), wanted).item() == pytest.approx(1)
        assert LOSSES["mse"](wanted.maps, wanted).item() == 0


@pytest.mark.parametrize("loss", ["mse", "bce", "focal"])
def test_the_mean_is_over_maps_that_show_something(loss: str) -> None:
    targets = random_batch(4)
    outputs = torch.rand(3, 4, LEVEL, LEVEL, generator=torch.Generator().manual_seed(2))
    section = HeatmapsSection(loss=loss)
    wanted = make_targets(targets, (LEVEL, LEVEL), "gaussian", section.sigma)
    each = LOSSES[loss](outputs, wanted)
    expected = np.mean([each[n, k].item() for n in range(3) for k in range(4) if wanted.shown[n, k]])
    found = HeatmapLoss(section)(outputs, targets)
    assert found["loss"].item() == pytest.approx(expected, rel=1e-5)
    outputs[~wanted.shown] = 1 - outputs[~wanted.shown]
    assert HeatmapLoss(section)(outputs, targets)["loss"].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", ["mse", "bce", "focal"])
@pytest.mark.parametrize("kind", ["gaussian", "one_pixel"])
def test_gradients_are_those_of_differences(loss: str, kind: str) -> None:
    wanted = make_targets(random_batch(6, images=1, rows=1, keypoints=2), (4, 4), kind, 1.5)
    outputs = torch.rand(1, 2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) * 0.8 + 0.1
    outputs.requires_grad_()
    exact = type(wanted)(wanted.maps.double(), wanted.peaks, wanted.shown)
    assert torch.autograd.gradcheck(lambda maps: LOSSES[loss](maps, exact), (outputs,))


@pytest.mark.parametrize("loss", ["mse", "bce", "focal"])
def test_maps_that_are_not_labelled_get_no_gradient(loss: str) -> None:
    targets = batch([[[[30.0, 30.0], [20.0, 20.0], [-1.0, 5.0]]]], [[[2, 0, 2]]])
    outputs = torch.full((1, 3, LEVEL, LEVEL), 0.3, requires_grad=True)
    HeatmapLoss(HeatmapsSection(loss=loss))(outputs, targets)["loss"].backward()
    assert outputs.grad is not None
    assert outputs.grad[0, 0].abs().sum() > 0
    assert outputs.grad[0, 1:].abs().sum() == 0


@pytest.mark.parametrize("loss", ["mse", "bce", "focal"])
@pytest.mark.parametrize("rows", [0, 1])
def test_images_without_labelled_keypoints_cost_nothing(loss: str, rows: int) -> None:
    targets = PoseTargets(
        points=torch.zeros(2, rows, 3, 2), visible=torch.zeros(2, rows, 3, dtype=torch.int64),
        boxes=torch.zeros(2, rows, 4), areas=torch.zeros(2, rows), valid=torch.zeros(2, rows, dtype=torch.bool),
        size=(SIDE, SIDE), labels=(),
    )  # fmt: skip
    outputs = torch.rand(2, 3, LEVEL, LEVEL, requires_grad=True)
    found = HeatmapLoss(HeatmapsSection(loss=loss))(outputs, targets)["loss"]
    found.backward()
    assert found.item() == 0
    assert outputs.grad is not None
    assert outputs.grad.abs().sum() == 0


@pytest.mark.parametrize("loss", ["bce", "focal"])
def test_outputs_that_are_no_probabilities_are_led_back(loss: str) -> None:
    targets = batch([[[[30.0, 30.0]]]], [[[2]]])
    maps = torch.zeros(1, 1, LEVEL, LEVEL)
    maps[0, 0, 7, 7], maps[0, 0, 1, 1] = -0.5, 1.5  # the keypoint's own pixel, and one far away
    maps.requires_grad_()
    found = HeatmapLoss(HeatmapsSection(loss=loss))(maps, targets)["loss"]
    found.backward()
    assert torch.isfinite(found)
    assert maps.grad is not None
    assert maps.grad[0, 0, 7, 7] < 0 < maps.grad[0, 0, 1, 1]


@pytest.mark.parametrize("loss", ["mse", "bce"])
@pytest.mark.parametrize("kind", ["gaussian", "one_pixel"])
def test_the_best_map_after_softmax_has_its_top_at_the_keypoint(loss: str, kind: str) -> None:
    targets = batch([[[[30.0, 42.0]]]], [[[2]]])
    criterion = HeatmapLoss(HeatmapsSection(loss=loss, target=kind))
    logits = torch.zeros(1, 1, LEVEL, LEVEL, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.2)
    for _ in range(150):
        optimizer.zero_grad()
        criterion(torch.softmax(logits.flatten(2), dim=2).view_as(logits), targets)["loss"].backward()
        optimizer.step()
    assert divmod(int(logits.detach().argmax()), LEVEL) == (10, 7)


def test_mixed_precision_is_computed_in_float32() -> None:
    targets = batch([[[[30.0, 30.0]]]], [[[2]]])
    maps = torch.rand(1, 1, LEVEL, LEVEL, generator=torch.Generator().manual_seed(1)).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = HeatmapLoss(HeatmapsSection())(maps, targets)["loss"]
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(HeatmapLoss(HeatmapsSection())(maps.float(), targets)["loss"].item())
