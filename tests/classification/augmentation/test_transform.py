"""Training images: augmentation, then the same preprocessing as everywhere else."""

import itertools
import pickle
import random

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_classification.augmentation.mixing import BatchMixing
from zoo_classification.augmentation.transform import TrainTransform
from zoo_classification.config import DataAugmentationSection
from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UserError
from zoo_core.protocols import Sample


def seed(number=0):
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def picture(mode="RGB", size=(40, 30)):
    bands = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], bands), dtype=np.uint8)
    return Image.fromarray(pixels.squeeze(), mode=None)


def preparation(shape=(3, 24, 32), **keys):
    modes = {1: "grayscale", 3: "rgb", 4: "rgba"}
    return ImagePreprocessing(input=InputSpec(*shape), color_mode=keys.pop("color_mode", modes[shape[0]]), **keys)


def section(**keys):
    return DataAugmentationSection.model_validate(keys)


STILL = {"crop_range": None, "hflip": 0, "color_jitter": 0}


@pytest.mark.parametrize("chosen", [None, section(no_aug=True), section(**STILL)])
@pytest.mark.parametrize("aspect_ratio", ["fit", "crop", "padding"])
def test_without_changes_it_equals_the_preprocessing_of_evaluation(chosen, aspect_ratio):
    prepare = preparation(aspect_ratio=aspect_ratio, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    tensor, target = TrainTransform(prepare, chosen)(Sample(picture(), 4, "x"))
    assert target == 4
    assert torch.equal(tensor, prepare(picture()))


def test_functions_that_change_nothing_leave_the_preprocessing_exact():
    still = section(random_brightness={"factor": [0, 0]})
    for prepare in (preparation(mean=(0.5,), std=(0.25,)), preparation(color_mode="bgr", mean=(0.1, 0.2, 0.3))):
        found = TrainTransform(prepare, still).image_to_tensor(picture())
        assert torch.allclose(found, prepare(picture()), atol=1e-5)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("shape", [(1, 24, 32), (3, 24, 32), (4, 24, 32)])
@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"aa": "rand-m9-mstd0.5"},
        {"aa": "original", "train_interpolation": "bicubic"},
        {"reprob": 1.0, "remode": "rand", "recount": 3},
        {"random_rotation": {"factor": 0.1}, "hflip": 0.5},
    ],
)
def test_every_mode_and_style_gives_the_models_input(mode, shape, keys):
    if shape[0] == 4 and "aa" in keys:
        with pytest.raises(UserError, match="rgba"):
            TrainTransform(preparation(shape), section(**keys))
        return
    transform = TrainTransform(preparation(shape), section(**keys))
    for number in range(4):
        seed(number)
        tensor = transform.image_to_tensor(picture(mode))
        assert tensor.shape == shape
        assert tensor.dtype == torch.float32
        assert torch.isfinite(tensor).all()


def test_same_random_state_gives_the_same_image_and_another_does_not():
    transform = TrainTransform(
        preparation(), section(aa="rand-m9-mstd0.5", reprob=0.5, random_zoom={"width_factor": 0.2})
    )
    images = []
    for number in (1, 1, 2):
        seed(number)
        images.append(transform.image_to_tensor(picture()))
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])


def test_flip_probability_one_mirrors():
    prepare = preparation()
    flipped = TrainTransform(prepare, section(**STILL | {"hflip": 1.0})).image_to_tensor(picture())
    assert torch.allclose(flipped, prepare(picture()).flip(-1), atol=1e-6)


def test_crop_shows_a_part_of_the_image():
    """An image that is dark on the left half gives crops whose mean varies."""
    image = Image.new("L", (64, 64))
    image.paste(255, (32, 0, 64, 64))
    transform = TrainTransform(preparation((1, 16, 16)), section(crop_range=[0.1, 0.2], color_jitter=0))
    seed()
    means = [transform.image_to_tensor(image).mean().item() for _ in range(40)]
    assert min(means) < 0.1
    assert max(means) > 0.9


WHITE = Image.new("RGB", (32, 24), (255, 255, 255))


def images_of(transform, image, count):
    for number in range(count):
        seed(number)
        yield transform.image_to_tensor(image)


@pytest.mark.parametrize(("remode", "colours"), [("const", 1), ("rand", 1), ("pixel", 20)])
def test_erasing_fills_a_rectangle_as_its_mode_says(remode, colours):
    transform = TrainTransform(preparation(std=(1.0,)), section(**STILL, reprob=1.0, remode=remode))
    (tensor,) = images_of(transform, WHITE, 1)
    mask = (tensor != 1).any(0)
    rows, columns = mask.nonzero(as_tuple=True)
    sides = [int(axis.max() - axis.min()) + 1 for axis in (rows, columns)]
    assert mask.sum() == sides[0] * sides[1]
    filled = tensor[:, mask]
    assert min(len(filled.unique(dim=1).T), 20) == colours
    assert (filled == 0).all() == (remode == "const")


def test_erasing_happens_with_its_probability():
    transform = TrainTransform(preparation(std=(1.0,)), section(**STILL, reprob=0.3, remode="const"))
    erased = sum(bool((tensor == 0).any()) for tensor in images_of(transform, WHITE, 300))
    assert 65 < erased < 115


def test_count_is_the_largest_number_of_rectangles():
    transform = TrainTransform(
        preparation((3, 96, 96), std=(1.0,)), section(**STILL, reprob=1.0, remode="rand", recount=3)
    )
    large = Image.new("RGB", (96, 96), (255, 255, 255))
    counts = {len(tensor[:, (tensor != 1).any(0)].unique(dim=1).T) for tensor in images_of(transform, large, 60)}
    assert counts == {1, 2, 3}


@pytest.mark.parametrize(
    "policy",
    ["rand-m9-mstd0.5", "rand-m9-n1-inc1", "augmix-m3-w3", "original", "originalr-mstd0.5", "v0", "v0r-mstd0.5", "3a"],
)
def test_policies_act_and_follow_the_seed(policy):
    transform = TrainTransform(preparation(), section(**STILL, aa=policy))
    plain = preparation()(picture())
    found = [*images_of(transform, picture(), 12)]
    again = [*images_of(transform, picture(), 12)]
    assert all(torch.equal(one, other) for one, other in zip(found, again, strict=True))
    assert sum(not torch.allclose(tensor, plain) for tensor in found) > 6
    assert len({tensor.numpy().tobytes() for tensor in found}) > 3


def test_policy_takes_the_place_of_colour_jitter():
    """With a policy that does nothing the image is untouched, however strong the jitter."""
    transform = TrainTransform(preparation(), section(**STILL | {"color_jitter": 0.9}, aa="rand-m9-p0.0"))
    (tensor,) = images_of(transform, picture(), 1)
    assert torch.equal(tensor, preparation()(picture()))


@pytest.mark.parametrize(
    ("jitter", "acts"), [(0.0, False), (0.4, True), ((0.4, 0.0, 0.0), True), ((0, 0, 0, 0.3), True)]
)
def test_colour_jitter_acts_by_its_strength(jitter, acts):
    transform = TrainTransform(preparation(), section(**STILL | {"color_jitter": jitter}))
    (tensor,) = images_of(transform, picture(), 1)
    assert torch.equal(tensor, preparation()(picture())) is not acts


def test_vertical_flip_turns_upside_down():
    prepare = preparation()
    flipped = TrainTransform(prepare, section(**STILL, vflip=1.0)).image_to_tensor(picture())
    assert torch.allclose(flipped, prepare(picture()).flip(-2), atol=1e-6)


def test_ratio_decides_about_the_proportions_of_the_crop():
    """Of an image that changes from left to right only, wide crops show more of it than high ones."""
    ramp = Image.fromarray(np.tile(np.arange(128, dtype=np.uint8) * 2, (128, 1)))
    spreads = []
    for ratio in ([0.25, 0.25], [4.0, 4.0]):
        keys = {"crop_range": [0.2, 0.2], "ratio": ratio, "hflip": 0, "color_jitter": 0}
        transform = TrainTransform(preparation((1, 16, 16)), section(**keys))
        tensors = [*images_of(transform, ramp, 10)]
        spreads.append(max(float(tensor.max() - tensor.min()) for tensor in tensors))
    assert spreads[0] < 0.3
    assert spreads[1] > 0.75


def test_it_travels_to_loader_processes():
    listed = {"random_rotation": {"factor": 0.1}, "random_hue": {"delta": 0.2}, "random_equalize": {}}
    sizes = {"random_periodic_resizing": {"image_sizes": [[24, 32], [48, 32]]}}
    transform = TrainTransform(preparation(), section(**listed, **sizes, aa="rand-m9", reprob=0.5, aug_splits=2))
    there = pickle.loads(pickle.dumps(transform))  # noqa: S301 - our own bytes
    for epoch in range(4):
        found = []
        for each in (transform, there):
            each.set_epoch(epoch, 1)
            seed(epoch)
            found.append(each.image_to_tensor(picture()))
        assert torch.equal(*found)


# ---------------------------------------------------------------- interpolation


@pytest.mark.parametrize("crop", [None, [1.0, 1.0]])
@pytest.mark.parametrize(
    ("chosen", "resampling"),
    [
        ("nearest", Image.Resampling.NEAREST),
        ("bilinear", Image.Resampling.BILINEAR),
        ("bicubic", Image.Resampling.BICUBIC),
        ("box", Image.Resampling.BOX),
        ("hamming", Image.Resampling.HAMMING),
        ("lanczos", Image.Resampling.LANCZOS),
    ],
)
def test_training_interpolation_is_pillows_filter(crop, chosen, resampling):
    keys = STILL | {"crop_range": crop, "ratio": [4 / 3, 4 / 3]}
    transform = TrainTransform(preparation(), section(**keys, train_interpolation=chosen))
    (tensor,) = images_of(transform, picture(), 1)
    resized = np.asarray(picture().resize((32, 24), resampling)).transpose(2, 0, 1) / 255
    assert np.allclose(tensor.numpy(), resized, atol=1e-6)


@pytest.mark.parametrize("crop", [None, [1.0, 1.0]])
@pytest.mark.parametrize("place", ["preprocessing", "data_augmentation"])
def test_random_interpolation_draws_bilinear_and_bicubic(crop, place):
    keys = STILL | {"crop_range": crop, "ratio": [4 / 3, 4 / 3]}
    if place == "preprocessing":
        transform = TrainTransform(preparation(interpolation="random"), section(**keys))
    else:
        transform = TrainTransform(preparation(interpolation="nearest"), section(**keys, train_interpolation="random"))
    found = {tensor.numpy().tobytes() for tensor in images_of(transform, picture(), 20)}
    wanted = {preparation(interpolation=name)(picture()).numpy().tobytes() for name in ("bilinear", "bicubic")}
    assert found == wanted


def test_random_interpolation_acts_without_any_other_augmentation_and_not_when_all_is_off():
    prepare = preparation(interpolation="random")
    assert len({x.numpy().tobytes() for x in images_of(TrainTransform(prepare, None), picture(), 20)}) == 2
    off = TrainTransform(prepare, section(no_aug=True))
    assert all(torch.equal(x, prepare(picture())) for x in images_of(off, picture(), 20))
    assert torch.equal(prepare(picture()), preparation(interpolation="bilinear")(picture()))


# ---------------------------------------------------------------- copies


def test_first_copy_is_only_cropped_and_flipped_and_the_others_are_changed_too():
    keys = {"crop_range": [0.3, 0.9], "hflip": 0.5, "color_jitter": 0.4}
    transform = TrainTransform(preparation(), section(**keys, aug_splits=3))
    single = TrainTransform(preparation(), section(**keys | {"color_jitter": 0}))
    for number, (copies, alone) in enumerate(
        zip(images_of(transform, picture(), 8), images_of(single, picture(), 8), strict=True)
    ):
        assert copies.shape == (3, 3, 24, 32), number
        assert torch.equal(copies[0], alone)
        assert all(not torch.equal(one, other) for one, other in itertools.combinations(copies, 2))


def test_functions_of_st_change_all_copies_but_the_first():
    listed = {"random_rotation": {"factor": 0.2}, "random_invert": {"change_rate": 1}}
    copies = TrainTransform(preparation(), section(**listed, aug_splits=2)).image_to_tensor(picture())
    assert torch.equal(copies[0], preparation()(picture()))
    assert not torch.allclose(copies[1], copies[0], atol=0.1)


@pytest.mark.parametrize("resplit", [True, False])
def test_first_copy_is_never_erased_when_the_others_are_split_off(resplit):
    keys = STILL | {"reprob": 1.0, "remode": "const", "aug_splits": 3, "resplit": resplit}
    copies = TrainTransform(preparation(std=(1.0,)), section(**keys)).image_to_tensor(WHITE)
    assert [bool((copy == 0).any()) for copy in copies] == [not resplit, True, True]


# ---------------------------------------------------------------- sizes


def test_size_follows_the_epoch_and_nothing_else_changes():
    sizes = [(24, 32), (48, 64), (32, 32)]
    listed = {"random_periodic_resizing": {"image_sizes": sizes, "period": 2, "interpolation": "nearest"}}
    prepare = preparation(mean=(0.1, 0.2, 0.3))
    transform = TrainTransform(prepare, section(**listed))
    seen = []
    for epoch in range(40):
        transform.set_epoch(epoch, 5)
        tensor = transform.image_to_tensor(picture())
        height, width = tensor.shape[1:]
        seen.append((height, width))
        same = preparation((3, height, width), mean=(0.1, 0.2, 0.3), interpolation="nearest")
        assert torch.equal(tensor, same(picture()))
    assert set(seen) == set(sizes)
    assert seen[::2] == seen[1::2]
    assert transform.growth == 4.0


def test_crop_and_functions_act_on_the_size_of_the_epoch():
    listed = {"random_periodic_resizing": {"image_sizes": [[40, 56]]}, "random_rotation": {"factor": 0.1}}
    transform = TrainTransform(preparation(), section(**listed, crop_range=[0.5, 1.0]))
    transform.set_epoch(0, 1)
    assert transform.image_to_tensor(picture()).shape == (3, 40, 56)


def test_switching_all_off_keeps_the_size():
    transform = TrainTransform(
        preparation(), section(random_periodic_resizing={"image_sizes": [[40, 56]]}, no_aug=True)
    )
    transform.set_epoch(0, 1)
    assert transform.image_to_tensor(picture()).shape == (3, 24, 32)


def test_copies_and_sizes_need_memory():
    listed = {"random_periodic_resizing": {"image_sizes": [[48, 64], [24, 32]]}}
    assert TrainTransform(preparation(), section(**listed, aug_splits=3)).growth == 12.0
    assert TrainTransform(preparation(), None).growth == 1.0


# ---------------------------------------------------------------- batches


@pytest.mark.parametrize("mode", ["batch", "pair", "elem"])
@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_mixed_targets_are_shares_that_match_the_pixels(mode, count):
    """Image i is filled with i: every pixel then says how much of each image went in."""
    mixing = BatchMixing(section(mixup=1.0, mixup_mode=mode, smoothing=0.0), count)
    images = torch.eye(count)[:, :, None, None].expand(count, count, 4, 4).contiguous()
    before = images.clone()
    seed(3)
    mixed, targets = mixing(images, torch.arange(count))
    assert torch.equal(images, before)
    assert torch.allclose(targets.sum(1), torch.ones(count))
    assert torch.allclose(mixed.mean((2, 3)), targets, atol=1e-6)


def test_cutmix_targets_are_shares_of_the_area():
    mixing = BatchMixing(section(cutmix=1.0, smoothing=0.0), 6)
    images = torch.eye(6)[:, :, None, None].expand(6, 6, 32, 32).contiguous()
    for number in range(10):
        seed(number)
        mixed, targets = mixing(images, torch.arange(6))
        assert torch.allclose(mixed.mean((2, 3)), targets, atol=1e-5)
        assert set(mixed.unique().tolist()) <= {0.0, 1.0}


def test_smoothing_reaches_mixed_targets():
    _, targets = BatchMixing(section(mixup=0.2, smoothing=0.1), 10)(torch.zeros(3, 1, 2, 2), torch.tensor([1, 2, 3]))
    assert targets.min().item() == pytest.approx(0.01)


def batches(count, **keys):
    """Mix sixteen images, of which image i is filled with i in a channel of its own, again and again."""
    mixing = BatchMixing(section(**keys, smoothing=0.0), 16)
    images = torch.eye(16)[:, :, None, None].expand(16, 16, 24, 24).contiguous()
    for number in range(count):
        seed(number)
        yield mixing(images, torch.arange(16))


def test_probability_is_the_share_of_mixed_batches():
    mixed = sum(bool((targets.amax(1) < 1).any()) for _, targets in batches(300, mixup=1.0, mixup_prob=0.3))
    assert 65 < mixed < 115


@pytest.mark.parametrize(("switch", "cut"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0)])
def test_switch_is_the_share_of_cutmix_where_both_are_on(switch, cut):
    """Mixup leaves every pixel of an image the same; cutmix leaves each pixel whole."""
    whole = sum(
        set(images.unique().tolist()) <= {0.0, 1.0}
        for images, _ in batches(200, mixup=1.0, cutmix=1.0, mixup_switch_prob=switch)
    )
    assert whole / 200 == pytest.approx(cut, abs=0.08)


def test_minmax_bounds_the_sides_of_the_pasted_rectangle():
    sides = []
    for images, _ in batches(60, cutmix_minmax=[0.25, 0.5]):
        pasted = images[0, 0] == 0
        if pasted.any():
            rows, columns = pasted.nonzero(as_tuple=True)
            sides += [int(axis.max() - axis.min()) + 1 for axis in (rows, columns)]
    assert min(sides) >= 6
    assert max(sides) <= 12
    assert len(set(sides)) > 3


def test_modes_draw_once_for_a_batch_a_pair_or_an_element():
    def shares(mode):
        (mixed,) = batches(1, mixup=1.0, mixup_mode=mode)
        return [round(float(row.max()), 4) for row in mixed[1]]

    assert len(set(shares("batch"))) == 1
    pairs = shares("pair")
    assert pairs == pairs[::-1]
    assert len(set(pairs)) == 8
    assert len(set(shares("elem"))) > 8
