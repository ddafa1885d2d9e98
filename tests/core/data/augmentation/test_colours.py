"""Functions on colours: by hand, against Pillow and against Python's colorsys."""

import colorsys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from zoo_core.config.augmentation import OrderedFunctionsSection
from zoo_core.data.augmentation import OrderedFunctions
from zoo_core.data.augmentation.hsv import hsv_to_rgb, rgb_to_hsv

UNIT = st.floats(0, 1, width=32)


@pytest.fixture
def picture():
    """An image of 8 bits."""
    pixels = np.random.default_rng(5).integers(20, 200, (16, 24, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def as_tensor(picture):
    pixels = np.asarray(picture)
    return torch.from_numpy(np.atleast_3d(pixels).transpose(2, 0, 1).copy()) / 255


def run(image, **listed):
    torch.manual_seed(0)
    for keys in listed.values():
        keys.setdefault("change_rate", 1)
    return OrderedFunctions(OrderedFunctionsSection.model_validate(listed).functions, channels=len(image))(image)


def fixed(value):
    return (value, value)


def pixel(*colour):
    return torch.tensor(colour)[:, None, None]


@given(UNIT, UNIT, UNIT)
def test_hsv_agrees_with_colorsys_and_goes_back(red, green, blue):
    image = pixel(red, green, blue)
    found = rgb_to_hsv(image)
    wanted = torch.tensor(colorsys.rgb_to_hsv(red, green, blue))
    assert torch.allclose(found[1:].flatten(), wanted[1:].float(), atol=1e-5)
    turn = float(found[0]) - float(wanted[0])
    if max(red, green, blue) - min(red, green, blue) > 1e-3:  # else the hue is rounding alone
        assert min(abs(turn), 1 - abs(turn)) < 1e-3
    assert torch.allclose(hsv_to_rgb(found), image, atol=1e-5)


def test_contrast_scales_the_distance_from_the_mean():
    image = torch.tensor([[[0.4, 0.6]]])
    assert torch.allclose(run(image, random_contrast={"factor": fixed(0.5)}), torch.tensor([[[0.35, 0.65]]]))


def test_contrast_of_each_channel_has_its_own_mean():
    image = torch.tensor([[[0.4, 0.6]], [[0.5, 0.5]], [[0.1, 0.3]]])
    changed = run(image, random_contrast={"factor": fixed(-1.0)})
    assert torch.allclose(changed, torch.tensor([0.5, 0.5, 0.2])[:, None, None].expand(3, 1, 2))


def test_brightness_adds_and_clips(picture):
    image = as_tensor(picture)
    assert torch.allclose(run(image, random_brightness={"factor": fixed(0.3)}), (image + 0.3).clamp(0, 1))


@pytest.mark.parametrize("name", ["random_gamma", "random_gamma_adjust"])
def test_gamma_is_an_exponent(name):
    assert torch.allclose(run(pixel(0.25, 0.5, 1.0), **{name: {"gamma": fixed(2.0)}}), pixel(0.0625, 0.25, 1.0))


def test_third_of_a_turn_of_hue_makes_red_green_and_then_blue():
    red = pixel(0.8, 0.2, 0.2)
    green = run(red, random_hue={"delta": fixed(1 / 3)})
    assert torch.allclose(green, pixel(0.2, 0.8, 0.2), atol=1e-5)
    assert torch.allclose(run(red, random_hue={"delta": fixed(-1 / 3)}), pixel(0.2, 0.2, 0.8), atol=1e-5)
    assert torch.allclose(run(red, random_hue={"delta": fixed(2.0)}), red, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "channel", "delta"), [("random_saturation", 1, 0.2), ("random_value", 2, -0.3), ("random_value", 2, 0.9)]
)
def test_saturation_and_value_shift_and_end_at_their_limits(picture, name, channel, delta):
    image = as_tensor(picture)
    changed = rgb_to_hsv(run(image, **{name: {"delta": fixed(delta)}}))
    wanted = rgb_to_hsv(image)
    wanted[channel] = (wanted[channel] + delta).clamp(0, 1)
    assert torch.allclose(hsv_to_rgb(changed), hsv_to_rgb(wanted), atol=1e-4)


def test_hsv_does_all_three_at_once():
    keys = {"hue_delta": fixed(1 / 3), "saturation_delta": fixed(0.25), "value_delta": fixed(-0.4)}
    found = run(pixel(0.8, 0.4, 0.4), random_hsv=keys)
    hue, saturation, value = colorsys.rgb_to_hsv(0.8, 0.4, 0.4)
    assert torch.allclose(found, pixel(*colorsys.hsv_to_rgb(hue + 1 / 3, saturation + 0.25, value - 0.4)), atol=1e-5)


def test_representation_in_hsv_takes_the_place_of_the_colours():
    assert torch.allclose(run(pixel(0.2, 0.8, 0.2), random_rgb_to_hsv={}), pixel(1 / 3, 0.75, 0.8), atol=1e-5)


def test_grey_agrees_with_pillow(picture):
    found = run(as_tensor(picture), random_rgb_to_grayscale={})
    assert torch.allclose(found, as_tensor(picture.convert("L")).expand(3, -1, -1), atol=1 / 255)


def test_invert_agrees_with_pillow(picture):
    assert torch.allclose(run(as_tensor(picture), random_invert={}), as_tensor(ImageOps.invert(picture)), atol=1e-6)


@pytest.mark.parametrize("channels", ["L", "RGB"])
@pytest.mark.parametrize("cutoff", [5, 10, 30])
def test_autocontrast_agrees_with_pillow(picture, channels, cutoff):
    picture = picture.convert(channels)
    found = run(as_tensor(picture), random_autocontrast={"cutoff": cutoff})
    assert torch.equal(found, as_tensor(ImageOps.autocontrast(picture, cutoff=cutoff)))


def test_autocontrast_uses_the_full_range(picture):
    found = run(as_tensor(picture), random_autocontrast={})
    assert (found.amin((1, 2)) == 0).all()
    assert (found.amax((1, 2)) == 1).all()


def test_equalize_agrees_with_pillow_and_spreads_evenly(picture):
    found = run(as_tensor(picture), random_equalize={})
    assert torch.equal(found, as_tensor(ImageOps.equalize(picture)))
    assert found.std() > as_tensor(picture).std()


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_posterize_agrees_with_pillow(picture, bits):
    found = run(as_tensor(picture), random_posterize={"bits": [bits, bits]})
    assert torch.equal(found, as_tensor(ImageOps.posterize(picture, bits)))


def test_posterize_draws_both_ends(picture):
    step = OrderedFunctions(OrderedFunctionsSection.model_validate({"random_posterize": {"bits": [1, 2]}}).functions)
    assert {len(step(as_tensor(picture)).unique()) for _ in range(30)} == {2, 4}


def test_solarize_inverts_what_is_lighter_than_a_threshold_that_varies():
    ramp = torch.linspace(0, 1, 101)[None, None]
    step = OrderedFunctions(
        OrderedFunctionsSection.model_validate({"random_solarize": {"change_rate": 1}}).functions, channels=1
    )
    thresholds = []
    for _ in range(50):
        found = step(ramp)
        dark = torch.isclose(found, ramp) & ~torch.isclose(ramp, 1 - ramp)
        light = ~dark
        assert torch.allclose(found[light], 1 - ramp[light])
        assert dark.sum() == 0 or ramp[dark].max() <= ramp[light & (ramp != 0.5)].min()
        thresholds.append(int(dark.sum()))
    assert min(thresholds) < 25
    assert max(thresholds) > 75


def test_sharpness_of_zero_changes_nothing_and_more_widens_edges(picture):
    image = as_tensor(picture)
    assert torch.allclose(run(image, random_sharpness={"factor": 0}), image, atol=1e-6)
    edge = torch.full((1, 9, 9), 0.25)
    edge[..., 4:] = 0.75
    sharper = run(edge, random_sharpness={"factor": fixed(1.0)})
    assert sharper[0, 4, 3] < 0.25
    assert sharper[0, 4, 4] > 0.75
    assert sharper[0, 4, 1] == pytest.approx(0.25)


def test_scalar_of_sharpness_goes_up_from_zero():
    edge = torch.full((1, 9, 9), 0.4)
    edge[..., 4:] = 0.6
    step = OrderedFunctions(
        OrderedFunctionsSection.model_validate({"random_sharpness": {"factor": 1.0}}).functions, channels=1
    )
    darkest = torch.stack([step(edge)[0, 4, 3] for _ in range(200)])
    assert darkest.max() <= 0.4
    assert darkest.max() > 0.39
    assert darkest.min() < 0.36


def test_scalar_factor_is_symmetric():
    image = torch.full((1, 1, 1), 0.5)
    step = OrderedFunctions(
        OrderedFunctionsSection.model_validate({"random_brightness": {"factor": 0.2}}).functions, channels=1
    )
    values = torch.stack([step(image) for _ in range(400)]) - 0.5
    assert values.min() >= -0.2
    assert values.max() <= 0.2
    assert abs(values.mean()) < 0.03
    assert values.std().item() == pytest.approx(0.4 / 12**0.5, rel=0.1)
