"""The list of functions: their order, their share of images, transparency, grey images, random numbers."""

import pytest
import torch
from torchvision import tv_tensors

from zoo_core.config.augmentation import OrderedFunctionsSection
from zoo_core.data.augmentation import OrderedFunctions
from zoo_core.data.seeding import isolated_randomness
from zoo_core.errors import UserError

DEFAULT_RATES = {  # the table of ST's documentation, section 5; others change every image
    "random_flip": 0.5,
    "random_rgb_to_hsv": 0.25,
    "random_rgb_to_grayscale": 0.25,
    "random_invert": 0.25,
    "random_solarize": 0.25,
    "random_equalize": 0.25,
    "random_autocontrast": 0.25,
    "random_crop": 0.9,
}


def functions(channels=3, **listed):
    return OrderedFunctions(OrderedFunctionsSection.model_validate(listed).functions, channels=channels)


def fixed(value):
    return (value, value)


@pytest.mark.parametrize(
    "name", sorted(set(OrderedFunctionsSection.model_fields) - {"order", "random_periodic_resizing"})
)
def test_default_share_of_changed_images_is_the_documented_one(name):
    section = OrderedFunctionsSection.model_fields[name].annotation.__args__[0]
    assert section.model_fields["change_rate"].default == DEFAULT_RATES.get(name, 1.0)


def test_change_rate_is_the_share_of_changed_images():
    image = torch.rand(3, 4, 4)
    flip = functions(random_flip={"mode": "vertical", "change_rate": 0.25})
    changed = sum(not torch.equal(flip(image), image) for _ in range(1000))
    assert 200 < changed < 300


def test_functions_act_in_the_order_of_the_file():
    image = torch.tensor([[[0.0, 0.9]]])
    bright, strong = {"factor": fixed(0.5)}, {"factor": fixed(1.0)}
    first = functions(1, random_brightness=bright, random_contrast=strong)(image)
    last = functions(1, random_contrast=strong, random_brightness=bright)(image)
    assert torch.allclose(first, torch.tensor([[[0.25, 1.0]]]))
    assert torch.allclose(last, torch.tensor([[[0.5, 1.0]]]))


def test_fill_of_a_rotation_is_changed_by_what_comes_after_it():
    """ST's pose tutorial: grey that a rotation has filled in is changed by a brightness after it, not before it."""
    white = torch.ones(1, 9, 9)
    turn = {"factor": fixed(0.125), "fill_mode": "constant", "fill_value": 0.25}
    bright = {"factor": fixed(0.5)}
    assert functions(1, random_rotation=turn, random_brightness=bright)(white)[0, 0, 0] == pytest.approx(0.75)
    assert functions(1, random_brightness=bright, random_rotation=turn)(white)[0, 0, 0] == pytest.approx(0.25)


def test_colours_leave_transparency_alone_and_places_take_it_along():
    image = torch.rand(4, 6, 8)
    colours = functions(
        4, random_brightness={"factor": fixed(0.2)}, random_hue={"delta": 0.4}, random_rectangle_erasing={}
    )
    changed = colours(image)
    assert torch.equal(changed[3], image[3])
    assert not torch.equal(changed[:3], image[:3])
    flipped = functions(4, random_flip={"mode": "horizontal", "change_rate": 1})(image)
    assert torch.equal(flipped, image.flip(-1))


@pytest.mark.parametrize(
    "listed",
    [
        {"random_hue": {"delta": 0.1}},
        {"random_saturation": {"delta": 0.1}},
        {"random_value": {"delta": 0.1}},
        {"random_hsv": {"hue_delta": 0.1, "saturation_delta": 0.1, "value_delta": 0.1}},
        {"random_rgb_to_hsv": {}},
        {"random_rgb_to_grayscale": {}},
        {"random_rectangle_erasing": {"fill_method": "uniform", "color": [1, 2, 3]}},
    ],
)
def test_what_needs_colours_is_refused_for_grey_images(listed):
    (name,) = listed
    with pytest.raises(UserError, match=f"data_augmentation.{name}") as caught:
        functions(1, **listed)
    assert caught.value.hint
    functions(3, **listed)


def test_one_argument_gives_one_result_and_several_a_tuple():
    image = torch.rand(3, 4, 4)
    nothing = functions()
    assert torch.equal(nothing(image), image)
    points = tv_tensors.KeyPoints([[1, 2]], canvas_size=(4, 4))
    assert isinstance(nothing(image, points), tuple)
    assert isinstance(functions(random_flip={"mode": "vertical"})(image, points), tuple)


EVERYTHING = {
    "random_contrast": {"factor": 0.4},
    "random_gamma": {"gamma": [0.5, 1.5]},
    "random_hsv": {"hue_delta": 0.1, "saturation_delta": 0.1, "value_delta": 0.1},
    "random_solarize": {},
    "random_sharpness": {"factor": 1},
    "random_posterize": {"bits": [3, 8]},
    "random_blur": {"filter_size": [1, 4]},
    "random_gaussian_noise": {"stddev": [0.0, 0.1]},
    "random_jpeg_quality": {"jpeg_quality": [20, 90]},
    "random_crop": {},
    "random_flip": {"mode": "horizontal_and_vertical"},
    "random_rotation": {"factor": 0.1, "fill_mode": "wrap"},
    "random_shear": {"factor": 0.1, "fill_mode": "nearest"},
    "random_bounded_crop": {"width_factor": 0.2, "height_factor": 0.1},
    "random_rectangle_erasing": {"nrec": [0, 3]},
    "random_grid_cell_erasing": {},
}


def test_all_random_numbers_come_from_torch_so_that_a_seed_repeats_them():
    image = torch.rand(3, 20, 30)
    step = functions(**EVERYTHING)
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(step(image))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    with isolated_randomness(2):
        assert torch.equal(step(image), found[2])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_values_and_shape_stay_within_bounds(channels):
    listed = {name: keys for name, keys in EVERYTHING.items() if channels > 1 or name != "random_hsv"}
    step = functions(channels, **listed)
    for seed in range(40):
        torch.manual_seed(seed)
        changed = step(torch.rand(channels, 11, 7))
        assert changed.shape == (channels, 11, 7)
        assert changed.dtype == torch.float32
        assert changed.min() >= 0
        assert changed.max() <= 1
