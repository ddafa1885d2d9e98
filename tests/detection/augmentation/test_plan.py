"""The plan: recipes of the trainers, and what a section changes."""

import pytest

from zoo_detection.augmentation.plan import Augmentation
from zoo_detection.config import DetectionAugmentationSection as Section

NOTHING = Augmentation()


def test_recipe_of_yolod():
    plan = Augmentation.resolve(None, "yolod")
    assert (plan.mosaic, plan.mosaic_scale, plan.mixup, plan.mixup_scale) == (1.0, (0.5, 1.5), 0.0, (0.5, 1.5))
    assert (plan.degrees, plan.translate, plan.shear, plan.hsv, plan.flip) == (10.0, 0.1, 2.0, 1.0, 0.5)
    assert (plan.multiscale_range, plan.random_size) == (5, None)
    assert (plan.photometric, plan.expand, plan.iou_crop) == (0.0, 0.0, 0.0)


def test_recipe_of_ssd():
    plan = Augmentation.resolve(None, "ssd")
    assert (plan.photometric, plan.expand, plan.expand_ratio, plan.iou_crop, plan.flip) == (0.5, 0.5, 4.0, 0.857, 0.5)
    assert (plan.mosaic, plan.mixup, plan.hsv, plan.degrees, plan.multiscale_range) == (0.0, 0.0, 0.0, 0.0, 0)


def test_other_trainers_change_nothing_by_themselves():
    assert Augmentation.resolve(None, "none") == Augmentation.resolve(Section(), "any") == NOTHING
    assert not NOTHING.changes_images


@pytest.mark.parametrize("preset", ["yolod", "ssd", "none"])
def test_no_aug_switches_everything_off(preset):
    section = Section(no_aug=True, mosaic_prob=1.0, enable_mixup=True, multiscale_range=3, random_size=(10, 20))
    assert Augmentation.resolve(section, preset) == NOTHING


def test_section_stands_over_the_recipe():
    section = Section(mosaic_prob=0.0, degrees=0.0, flip_prob=0.1, random_size=(10, 20), mosaic_scale=(0.1, 2.0))
    plan = Augmentation.resolve(section, "yolod")
    assert (plan.mosaic, plan.degrees, plan.flip, plan.random_size, plan.mosaic_scale) == (
        0,
        0,
        0.1,
        (10, 20),
        (0.1, 2),
    )
    assert (plan.hsv, plan.shear) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("given", "probability"),
    [
        ({}, 0.0),
        ({"mixup_prob": 0.7}, 0.0),
        ({"enable_mixup": True}, 1.0),
        ({"enable_mixup": True, "mixup_prob": 0.7}, 0.7),
        ({"enable_mixup": False, "mixup_prob": 0.7}, 0.0),
    ],
)
def test_mixup_needs_to_be_enabled(given, probability):
    assert Augmentation.resolve(Section(**given), "yolod").mixup == probability
