"""The parameters of ST's functions: as its files write them, and what is refused where it stands."""

import pytest
from pydantic import ValidationError

from zoo_core.config.augmentation import FUNCTION_NAMES, OrderedFunctionsSection

DOCUMENTED = [  # the table of ST's documentation, section 3, and what its code has beside it
    *("random_contrast", "random_brightness", "random_gamma", "random_gamma_adjust", "random_hue", "random_saturation"),
    *("random_value", "random_hsv", "random_rgb_to_hsv", "random_rgb_to_grayscale", "random_sharpness"),
    *("random_posterize", "random_invert", "random_solarize", "random_equalize", "random_autocontrast", "random_blur"),
    *("random_gaussian_noise", "random_jpeg_quality", "random_crop", "random_flip", "random_translation"),
    *("random_rotation", "random_zoom", "random_bounded_crop", "random_shear", "random_shear_x", "random_shear_y"),
    *("random_rectangle_erasing", "random_grid_cell_erasing"),
]
DEFAULTS = {  # exhibits A to D of the same page, and st's code for what is not documented
    "random_autocontrast": {"cutoff": 10},
    "random_blur": {"padding": "reflect", "constant_values": 0},
    "random_gaussian_noise": {"mode": "image"},
    "random_crop": {
        "crop_center_x": (0.25, 0.75),
        "crop_center_y": (0.25, 0.75),
        "crop_width": (0.6, 0.9),
        "crop_height": (0.6, 0.9),
        "interpolation": "bilinear",
    },
    "random_translation": {"fill_mode": "reflect", "interpolation": "bilinear", "fill_value": 0},
    "random_rotation": {"fill_mode": "reflect", "interpolation": "bilinear", "fill_value": 0},
    "random_zoom": {"fill_mode": "reflect", "interpolation": "bilinear", "fill_value": 0, "height_factor": None},
    "random_bounded_crop": {"fill_mode": "reflect", "interpolation": "bilinear", "height_factor": None},
    "random_shear_x": {"fill_mode": "reflect", "interpolation": "bilinear"},
    "random_rectangle_erasing": {
        "nrec": 1,
        "area": (0.05, 0.4),
        "wh_ratio": (0.3, 2.0),
        "fill_method": "random",
        "color": None,
        "mode": "image",
    },
    "random_grid_cell_erasing": {
        "ncells_x": 5,
        "ncells_y": 5,
        "fill_method": "uniform",
        "color": None,
        "erasing_prob": 0.2,
    },
}


def read(**keys):
    return OrderedFunctionsSection.model_validate(keys)


def test_every_documented_function_is_there():
    assert set(FUNCTION_NAMES) == set(DOCUMENTED)


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_are_the_documented_ones(name):
    section = OrderedFunctionsSection.model_fields[name].annotation.__args__[0]
    assert {key: section.model_fields[key].default for key in DEFAULTS[name]} == DEFAULTS[name]


def test_functions_keep_the_order_of_the_file():
    section = read(random_rotation={"factor": 0.1}, random_invert={}, random_contrast={"factor": 0.4})
    assert [name for name, _ in section.functions] == ["random_rotation", "random_invert", "random_contrast"]
    dumped = section.model_dump(mode="json")
    assert OrderedFunctionsSection.model_validate(dumped) == section
    assert OrderedFunctionsSection.model_validate(dict(reversed(dumped.items()))) == section


@pytest.mark.parametrize(
    "written", [[["192", "192"], [224, 224]], ["(192", "192)", "(224", "224)"], "[(192,192),(224,224)]"]
)
def test_sizes_are_read_as_yaml_cuts_them(written):
    """`[(192,192), (224,224)]` in a file is a list of four texts for YAML."""
    sizes = read(random_periodic_resizing={"image_sizes": written}).random_periodic_resizing.image_sizes
    assert sizes == ((192, 192), (224, 224))


def test_expressions_and_spellings_of_st_are_read():
    section = read(
        random_blur={"filter_size": "(2, 4)", "padding": "SYMMETRIC"},
        random_rotation={"factor": "(-1/24, 1/12)"},
        random_gaussian_noise={"stddev": "(0.0, 5/255)"},
    )
    assert section.random_blur.filter_size == (2, 4)
    assert section.random_blur.padding == "symmetric"
    assert section.random_rotation.factor == pytest.approx((-1 / 24, 1 / 12))
    assert section.random_gaussian_noise.stddev == pytest.approx((0, 5 / 255))


@pytest.mark.parametrize("name", ["random_invert", "random_solarize", "random_crop", "random_rectangle_erasing"])
@pytest.mark.parametrize("nothing", [None, "None", ""])
def test_bare_function_that_could_act_is_refused(name, nothing):
    with pytest.raises(ValidationError, match=r"write \{\} after it") as caught:
        read(**{name: nothing})
    assert caught.value.errors()[0]["loc"] == (name,)
    assert read(**{name: {}}).functions


def test_bare_function_that_could_not_act_is_not_there():
    assert read(random_rotation=None, random_flip="None").functions == ()


@pytest.mark.parametrize(
    ("keys", "place", "words"),
    [
        ({"random_flip": {}}, ("random_flip", "mode"), "required"),
        ({"random_rotation": {"factor": [0.2, 0.1]}}, ("random_rotation", "factor"), "must not be greater"),
        ({"random_shear": {"factor": 45}}, ("random_shear", "factor"), "radians"),
        ({"random_zoom": {"width_factor": 1.0}}, ("random_zoom", "width_factor"), "without end"),
        ({"random_zoom": {"width_factor": [-1.2, 0]}}, ("random_zoom", "width_factor"), "without end"),
        ({"random_gamma": {"gamma": [0, 1]}}, ("random_gamma", "gamma"), "greater than 0"),
        ({"random_posterize": {"bits": [0, 4]}}, ("random_posterize", "bits"), "greater than or equal to 1"),
        ({"random_autocontrast": {"cutoff": 0}}, ("random_autocontrast", "cutoff"), "greater than 0"),
        ({"random_jpeg_quality": {"jpeg_quality": 101}}, ("random_jpeg_quality", "jpeg_quality"), "less than or equal"),
        ({"random_blur": {"filter_size": 0}}, ("random_blur", "filter_size"), "greater than 0"),
        ({"random_blur": {"filter_size": 3, "constant_values": 0.5}}, ("random_blur",), "no effect"),
        (
            {"random_rotation": {"factor": 0.1, "fill_mode": "wrap", "fill_value": 0.5}},
            ("random_rotation",),
            "no effect",
        ),
        ({"random_rectangle_erasing": {"color": [0, 0, 0]}}, ("random_rectangle_erasing",), "no effect"),
        ({"random_rectangle_erasing": {"area": 1.5}}, ("random_rectangle_erasing", "area"), "less than or equal to 1"),
        ({"random_rectangle_erasing": {"mode": "batch"}}, ("random_rectangle_erasing", "mode"), "of its own"),
        ({"random_gaussian_noise": {"stddev": 0.1, "mode": "batch"}}, ("random_gaussian_noise", "mode"), "of its own"),
        ({"random_periodic_resizing": {"image_sizes": []}}, ("random_periodic_resizing", "image_sizes"), "at least 1"),
        ({"random_periodic_resizing": {}}, ("random_periodic_resizing", "image_sizes"), "required"),
        ({"random_contrast": {"factor": 0.1, "rate": 1}}, ("random_contrast", "rate"), "not permitted"),
    ],
)
def test_mistake_is_refused_at_its_key(keys, place, words):
    with pytest.raises(ValidationError, match=words) as caught:
        read(**keys)
    assert caught.value.errors()[0]["loc"][: len(place)] == place
