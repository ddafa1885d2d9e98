"""The `data_augmentation` section: both styles, how they mix, and what is refused with a reason."""

import pytest
from pydantic import ValidationError

from zoo_classification.config import DataAugmentationSection

TUTORIAL = {  # section 2.6 of ST's torch tutorial, in canonical names
    "no_aug": False,
    "crop_range": [0.08, 1.0],
    "ratio": [0.75, 1.33],
    "hflip": 0.5,
    "vflip": 0.0,
    "color_jitter": 0.4,
    "aa": None,
    "aug_repeats": 0,
    "aug_splits": 0,
    "jsd_loss": False,
    "bce_loss": False,
    "bce_target_thresh": None,
    "reprob": 0,
    "remode": "pixel",
    "recount": 1,
    "resplit": False,
    "mixup": 0.0,
    "cutmix": 0.0,
    "cutmix_minmax": None,
    "mixup_prob": 1.0,
    "mixup_switch_prob": 0.5,
    "mixup_mode": "batch",
    "smoothing": 0.1,
    "train_interpolation": "random",
    "drop": 0.0,
    "drop_connect": None,
    "drop_path": None,
    "drop_block": None,
}
FUNCTIONS = {  # section 2.5 of ST's training page
    "random_contrast": {"factor": 0.4},
    "random_brightness": {"factor": 0.2},
    "random_flip": {"mode": "horizontal_and_vertical"},
    "random_translation": {"width_factor": 0.2, "height_factor": 0.2},
    "random_rotation": {"factor": 0.15},
    "random_zoom": {"width_factor": 0.25, "height_factor": 0.25},
}


def read(**keys):
    return DataAugmentationSection.model_validate(keys)


def test_tutorial_section_is_accepted_and_equals_the_defaults():
    section = read(**TUTORIAL)
    own = {"drop", "train_interpolation"}
    assert section.model_dump(exclude=own) == read().model_dump(exclude=own)
    assert (section.drop, section.train_interpolation) == (0.0, "random")
    assert read().train_interpolation is None


def test_functions_keep_the_order_of_the_file_and_switch_timm_defaults_off():
    section = read(**FUNCTIONS)
    assert [name for name, _ in section.functions] == list(FUNCTIONS)
    assert section.crop_range is None
    assert (section.hflip, section.color_jitter, section.smoothing) == (0.0, 0.0, 0.0)


def test_keys_written_beside_functions_act():
    section = read(**FUNCTIONS, hflip=0.25, smoothing=0.1)
    assert (section.hflip, section.smoothing, section.crop_range) == (0.25, 0.1, None)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        TUTORIAL,
        FUNCTIONS,
        {"color_jitter": None},
        {"crop_range": None},
        {"hflip": 0.1},
        {"random_periodic_resizing": {"image_sizes": [[32, 32], [64, 48]], "period": 2}},
        {"aug_splits": 3, "jsd_loss": True, "reprob": 0.25, "resplit": True},
        {"random_invert": {}, "random_crop": {"crop_width": 0.5}, "aug_repeats": 3},
    ],
)
def test_dump_reads_back_as_the_same_section(keys):
    section = read(**keys)
    assert DataAugmentationSection.model_validate(section.model_dump(mode="json")) == section


def test_nothing_for_colour_jitter_is_no_jitter():
    assert read(color_jitter=None).color_jitter == 0.0
    assert read(color_jitter="None").color_jitter == 0.0


def test_expressions_and_tuples_are_read():
    section = read(random_rotation={"factor": "(-1/24, 1/12)"}, ratio="(3/4, 4/3)")
    assert section.random_rotation.factor == pytest.approx((-1 / 24, 1 / 12))
    assert section.ratio == pytest.approx((0.75, 4 / 3))


@pytest.mark.parametrize(
    ("keys", "place", "words"),
    [
        ({"hflipp": 0.5}, "hflipp", "not permitted"),
        ({"hflip": 1.5}, "hflip", "less than or equal to 1"),
        ({"crop_range": [0.9, 0.1]}, "crop_range", "must not be greater"),
        ({"aa": "randaugment"}, "aa", "rand-m9-mstd0.5"),
        ({"color_jitter": [0.1, 0.2]}, "color_jitter", "four with hue"),
        ({"jsd_loss": True}, None, "copies of aug_splits"),
        ({"jsd_loss": True, "aug_splits": 3, "bce_loss": True}, None, "two losses"),
        ({"aug_splits": 1}, "aug_splits", "image alone"),
        ({"aug_splits": -1}, "aug_splits", "greater than or equal to 0"),
        ({"aug_splits": 2, "mixup": 0.2}, None, "cannot mix the copies"),
        ({"aug_splits": 2, "cutmix_minmax": [0.2, 0.8]}, None, "cannot mix the copies"),
        ({"aug_splits": 2, "no_aug": True}, None, "all copies of aug_splits alike"),
        ({"resplit": True}, None, "no effect without aug_splits"),
        ({"resplit": True, "aug_splits": 2}, None, "no effect without reprob"),
        ({"bce_target_thresh": 0.2}, None, "no effect without bce_loss"),
        ({"drop_connect": 0.1, "drop_path": 0.1}, None, "give one of them"),
        ({"random_huge": {"delta": 0.1}}, "random_huge", "not permitted"),
        ({"random_hue": {}}, "random_hue", "required"),
        ({"random_flip": {"mode": "diagonal"}}, "random_flip", "horizontal_and_vertical"),
        ({"random_rotation": {"factor": 0.1, "fill_mode": "mirror"}}, "random_rotation", "reflect"),
        ({"random_zoom": {}}, "random_zoom", "required"),
        ({"order": ["random_flip"]}, None, "each listed function once"),
    ],
)
def test_mistake_is_refused_at_its_key(keys, place, words):
    with pytest.raises(ValidationError) as caught:
        read(**keys)
    problem = caught.value.errors()[0]
    assert words in str(caught.value)
    if place is not None:
        assert problem["loc"][0] == place


def test_size_that_changes_counts_as_a_listed_function():
    section = read(random_periodic_resizing={"image_sizes": [[64, 64]]})
    assert section.crop_range is None
    assert section.functions == ()


@pytest.mark.parametrize(
    ("keys", "mixes"),
    [
        ({}, False),
        ({"mixup": 0.2}, True),
        ({"cutmix": 1.0}, True),
        ({"cutmix_minmax": [0.2, 0.8]}, True),
        ({"mixup": 0.2, "mixup_prob": 0}, False),
    ],
)
def test_mixing_is_on_where_something_mixes_with_a_probability(keys, mixes):
    assert read(**keys).mixes is mixes
