"""ST's ordered functions: exact cases by hand, and the meaning of their signs."""

import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from zoo_classification.augmentation.functions import FUNCTIONS, OrderedFunctions
from zoo_classification.config import DataAugmentationSection
from zoo_classification.config.augmentation import AVAILABLE


@pytest.fixture
def image():
    return torch.rand(3, 8, 12, generator=torch.Generator().manual_seed(1))


def run(image, **functions):
    section = DataAugmentationSection.model_validate(functions)
    torch.manual_seed(0)
    return OrderedFunctions(section.functions)(image)


def fixed(value):
    return (value, value)


def test_every_available_function_is_implemented():
    assert set(AVAILABLE) == set(FUNCTIONS)


@pytest.mark.parametrize(("mode", "axes"), [("horizontal", (-1,)), ("vertical", (-2,))])
def test_flip_mirrors(image, mode, axes):
    assert torch.equal(run(image, random_flip={"mode": mode, "change_rate": 1}), image.flip(axes))


def test_both_flips_draw_each_of_three(image):
    section = DataAugmentationSection.model_validate(
        {"random_flip": {"mode": "horizontal_and_vertical", "change_rate": 1}}
    )
    torch.manual_seed(0)
    flip = OrderedFunctions(section.functions)
    seen = {flip(image).numpy().tobytes() for _ in range(60)}
    assert seen == {image.flip(axes).numpy().tobytes() for axes in ((-1,), (-2,), (-2, -1))}


def test_change_rate_is_the_share_of_changed_images(image):
    section = DataAugmentationSection.model_validate({"random_flip": {"mode": "vertical", "change_rate": 0.25}})
    torch.manual_seed(0)
    flip = OrderedFunctions(section.functions)
    changed = sum(not torch.equal(flip(image), image) for _ in range(1000))
    assert 200 < changed < 300


@pytest.mark.parametrize("fill_mode", ["reflect", "wrap", "constant", "nearest"])
def test_translation_shifts_right_and_down(image, fill_mode):
    keys = {"width_factor": fixed(0.25), "height_factor": fixed(0.125), "fill_mode": fill_mode, "fill_value": 0.5}
    moved = run(image, random_translation=keys)
    assert torch.allclose(moved[:, 1:, 3:], image[:, :-1, :-3], atol=1e-5)
    left = {
        "reflect": image[:, :-1, :3].flip(-1),
        "wrap": image[:, :-1, -3:],
        "constant": torch.full((3, 7, 3), 0.5),
        "nearest": image[:, :-1, :1].expand(3, 7, 3),
    }[fill_mode]
    assert torch.allclose(moved[:, 1:, :3], left, atol=1e-5)


def test_positive_rotation_is_counter_clockwise():
    image = torch.rand(1, 9, 9, generator=torch.Generator().manual_seed(2))
    turned = run(image, random_rotation={"factor": fixed(0.25), "interpolation": "nearest"})
    assert torch.allclose(turned, torch.rot90(image, 1, (1, 2)))


def test_rotation_of_an_oblong_image_agrees_with_torchvision(image):
    turned = run(image, random_rotation={"factor": fixed(30 / 360), "fill_mode": "constant"})
    wanted = reference.rotate(image, 30, interpolation=reference.InterpolationMode.BILINEAR)
    assert torch.allclose(turned, wanted, atol=1e-4)


def test_zoom_in_by_half_shows_the_middle(image):
    zoomed = run(image, random_zoom={"width_factor": fixed(-0.5), "interpolation": "nearest"})
    middle = image[:, 2:6, 3:9].repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert torch.equal(zoomed, middle)


def test_zoom_out_makes_the_image_smaller():
    image = torch.ones(1, 8, 8)
    small = run(image, random_zoom={"width_factor": fixed(1.0), "height_factor": fixed(0.0), "fill_mode": "constant"})
    assert torch.allclose(small[0, :, 2:6], torch.ones(8, 4), atol=1e-6)
    assert small[0, :, 0].abs().max() < 1e-6


def test_shear_keeps_the_middle_row():
    image = torch.rand(1, 9, 9, generator=torch.Generator().manual_seed(4))
    sheared = run(image, random_shear={"factor": fixed(0.1), "axis": "x"})
    assert torch.allclose(sheared[0, 4], image[0, 4], atol=1e-5)
    assert not torch.allclose(sheared[0, 0], image[0, 0], atol=1e-2)


def test_contrast_scales_the_distance_from_the_mean():
    image = torch.tensor([[[0.4, 0.6]], [[0.5, 0.5]]])
    changed = run(image, random_contrast={"factor": fixed(0.5)})
    assert torch.allclose(changed, torch.tensor([[[0.35, 0.65]], [[0.5, 0.5]]]))


def test_brightness_adds_and_clips(image):
    assert torch.allclose(run(image, random_brightness={"factor": fixed(0.3)}), (image + 0.3).clamp(0, 1))


def test_colours_leave_transparency_alone():
    image = torch.full((4, 2, 2), 0.5)
    changed = run(image, random_brightness={"factor": fixed(0.2)}, random_gaussian_noise={"stddev": fixed(0.1)})
    assert torch.equal(changed[3], image[3])
    assert not torch.equal(changed[:3], image[:3])


def test_noise_has_the_stated_deviation():
    noisy = run(torch.full((1, 200, 200), 0.5), random_gaussian_noise={"stddev": fixed(0.05)})
    assert noisy.std().item() == pytest.approx(0.05, rel=0.03)


def test_functions_act_in_their_order():
    image = torch.tensor([[[0.2, 0.4]]])
    bright, strong = {"factor": fixed(0.5)}, {"factor": fixed(1.0)}
    first = run(image, random_brightness=bright, random_contrast=strong)
    last = run(image, random_contrast=strong, random_brightness=bright)
    assert torch.allclose(first, torch.tensor([[[0.6, 1.0]]]))
    assert torch.allclose(last, torch.tensor([[[0.6, 1.0]]]))
    image = torch.tensor([[[0.0, 0.9]]])
    assert not torch.allclose(
        run(image, random_brightness=bright, random_contrast=strong),
        run(image, random_contrast=strong, random_brightness=bright),
    )


def test_scalar_factor_is_symmetric():
    image = torch.full((1, 1, 1), 0.5)
    section = DataAugmentationSection.model_validate({"random_brightness": {"factor": 0.2}})
    torch.manual_seed(0)
    change = OrderedFunctions(section.functions)
    values = torch.stack([change(image) for _ in range(400)]) - 0.5
    assert values.min() >= -0.2
    assert values.max() <= 0.2
    assert abs(values.mean()) < 0.03
    assert values.std().item() == pytest.approx(0.4 / 12**0.5, rel=0.1)
