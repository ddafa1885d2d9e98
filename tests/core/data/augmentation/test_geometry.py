"""Functions that move pixels: exact cases by hand, the meaning of their signs, and torchvision as second source."""

import math

import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from zoo_core.config.augmentation import OrderedFunctionsSection
from zoo_core.data.augmentation import OrderedFunctions

BILINEAR = reference.InterpolationMode.BILINEAR


@pytest.fixture
def image():
    return torch.rand(3, 8, 12, generator=torch.Generator().manual_seed(1))


def functions(**listed):
    return OrderedFunctions(OrderedFunctionsSection.model_validate(listed).functions)


def run(image, **listed):
    torch.manual_seed(0)
    return functions(**listed)(image)


def fixed(value):
    return (value, value)


@pytest.mark.parametrize(("mode", "axes"), [("horizontal", (-1,)), ("vertical", (-2,))])
def test_flip_mirrors(image, mode, axes):
    assert torch.equal(run(image, random_flip={"mode": mode, "change_rate": 1}), image.flip(axes))


def test_both_flips_draw_each_of_three(image):
    flip = functions(random_flip={"mode": "horizontal_and_vertical", "change_rate": 1})
    seen = {flip(image).numpy().tobytes() for _ in range(60)}
    assert seen == {image.flip(axes).numpy().tobytes() for axes in ((-1,), (-2,), (-2, -1))}


@pytest.mark.parametrize("fill_mode", ["reflect", "wrap", "constant", "nearest"])
def test_translation_shifts_right_and_down(image, fill_mode):
    keys = {"width_factor": fixed(0.25), "height_factor": fixed(0.125), "fill_mode": fill_mode}
    moved = run(image, random_translation=keys | ({"fill_value": 0.5} if fill_mode == "constant" else {}))
    assert torch.allclose(moved[:, 1:, 3:], image[:, :-1, :-3], atol=1e-5)
    left = {
        "reflect": image[:, :-1, :3].flip(-1),
        "wrap": image[:, :-1, -3:],
        "constant": torch.full((3, 7, 3), 0.5),
        "nearest": image[:, :-1, :1].expand(3, 7, 3),
    }[fill_mode]
    assert torch.allclose(moved[:, 1:, :3], left, atol=1e-5)


def test_wrapped_halves_of_a_pixel_blend_over_the_border(image):
    moved = run(image, random_translation={"width_factor": fixed(1 / 24), "height_factor": 0, "fill_mode": "wrap"})
    assert torch.allclose(moved, (image + image.roll(1, -1)) / 2, atol=1e-5)


def test_positive_rotation_is_counter_clockwise():
    image = torch.rand(1, 9, 9, generator=torch.Generator().manual_seed(2))
    turned = run(image, random_rotation={"factor": fixed(0.25), "interpolation": "nearest"})
    assert torch.allclose(turned, torch.rot90(image, 1, (1, 2)))


def test_rotation_of_an_oblong_image_agrees_with_torchvision(image):
    turned = run(image, random_rotation={"factor": fixed(30 / 360), "fill_mode": "constant"})
    assert torch.allclose(turned, reference.rotate(image, 30, interpolation=BILINEAR), atol=1e-4)


@pytest.mark.parametrize(("name", "shear"), [("random_shear_x", [1, 0]), ("random_shear_y", [0, 1])])
def test_shear_agrees_with_torchvision_in_radians(image, name, shear):
    sheared = run(image, **{name: {"factor": fixed(0.3), "fill_mode": "constant"}})
    degrees = [-math.degrees(0.3) * axis for axis in shear]
    wanted = reference.affine(image, 0, [0, 0], 1.0, degrees, interpolation=BILINEAR)
    assert torch.allclose(sheared, wanted, atol=1e-4)


def test_shear_along_both_axes_keeps_areas_and_the_centre():
    image = torch.zeros(1, 41, 41)
    image[:, 15:26, 15:26] = 1.0
    sheared = run(image, random_shear={"factor": fixed(0.4), "fill_mode": "constant"})
    assert sheared[0, 20, 20] == pytest.approx(1.0, abs=1e-5)
    assert sheared.sum().item() == pytest.approx(121, rel=0.02)
    assert not torch.allclose(sheared, image, atol=0.1)


@pytest.mark.parametrize(("axis", "alone"), [("x", "random_shear_x"), ("y", "random_shear_y")])
def test_one_axis_of_shear_equals_the_function_for_it(image, axis, alone):
    assert torch.equal(run(image, random_shear={"factor": 0.5, "axis": axis}), run(image, **{alone: {"factor": 0.5}}))


def test_zoom_in_by_half_shows_the_middle(image):
    zoomed = run(image, random_zoom={"width_factor": fixed(-0.5), "interpolation": "nearest"})
    middle = image[:, 2:6, 3:9].repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert torch.equal(zoomed, middle)


def test_zoom_out_makes_the_image_smaller():
    keys = {"width_factor": fixed(1.0), "height_factor": fixed(0.0), "fill_mode": "constant"}
    small = run(torch.ones(1, 8, 8), random_zoom=keys)
    assert torch.allclose(small[0, :, 2:6], torch.ones(8, 4), atol=1e-6)
    assert small[0, :, 0].abs().max() < 1e-6


def test_bounded_crop_shows_every_part_and_nothing_from_outside():
    """Four quarters of different brightness: half the size is cut out, so that each corner is seen, and no fill."""
    image = torch.full((1, 16, 16), 0.25)
    image[:, :, 8:], image[:, 8:, :8] = 0.5, 0.75
    crop = functions(
        random_bounded_crop={"width_factor": fixed(-0.5), "fill_mode": "constant", "interpolation": "nearest"}
    )
    torch.manual_seed(3)
    crops = [crop(image) for _ in range(100)]
    assert min(found.min().item() for found in crops) == 0.25
    means = [found.mean().item() for found in crops]
    assert min(means) < 0.32
    assert max(means) > 0.68


def test_bounded_crop_that_zooms_out_stays_in_the_middle(image):
    keys = {"width_factor": fixed(0.5), "fill_mode": "constant"}
    assert torch.equal(run(image, random_bounded_crop=keys), run(image, random_zoom=keys))


def test_crop_enlarges_the_window(image):
    keys = {"crop_center_x": 0.25, "crop_center_y": 0.75, "crop_width": 0.5, "crop_height": 0.5}
    cropped = run(image, random_crop=keys | {"interpolation": "nearest", "change_rate": 1})
    window = image[:, 4:, :6].repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert torch.equal(cropped, window)


def test_crop_moves_a_window_that_would_leave_the_image(image):
    keys = {"crop_center_x": 0.0, "crop_center_y": 1.0, "crop_width": 0.5, "crop_height": 0.5}
    cropped = run(image, random_crop=keys | {"interpolation": "nearest", "change_rate": 1})
    assert torch.equal(cropped, image[:, 4:, :6].repeat_interleave(2, 1).repeat_interleave(2, 2))


def test_crop_changes_nine_of_ten_images_by_default(image):
    crop = functions(random_crop={})
    changed = sum(not torch.equal(crop(image), image) for _ in range(500))
    assert 425 < changed < 475


@pytest.mark.parametrize("name", ["random_translation", "random_zoom", "random_bounded_crop"])
def test_scalar_factor_is_symmetric(name):
    """The share of a white image that a black outside covers tells in which direction it went."""
    white = torch.ones(1, 32, 32)
    keys = {"width_factor": 0.3, "height_factor": 0.0, "fill_mode": "constant"}
    change = functions(**{name: keys})
    columns = torch.stack([change(white)[0, 16] for _ in range(200)])
    assert columns.min() < 0.5
    if name == "random_translation":
        assert (columns[:, 0] < 0.5).float().mean().item() == pytest.approx(0.5, abs=0.12)
        assert (columns[:, -1] < 0.5).float().mean().item() == pytest.approx(0.5, abs=0.12)
    else:
        assert (columns.min(1).values < 0.5).float().mean().item() == pytest.approx(0.5, abs=0.12)
