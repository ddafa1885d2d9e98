"""Reading of outputs of one pose: heat maps in both orders, keypoints given directly, landmarks; and their choice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_core.protocols import ModelInfo
from zoo_pose.config.model import PoseModelSection
from zoo_pose.config.postprocessing import PosePostprocessingSection
from zoo_pose.families.base import Family
from zoo_pose.families.choice import choose_family
from zoo_pose.families.decoding import dark_offsets, highest_pixels
from zoo_pose.families.hand_spe import LandmarksFamily
from zoo_pose.families.heatmaps_spe import HeatmapsFamily
from zoo_pose.families.spe import SpeFamily

INPUT = InputSpec(3, 64, 128)
WIDE = np.array([128, 64], np.float32)


def read(family: Family, *outputs: Any) -> list[Any]:
    return family.poses([np.asarray(output, np.float32) for output in outputs], confidence=0.9, overlap=0.5, limit=1)


def test_the_highest_pixel_is_the_place_and_its_value_the_confidence() -> None:
    maps = np.zeros((2, 3, 16, 32), np.float32)
    maps[0, 0, 5, 9], maps[0, 1, 0, 0], maps[0, 2, 15, 31] = 0.8, 0.6, 1.7
    maps[1] -= 0.5
    first, second = read(HeatmapsFamily(INPUT, 3, decoding="argmax"), maps)
    np.testing.assert_allclose(first.points, [[[38, 22], [2, 2], [126, 62]]])
    np.testing.assert_allclose(first.confidences, [[0.8, 0.6, 1.0]])
    np.testing.assert_allclose(first.scores, [0.8], rtol=1e-6)
    np.testing.assert_allclose(second.confidences, [[0, 0, 0]])
    assert first.boxes is None


def test_a_quarter_goes_to_the_higher_neighbour() -> None:
    maps = np.zeros((1, 1, 16, 32), np.float32)
    maps[0, 0, 5, 8:11] = [0.3, 0.9, 0.5]
    maps[0, 0, 4, 9] = 0.2
    (pose,) = read(HeatmapsFamily(INPUT, 1, decoding="quarter"), maps)
    np.testing.assert_allclose(pose.points, [[[4 * 9.75, 4 * 5.25]]])


@pytest.mark.parametrize("decoding", ["argmax", "quarter", "dark"])
def test_both_orders_of_axes_are_read_alike(decoding: str) -> None:
    maps = np.random.default_rng(0).random((4, 7, 16, 32), np.float32)
    family = HeatmapsFamily(INPUT, 7, decoding=decoding)
    extra = np.zeros((4, 2), np.float32)
    for one, other in zip(read(family, maps), read(family, extra, np.moveaxis(maps, 1, 3)), strict=True):
        np.testing.assert_array_equal(one.points, other.points)
        np.testing.assert_array_equal(one.confidences, other.confidences)


def test_heat_maps_of_any_size_are_read() -> None:
    maps = np.zeros((1, 1, 8, 8), np.float32)
    maps[0, 0, 2, 6] = 1
    (pose,) = read(HeatmapsFamily(INPUT, 1, decoding="argmax"), maps)
    np.testing.assert_allclose(pose.points, [[[6.5 * 16, 2.5 * 8]]])


def test_dark_is_newtons_step_on_the_smoothed_logarithm() -> None:
    """Zhang et al., 2020, equation 5, written out on whole maps with scipy's filter."""
    generator = np.random.default_rng(2)
    maps = np.empty((30, 24, 24), np.float32)
    for number in range(len(maps)):
        x, y = generator.uniform(8, 15, 2)
        rows, columns = np.mgrid[:24, :24]
        wide, high, turn = *generator.uniform(1.2, 2.5, 2), generator.uniform(-0.1, 0.1)
        a, b = columns - x, rows - y
        hill = np.exp(-(a**2) / (2 * wide**2) - b**2 / (2 * high**2) - turn * a * b)
        maps[number] = hill + generator.uniform(0, 0.01, hill.shape)
    pixels, _ = highest_pixels(maps)
    found = dark_offsets(maps, pixels)
    for one, (column, row), offset in zip(maps, pixels, found, strict=True):
        log = np.log(gaussian_filter(one.astype(np.float64), 1.0, truncate=3.0, mode="constant"))
        near = log[row - 1 : row + 2, column - 1 : column + 2]
        slope = np.array([near[1, 2] - near[1, 0], near[2, 1] - near[0, 1]]) / 2
        mixed = (near[2, 2] - near[2, 0] - near[0, 2] + near[0, 0]) / 4
        across, down = near[1, 2] - 2 * near[1, 1] + near[1, 0], near[2, 1] - 2 * near[1, 1] + near[0, 1]
        step = -np.linalg.solve(np.array([[across, mixed], [mixed, down]]), slope)
        np.testing.assert_allclose(offset, np.clip(step, -1, 1), atol=1e-3)


@pytest.mark.parametrize("place", [(0, 0), (31, 15), (12, 7), (1, 14), (0, 9)])
def test_dark_stays_at_the_pixel_of_a_map_of_one_pixel(place: tuple[int, int]) -> None:
    maps = np.zeros((1, 1, 16, 32), np.float32)
    maps[0, 0, place[1], place[0]] = 1
    (pose,) = read(HeatmapsFamily(INPUT, 1, decoding="dark"), maps)
    np.testing.assert_allclose(pose.points[0, 0], [place[0] * 4 + 2, place[1] * 4 + 2], atol=1e-3)


@pytest.mark.parametrize("decoding", ["argmax", "quarter", "dark"])
@pytest.mark.parametrize("fill", [0.0, 0.5, 1.0, -3.0, np.nan, np.inf])
def test_maps_without_any_hill_give_places_on_the_image(decoding: str, fill: float) -> None:
    (pose,) = read(HeatmapsFamily(INPUT, 2, decoding=decoding), np.full((1, 2, 16, 32), fill))
    assert np.isfinite(pose.points).all()
    assert (pose.points >= 0).all()
    assert (pose.points <= WIDE).all()
    assert ((pose.confidences >= 0) & (pose.confidences <= 1)).all()


def test_dark_on_noise_never_leaves_the_neighbourhood() -> None:
    maps = np.random.default_rng(1).random((200, 16, 32), np.float32) ** 8
    pixels, _ = highest_pixels(maps)
    assert np.abs(dark_offsets(maps, pixels)).max() <= 1


@pytest.mark.parametrize("shape", [(1, 1, 17, 3), (1, 1, 1, 17, 3), (1, 17, 3)])
def test_keypoints_of_movenet_are_row_column_score(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).random((17, 3), np.float32)
    (pose,) = read(SpeFamily(INPUT, 17), values.reshape(shape))
    np.testing.assert_allclose(pose.points[0, :, 0], values[:, 1] * 128, rtol=1e-6)
    np.testing.assert_allclose(pose.points[0, :, 1], values[:, 0] * 64, rtol=1e-6)
    np.testing.assert_allclose(pose.confidences[0], values[:, 2])
    np.testing.assert_allclose(pose.scores, values[:, 2].mean(), rtol=1e-6)


def test_a_batch_of_keypoints_is_as_many_poses() -> None:
    values = np.random.default_rng(0).random((5, 1, 13, 3), np.float32)
    poses = read(SpeFamily(INPUT, 13), values)
    assert [len(pose) for pose in poses] == [1] * 5
    np.testing.assert_allclose(poses[3].points[0, 4], values[3, 0, 4, 1::-1] * WIDE, rtol=1e-6)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2), (1, 2, 3, 0)])
def test_landmarks_are_told_from_other_outputs_by_their_size(order: tuple[int, ...]) -> None:
    generator = np.random.default_rng(1)
    landmarks = generator.uniform(5, 60, (2, 63)).astype(np.float32)
    metres = generator.uniform(-0.1, 0.1, (2, 63)).astype(np.float32)
    outputs = [landmarks, np.array([[0.9], [0.2]]), np.array([[0.3], [0.7]]), metres]
    poses = read(LandmarksFamily(INPUT, 21), *(outputs[number] for number in order))
    for image, pose in enumerate(poses):
        np.testing.assert_array_equal(pose.points[0], landmarks[image].reshape(21, 3)[:, :2])
    sure = next(outputs[number] for number in order if number in (1, 2))
    np.testing.assert_allclose([pose.scores[0] for pose in poses], sure[:, 0], rtol=1e-6)
    np.testing.assert_allclose(poses[0].confidences, np.full((1, 21), sure[0, 0]), rtol=1e-6)


def test_landmarks_in_shares_are_brought_to_pixels_and_logits_to_probabilities() -> None:
    shares = np.random.default_rng(2).random((1, 1, 1, 468 * 3), np.float32)
    (pose,) = read(LandmarksFamily(INPUT, 468, name="head_spe"), np.array([[2.0]]), shares)
    np.testing.assert_allclose(pose.points[0], shares.reshape(468, 3)[:, :2] * WIDE, rtol=1e-6)
    assert pose.scores[0] == pytest.approx(1 / (1 + np.exp(-2)))


def test_a_model_that_does_not_say_how_sure_it_is_is_sure() -> None:
    (pose,) = read(LandmarksFamily(INPUT, 21), np.ones((1, 21, 3)))
    assert pose.scores[0] == 1


@pytest.mark.parametrize(
    ("family", "good", "bad"),
    [
        (HeatmapsFamily(INPUT, 17), [(None, 17, 16, 32)], [(None, 13, 16, 32)]),
        (HeatmapsFamily(INPUT, 17), [(1, 16, 32, 17), (1, 4)], [(1, 17, 3)]),
        (HeatmapsFamily(INPUT, 17), [(None, None, None, None)], [(None, 1, 17, 3)]),
        (SpeFamily(INPUT, 17), [(1, 1, 17, 3)], [(1, 17, 16, 32)]),
        (SpeFamily(INPUT, 17), [(None, 5), (None, 17, 3)], [(1, 2, 17, 3)]),
        (LandmarksFamily(INPUT, 21), [(1, 1), (1, 63), (1, 1)], [(1, 51), (1, 1)]),
        (LandmarksFamily(INPUT, 468, name="head_spe"), [(1, 1, 1, 1404)], [(None, None)]),
    ],
)
def test_shapes_are_checked(family: Family, good: Any, bad: Any) -> None:
    assert family.check(good) == ()
    (text,) = family.check(bad)
    assert str(family.keypoints) in text
    assert family.name in text
    assert not family.multiple


def test_devices_are_told_the_size_of_the_maps() -> None:
    found = HeatmapsFamily(INPUT, 17).describe()
    assert found == {"keypoints": 17, "heatmap_height": 16, "heatmap_width": 32}


def choose(keypoints: int = 17, *, decoding: str = "dark", section: dict[str, Any] | None = None, **info: Any) -> Any:
    model = ModelInfo(**{"name": "some", "input": INPUT, "class_names": ("point",) * keypoints} | info)
    chosen = PosePostprocessingSection.model_validate({"decoding": decoding})
    return choose_family(PoseModelSection.model_validate(section or {}), model, chosen, keypoints)


def test_the_type_stated_wins_over_tags_file_and_shapes() -> None:
    facts: dict[str, Any] = {
        "tags": frozenset({"heatmaps_spe"}),
        "origin": {"decoding": {"family": "hand_spe"}},
        "output_shapes": ((1, 1, 17, 3),),
    }
    assert choose(section={"model_type": "spe"}, **facts).name == "spe"
    assert choose(**facts).name == "heatmaps_spe"
    facts.pop("tags")
    assert choose(**facts).name == "hand_spe"
    facts["origin"] = {"decoding": {"family": "classification"}}
    assert choose(**facts).name == "spe"


@pytest.mark.parametrize(
    ("keypoints", "shapes", "name"),
    [
        (17, ((None, 17, 16, 32),), "heatmaps_spe"),
        (17, ((1, 16, 32, 17),), "heatmaps_spe"),
        (17, ((1, 1, 17, 3),), "spe"),
        (21, ((1, 63), (1, 1), (1, 1)), "hand_spe"),
        (468, ((1, 1, 1, 1404), (1, 1)), "head_spe"),
    ],
)
def test_shapes_tell_the_type_when_nothing_else_does(keypoints: int, shapes: Any, name: str) -> None:
    assert choose(keypoints, output_shapes=shapes).name == name


def test_the_chosen_family_has_the_decoding_and_the_size_of_the_file() -> None:
    family = choose(output_shapes=((1, 32, 64, 17),))
    assert family.decoding == "dark"
    assert family.describe()["heatmap_height"] == 32
    assert family.describe()["heatmap_width"] == 64


def test_a_model_that_nothing_is_known_of_is_refused_with_the_types() -> None:
    pytest.importorskip("zoo_pose.families.yolo_mpe")
    with pytest.raises(UserError, match="17 keypoints") as caught:
        choose(output_shapes=((1, 999),))
    assert "hand_spe" in str(caught.value.hint)
