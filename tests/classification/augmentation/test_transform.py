"""Training images: augmentation, then the same preprocessing as everywhere else."""

import random

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_classification.augmentation.mixing import BatchMixing
from zoo_classification.augmentation.transform import TrainTransform
from zoo_classification.config import DataAugmentationSection
from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UserError
from zoo_core.protocols import Sample


def seed(number=0):
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def picture(mode="RGB", size=(40, 30)):
    bands = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], bands), dtype=np.uint8)
    return Image.fromarray(pixels.squeeze(), mode=None)


def preparation(shape=(3, 24, 32), **keys):
    modes = {1: "grayscale", 3: "rgb", 4: "rgba"}
    return ImagePreprocessing(input=InputSpec(*shape), color_mode=keys.pop("color_mode", modes[shape[0]]), **keys)


def section(**keys):
    return DataAugmentationSection.model_validate(keys)


STILL = {"crop_range": None, "hflip": 0, "color_jitter": 0}


@pytest.mark.parametrize("chosen", [None, section(no_aug=True), section(**STILL)])
@pytest.mark.parametrize("aspect_ratio", ["fit", "crop", "padding"])
def test_without_changes_it_equals_the_preprocessing_of_evaluation(chosen, aspect_ratio):
    prepare = preparation(aspect_ratio=aspect_ratio, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    tensor, target = TrainTransform(prepare, chosen)(Sample(picture(), 4, "x"))
    assert target == 4
    assert torch.equal(tensor, prepare(picture()))


def test_functions_that_change_nothing_leave_the_preprocessing_exact():
    still = section(random_brightness={"factor": [0, 0]})
    for prepare in (preparation(mean=(0.5,), std=(0.25,)), preparation(color_mode="bgr", mean=(0.1, 0.2, 0.3))):
        found = TrainTransform(prepare, still).image_to_tensor(picture())
        assert torch.allclose(found, prepare(picture()), atol=1e-5)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("shape", [(1, 24, 32), (3, 24, 32), (4, 24, 32)])
@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"aa": "rand-m9-mstd0.5"},
        {"aa": "original", "train_interpolation": "bicubic"},
        {"reprob": 1.0, "remode": "rand", "recount": 3},
        {"random_rotation": {"factor": 0.1}, "hflip": 0.5},
    ],
)
def test_every_mode_and_style_gives_the_models_input(mode, shape, keys):
    if shape[0] == 4 and "aa" in keys:
        with pytest.raises(UserError, match="rgba"):
            TrainTransform(preparation(shape), section(**keys))
        return
    transform = TrainTransform(preparation(shape), section(**keys))
    for number in range(4):
        seed(number)
        tensor = transform.image_to_tensor(picture(mode))
        assert tensor.shape == shape
        assert tensor.dtype == torch.float32
        assert torch.isfinite(tensor).all()


def test_same_random_state_gives_the_same_image_and_another_does_not():
    transform = TrainTransform(
        preparation(), section(aa="rand-m9-mstd0.5", reprob=0.5, random_zoom={"width_factor": 0.2})
    )
    images = []
    for number in (1, 1, 2):
        seed(number)
        images.append(transform.image_to_tensor(picture()))
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])


def test_flip_probability_one_mirrors():
    prepare = preparation()
    flipped = TrainTransform(prepare, section(**STILL | {"hflip": 1.0})).image_to_tensor(picture())
    assert torch.allclose(flipped, prepare(picture()).flip(-1), atol=1e-6)


def test_crop_shows_a_part_of_the_image():
    """An image that is dark on the left half gives crops whose mean varies."""
    image = Image.new("L", (64, 64))
    image.paste(255, (32, 0, 64, 64))
    transform = TrainTransform(preparation((1, 16, 16)), section(crop_range=[0.1, 0.2], color_jitter=0))
    seed()
    means = [transform.image_to_tensor(image).mean().item() for _ in range(40)]
    assert min(means) < 0.1
    assert max(means) > 0.9


def test_erasing_fills_a_rectangle():
    transform = TrainTransform(preparation(std=(1.0,)), section(**STILL, reprob=1.0, remode="const"))
    seed()
    tensor = transform.image_to_tensor(Image.new("RGB", (32, 24), (255, 255, 255)))
    assert (tensor == 0).any()
    assert (tensor == 1).any()


# ---------------------------------------------------------------- batches


@pytest.mark.parametrize("mode", ["batch", "pair", "elem"])
@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_mixed_targets_are_shares_that_match_the_pixels(mode, count):
    """Image i is filled with i: every pixel then says how much of each image went in."""
    mixing = BatchMixing(section(mixup=1.0, mixup_mode=mode, smoothing=0.0), count)
    images = torch.eye(count)[:, :, None, None].expand(count, count, 4, 4).contiguous()
    before = images.clone()
    seed(3)
    mixed, targets = mixing(images, torch.arange(count))
    assert torch.equal(images, before)
    assert torch.allclose(targets.sum(1), torch.ones(count))
    assert torch.allclose(mixed.mean((2, 3)), targets, atol=1e-6)


def test_cutmix_targets_are_shares_of_the_area():
    mixing = BatchMixing(section(cutmix=1.0, smoothing=0.0), 6)
    images = torch.eye(6)[:, :, None, None].expand(6, 6, 32, 32).contiguous()
    for number in range(10):
        seed(number)
        mixed, targets = mixing(images, torch.arange(6))
        assert torch.allclose(mixed.mean((2, 3)), targets, atol=1e-5)
        assert set(mixed.unique().tolist()) <= {0.0, 1.0}


def test_smoothing_reaches_mixed_targets():
    _, targets = BatchMixing(section(mixup=0.2, smoothing=0.1), 10)(torch.zeros(3, 1, 2, 2), torch.tensor([1, 2, 3]))
    assert targets.min().item() == pytest.approx(0.01)
