"""The size of an epoch's images: by seed and period alone."""

from zoo_core.artifacts import InputSpec
from zoo_core.config.augmentation import RandomPeriodicResizing
from zoo_core.data.augmentation import PeriodicSizes
from zoo_core.data.preprocessing import ImagePreprocessing

SIZES = [(24, 32), (32, 40), (48, 48)]
PREPROCESSING = ImagePreprocessing(input=InputSpec(3, 40, 40), mean=(0.5,), aspect_ratio="padding")


def sizes(**keys):
    return PeriodicSizes(RandomPeriodicResizing(image_sizes=SIZES, **keys), PREPROCESSING)


def test_all_epochs_of_a_period_have_one_size_and_every_size_comes():
    found = [sizes(period=4).at(epoch, 7).input for epoch in range(120)]
    periods = [found[start : start + 4] for start in range(0, 120, 4)]
    assert all(len(set(period)) == 1 for period in periods)
    assert {(size.height, size.width) for size in found} == set(SIZES)


def test_another_seed_gives_another_order_and_the_same_seed_the_same():
    orders = [[sizes().at(epoch, seed).input for epoch in range(30)] for seed in (1, 1, 2)]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]


def test_only_size_and_interpolation_differ():
    found = sizes(interpolation="nearest").at(0, 0)
    assert (found.mean, found.aspect_ratio, found.color_mode) == ((0.5,) * 3, "padding", "rgb")
    assert found.interpolation == "nearest"
    assert found.input.channels == 3


def test_largest_size_is_known():
    assert sizes().largest == 48 * 48
