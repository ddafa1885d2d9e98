"""What a training image goes through: resizing, ST's functions in the order of the file, several sizes, no poses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.data.seeding import seed_everything
from zoo_core.errors import UserError
from zoo_core.protocols import Sample
from zoo_pose.augmentation.transform import TrainTransform
from zoo_pose.config import PoseAugmentationSection
from zoo_pose.labels import collate_poses

GREY_BORDER = {"factor": (0.125, 0.125), "fill_mode": "constant", "fill_value": 0.25, "change_rate": 1.0}
LIGHTER = {"factor": (0.3, 0.3), "change_rate": 1.0}
SIZES = [(64, 96), (96, 64), (160, 160)]


@pytest.mark.parametrize(
    ("functions", "border"),
    [
        ({"random_rotation": GREY_BORDER, "random_brightness": LIGHTER}, 0.55),
        ({"random_brightness": LIGHTER, "random_rotation": GREY_BORDER}, 0.25),
    ],
    ids=["rotation first", "brightness first"],
)
def test_the_order_of_the_file_acts(dotted, functions, border):
    """What a rotation fills is changed by the functions that come after it, and only by them."""
    tensor, _ = dotted.transform(functions)(dotted.sample(dotted.labels()))
    corners = tensor[:, [0, 0, -1, -1], [0, -1, 0, -1]] / 255
    np.testing.assert_allclose(corners.numpy(), border, atol=0.01)


@pytest.mark.parametrize("size", [(256, 192), (64, 48), (100, 200)], ids=["half", "double", "stretched"])
def test_keypoints_are_resized_with_the_image(dotted, size):
    labels = dotted.labels(1, size=(max(size[0], 128), max(size[1], 96)))
    picture = dotted.picture(labels)
    tensor, moved = TrainTransform(dotted.prepare(interpolation="bilinear"), None, dotted.partners)(
        Sample(picture, labels, "dots.png")
    )
    assert tensor.shape[1:] == (96, 128)
    places = dotted.find(tensor)
    assert set(places) == set(np.flatnonzero(labels.visible[0]))
    for key, place in places.items():
        assert np.abs(moved.points[0, key] - place).max() < 0.6
    np.testing.assert_array_equal(moved.visible, labels.visible)


@pytest.mark.parametrize("size", [(256, 96), (128, 256)], ids=["wide", "high"])
def test_padding_keeps_the_proportions_of_poses(dotted, size):
    labels = dotted.labels(2, size=size)
    transform = dotted.transform(
        {"random_flip": {"mode": "horizontal", "change_rate": 1.0}}, aspect_ratio="padding", interpolation="bilinear"
    )
    tensor, moved = transform(dotted.sample(labels))
    assert moved.size == (128, 96)
    scale = min(128 / size[0], 96 / size[1])
    for key, place in dotted.find(tensor).items():
        assert np.abs(moved.points[0, dotted.partners[key]] - place).max() < 0.6
    sides, before = (boxes[0, 2:] - boxes[0, :2] for boxes in (moved.boxes, labels.boxes))
    np.testing.assert_allclose(sides, scale * before, rtol=1e-6)
    np.testing.assert_allclose(moved.areas, scale**2 * labels.areas, rtol=1e-6)


def test_every_epoch_has_one_of_the_sizes(dotted):
    """Labels are in the pixels of the size of the epoch, and so are the targets of a batch."""
    transform = dotted.transform({"random_periodic_resizing": {"image_sizes": SIZES}})
    preprocessing = dotted.prepare()
    assert transform.growth == pytest.approx(160 * 160 / (96 * 128))
    seen = set()
    for epoch in range(20):
        transform.set_epoch(epoch, 5)
        made = [transform(dotted.sample(dotted.labels(seed))) for seed in range(2)]
        targets = collate_poses([labels for _, labels in made], preprocessing, 6)
        size = tuple(made[0][0].shape[1:])
        assert {tuple(tensor.shape[1:]) for tensor, _ in made} == {size} == {targets.size}
        seen.add(size)
        for number, (tensor, labels) in enumerate(made):
            assert labels.size == size[::-1]
            for key, place in dotted.find(tensor).items():
                tolerance = 1.0 + 0.5 * max(size[0] / 96, size[1] / 128)  # bilinear without smoothing skips pixels
                assert np.abs(targets.points[number, 0, key].numpy() - place).max() < tolerance
    assert seen == set(SIZES)


def test_a_period_of_epochs_has_one_size(dotted):
    transform = dotted.transform({"random_periodic_resizing": {"image_sizes": SIZES, "period": 4}})
    shapes = []
    for epoch in range(24):
        transform.set_epoch(epoch, 5)
        shapes.append(tuple(transform(dotted.sample(dotted.labels()))[0].shape))
    assert all(len(set(shapes[start : start + 4])) == 1 for start in range(0, 24, 4))
    assert len(set(shapes)) > 1


FUNCTIONS = {
    "random_flip": {"mode": "horizontal", "change_rate": 1.0},
    "random_rotation": {"factor": 0.1, "change_rate": 1.0},
    "random_contrast": {"factor": 0.4, "change_rate": 1.0},
    "random_periodic_resizing": {"image_sizes": [(64, 64)]},
}


@pytest.mark.parametrize("functions", [{}, FUNCTIONS], ids=["nothing", "all"])
def test_images_without_poses(dotted, functions):
    empty = dotted.labels().chosen(np.zeros(1, bool))
    assert len(empty) == 0
    seed_everything(1)
    transform = dotted.transform(functions)
    transform.set_epoch(0, 1)
    picture = dotted.picture(dotted.labels())
    tensor, moved = transform(Sample(picture, empty, "empty.png"))
    seed_everything(1)
    other, _ = transform(Sample(picture, dotted.labels(), "dots.png"))
    torch.testing.assert_close(tensor, other)  # it changes like any other image
    assert len(moved) == 0
    targets = collate_poses([moved, moved], dotted.prepare(), 6)
    assert targets.points.shape == (2, 0, 6, 2)


def test_a_pose_without_labelled_keypoints(dotted):
    labels = dotted.labels()
    labels.visible[:] = 0
    labels.points[:] = 0
    _, moved = dotted.transform(FUNCTIONS)(dotted.sample(labels))
    assert len(moved) == 1
    assert not moved.visible.any()
    assert not moved.points.any()


def test_a_pose_that_leaves_the_image_is_gone(dotted):
    labels = dotted.labels()
    gone = {"width_factor": (1.5, 1.5), "height_factor": (0, 0), "fill_mode": "constant", "change_rate": 1.0}
    tensor, moved = dotted.transform({"random_translation": gone})(dotted.sample(labels))
    assert len(moved) == 0
    assert not tensor.any()


def test_a_pose_that_has_left_does_not_come_back(dotted):
    """Its box lies on the border for a moment, where a rotation would give it a width again."""
    labels = dotted.labels()
    gone = {"width_factor": (1.5, 1.5), "height_factor": (0, 0), "fill_mode": "constant", "change_rate": 1.0}
    functions = {
        "random_translation": gone,
        "random_rotation": {"factor": (0.1, 0.1), "fill_mode": "constant", "change_rate": 1.0},
        "random_zoom": {"width_factor": (0.5, 0.5), "fill_mode": "constant", "change_rate": 1.0},
    }
    tensor, moved = dotted.transform(functions)(dotted.sample(labels))
    assert not tensor.any()
    assert len(moved) == 0


def test_the_labels_of_the_data_set_stay_as_they_are(dotted):
    labels = dotted.labels(poses=2)
    before = {part: getattr(labels, part).copy() for part in ("points", "visible", "boxes", "areas")}
    dotted.transform(FUNCTIONS)(dotted.sample(labels))
    for part, values in before.items():
        np.testing.assert_array_equal(getattr(labels, part), values)


def test_blue_green_red_models_get_the_same_changes(dotted):
    """Functions see red, green and blue; the channels change places afterwards."""
    function = {"random_hue": {"delta": (0.1, 0.1), "change_rate": 1.0}}
    sample = dotted.sample(dotted.labels())
    plain, _ = dotted.transform(function)(sample)
    turned, _ = dotted.transform(function, color_mode="bgr")(sample)
    torch.testing.assert_close(turned, plain.flip(0))


def test_a_grey_model_refuses_hues(dotted):
    grey = ImagePreprocessing(input=InputSpec(1, 96, 128), color_mode="grayscale")
    section = PoseAugmentationSection.model_validate({"random_hue": {"delta": 0.1}})
    with pytest.raises(UserError, match="random_hue means nothing for grey images"):
        TrainTransform(grey, section, dotted.partners)
    moved = PoseAugmentationSection.model_validate({"random_rotation": {"factor": 0.1, "change_rate": 1.0}})
    tensor, labels = TrainTransform(grey, moved, dotted.partners)(
        Sample(Image.new("L", (128, 96)), dotted.labels(), "grey.png")
    )
    assert tensor.shape == (1, 96, 128)
    assert len(labels) == 1
