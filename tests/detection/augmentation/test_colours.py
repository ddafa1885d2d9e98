"""Colours: compared with Python's own `colorsys`, and with what each change means."""

import colorsys

import numpy as np
import pytest
from PIL import Image

from zoo_core.data.seeding import isolated_randomness
from zoo_detection.augmentation.hsv import HsvChange
from zoo_detection.augmentation.photometric import distort


def noise(mode="RGB", size=(23, 17), seed=0):
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    pixels[:3] = 90  # grey rows
    return Image.fromarray(pixels[..., 0] if channels == 1 else pixels)


def by_colorsys(image, change):
    wanted = []
    for red, green, blue in np.asarray(image).reshape(-1, 3).tolist():
        hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
        if saturation:
            saturation = min(max(saturation * change.saturation_factor + change.saturation, 0), 1)
        value = min(max(value + change.value, 0), 1)
        wanted.append([255 * part for part in colorsys.hsv_to_rgb((hue + change.hue) % 1, saturation, value)])
    return np.array(wanted).reshape(image.height, image.width, 3)


@pytest.mark.parametrize(
    "change",
    [
        HsvChange(hue=0.02),
        HsvChange(hue=-0.3),
        HsvChange(saturation=0.2),
        HsvChange(saturation=-0.2, value=0.1),
        HsvChange(hue=0.05, saturation=0.1, value=-0.1),
        HsvChange(hue=-0.05, saturation_factor=0.5),
        HsvChange(saturation_factor=1.5),
    ],
)
def test_hsv_is_that_of_colorsys(change):
    image = noise(size=(200, 120))
    assert abs(np.asarray(change(image)) - by_colorsys(image, change)).max() <= 0.51


def test_no_change_is_none():
    image = noise()
    assert HsvChange()(image) == image
    assert HsvChange(hue=1e-9)(image) == image


def test_grey_images_change_in_value_only():
    image = noise("L")
    assert HsvChange(hue=0.1, saturation=0.3)(image) == image
    lighter = np.asarray(HsvChange(value=0.1)(image)).astype(int)
    assert np.array_equal(lighter, np.minimum(np.asarray(image).astype(int) + 26, 255))


def test_transparency_stays():
    image = noise("RGBA")
    for changed in (HsvChange(hue=0.1, value=0.1)(image), distort(image, 1.0)):
        assert changed.mode == "RGBA"
        assert changed.getchannel("A") == image.getchannel("A")
        assert changed != image


def test_drawn_changes_stay_in_their_ranges_and_are_often_none():
    with isolated_randomness(0):
        changes = [HsvChange.drawn() for _ in range(400)]
    hues = np.array([change.hue for change in changes])
    values = np.array([change.value for change in changes])
    assert abs(hues).max() <= 5 / 180
    assert abs(values).max() <= 30 / 255
    assert hues.min() < -0.02 < 0.02 < hues.max()
    assert 0.4 < np.mean(hues == 0) < 0.6
    assert 0.06 < np.mean([change == HsvChange() for change in changes]) < 0.2


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_distortion_keeps_mode_and_size_and_acts(mode):
    image = noise(mode)
    with isolated_randomness(1):
        found = [distort(image, 0.5) for _ in range(20)]
        assert all(one.mode == mode and one.size == image.size for one in found)
        assert sum(one != image for one in found) > 10
        assert distort(image, 0.0) == image


def test_distortion_of_grey_is_brightness_and_contrast():
    """Grey levels stay grey but for the order of channels, and go up with the level."""
    ramp = Image.fromarray(np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2))
    with isolated_randomness(2):
        for _ in range(20):
            row = np.asarray(distort(ramp, 1.0))[0].astype(int)
            assert (row == row[:, :1]).all()
            assert (np.diff(row[:, 0]) >= 0).all()
            assert 0 <= np.median(np.diff(row[:, 0])) <= 2


def test_distortion_orders_channels_in_every_way():
    image = Image.new("RGB", (2, 2), (10, 100, 200))
    orders = set()
    with isolated_randomness(3):
        for _ in range(200):
            orders.add(tuple(np.argsort(np.asarray(distort(image, 1.0))[0, 0]).tolist()))
    assert len(orders) == 6
