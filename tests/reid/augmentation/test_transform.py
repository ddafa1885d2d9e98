"""Training pictures: without changes as in evaluation, mirrored exactly, erased by the configured share."""

from __future__ import annotations

import pickle
import random

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UserError
from zoo_core.protocols import Sample
from zoo_reid.augmentation.transform import TrainTransform
from zoo_reid.config import ReidAugmentationSection
from zoo_reid.labels import PersonLabel

LABEL = PersonLabel(identity="0007", camera=2, number=5)
MODES = {"grayscale": 1, "rgb": 3, "bgr": 3, "rgba": 4}


def seed(number: int = 0) -> None:
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def picture(width: int = 32, height: int = 64) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8))


def preparation(color_mode: str = "rgb", *, height: int = 64, width: int = 32, **keys) -> ImagePreprocessing:
    channels = MODES[color_mode]
    keys = {"mean": tuple(0.1 * (n + 1) for n in range(channels)), "std": (0.5,), **keys}
    return ImagePreprocessing(input=InputSpec(channels, height, width), color_mode=color_mode, **keys)


def section(**keys) -> ReidAugmentationSection:
    return ReidAugmentationSection.model_validate(keys)


def changed(prepare: ImagePreprocessing, **keys) -> torch.Tensor:
    return TrainTransform(prepare, section(**keys))(Sample(picture(), LABEL, "x"))[0]


@pytest.mark.parametrize("color_mode", MODES)
@pytest.mark.parametrize("aspect_ratio", ["fit", "crop", "padding"])
@pytest.mark.parametrize("chosen", [None, section()])
def test_without_changes_it_is_the_preprocessing(color_mode, aspect_ratio, chosen):
    prepare = preparation(color_mode, height=48, width=40, aspect_ratio=aspect_ratio)
    tensor, label = TrainTransform(prepare, chosen)(Sample(picture(), LABEL, "x"))
    assert torch.equal(tensor, prepare(picture()))
    assert label is LABEL


@pytest.mark.parametrize("color_mode", MODES)
@pytest.mark.parametrize(("mode", "axes"), [("horizontal", (2,)), ("vertical", (1,))])
def test_a_flip_mirrors_the_pixels(color_mode, mode, axes):
    prepare = preparation(color_mode)
    found = changed(prepare, random_flip={"mode": mode, "change_rate": 1.0})
    assert torch.allclose(found, prepare(picture()).flip(axes), atol=1e-5)
    assert not torch.allclose(found, prepare(picture()), atol=0.1)


def test_functions_act_in_the_order_of_the_file():
    prepare = preparation()
    bright = {"random_brightness": {"factor": (0.2, 0.2), "change_rate": 1.0}}
    inverted = {"random_invert": {"change_rate": 1.0}}
    one, other = changed(prepare, **bright, **inverted), changed(prepare, **inverted, **bright)
    pixels = torch.from_numpy(np.array(picture())).permute(2, 0, 1) / 255
    bright_first = 1 - (pixels + 0.2).clamp(0, 1)
    assert not torch.allclose(one, other, atol=1e-3)
    assert torch.allclose(one, prepare.normalize(bright_first * 255), atol=1e-4)


def test_functions_that_need_colours_are_refused_for_grey_models():
    with pytest.raises(UserError, match="random_hue"):
        TrainTransform(preparation("grayscale"), section(random_hue={"delta": 0.1}))


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
@pytest.mark.parametrize("aspect", [0.5, 1.0, 2.0])
def test_erasing_covers_the_configured_share_with_the_configured_shape(share, aspect):
    prepare = preparation(height=96, width=80)
    plain = prepare(picture())
    transform = TrainTransform(
        prepare, section(random_erasing={"probability": 1.0, "area": (share, share), "aspect": (aspect, aspect)})
    )
    seed()
    for _ in range(5):
        different = (transform(Sample(picture(), LABEL, "x"))[0] != plain).any(0)
        rows, columns = different.any(1).nonzero()[:, 0], different.any(0).nonzero()[:, 0]
        height, width = int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)
        assert int(different.sum()) == height * width  # one full rectangle
        assert height * width / (96 * 80) == pytest.approx(share, abs=0.02)
        assert height / width == pytest.approx(aspect, rel=0.1)


def test_erasing_follows_preprocessing():
    """Noise has mean 0 and deviation 1 after the normalisation, whatever that does to pixels."""
    prepare = preparation(height=128, width=64, mean=(-30.0,), std=(0.01,))
    seed()
    found = changed(prepare, random_erasing={"probability": 1.0, "area": (0.3, 0.3), "aspect": (2.0, 2.0)})
    noise = found[found < 100]
    assert len(noise) == pytest.approx(3 * 0.3 * 128 * 64, rel=0.05)
    assert abs(float(noise.mean())) < 0.1
    assert float(noise.std()) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
def test_erasing_changes_the_configured_share_of_pictures(probability):
    prepare = preparation(height=32, width=16)
    transform = TrainTransform(prepare, section(random_erasing={"probability": probability}))
    plain = prepare(picture())
    seed()
    results = [transform(Sample(picture(), LABEL, "x"))[0] for _ in range(400)]
    share = sum(not torch.equal(result, plain) for result in results) / 400
    assert share == pytest.approx(probability, abs=0.07)


def test_draws_follow_from_the_global_generators():
    transform = TrainTransform(
        preparation(), section(random_translation={"width_factor": 0.2, "height_factor": 0.2}, random_erasing={})
    )
    results = []
    for number in (1, 2, 1):
        seed(number)
        results.append(torch.stack([transform(Sample(picture(), LABEL, "x"))[0] for _ in range(4)]))
    assert torch.equal(results[0], results[2])
    assert not torch.equal(results[0], results[1])


def test_sizes_change_from_epoch_to_epoch():
    prepare = preparation()
    sizes = {"image_sizes": [[64, 32], [96, 48], [32, 32]], "period": 2}
    transform = TrainTransform(prepare, section(random_periodic_resizing=sizes, random_flip={"mode": "horizontal"}))
    shapes = []
    for epoch in range(60):
        transform.set_epoch(epoch, 5)
        shapes.append(tuple(transform(Sample(picture(), LABEL, "x"))[0].shape))
    assert set(shapes) == {(3, 64, 32), (3, 96, 48), (3, 32, 32)}
    assert shapes[::2] == shapes[1::2]
    assert transform.growth == pytest.approx(96 * 48 / (64 * 32))
    assert TrainTransform(prepare, None).growth == 1.0


def test_travels_to_loader_processes():
    transform = TrainTransform(preparation(), section(random_flip={"mode": "horizontal"}, random_erasing={}))
    copy = pickle.loads(pickle.dumps(transform))  # noqa: S301 - made here
    seed(4)
    here = transform(Sample(picture(), LABEL, "x"))[0]
    seed(4)
    assert torch.equal(copy(Sample(picture(), LABEL, "x"))[0], here)
