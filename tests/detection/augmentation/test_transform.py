"""The transform as a whole: what is switched off, exact pixels, epochs, unreadable images, seeds."""

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_core.artifacts import InputSpec
from zoo_core.data.loader import TrainItems
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.data.seeding import isolated_randomness
from zoo_core.errors import UnreadableImageError
from zoo_core.protocols import Sample
from zoo_detection.augmentation.plan import Augmentation
from zoo_detection.augmentation.transform import DetectionTrainTransform
from zoo_detection.config import DetectionAugmentationSection
from zoo_detection.labels import BoxLabels

ALL = Augmentation(
    mosaic=0.5,
    mixup=0.5,
    degrees=10,
    shear=2,
    translate=0.1,
    hsv=0.5,
    flip=0.5,
    photometric=0.5,
    expand=0.5,
    iou_crop=0.5,
)


def photo(size=(150, 100), mode="RGB", seed=0):
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    return Image.fromarray(pixels[..., 0] if channels == 1 else pixels)


def sample(**options):
    image = photo(**options)
    labels = BoxLabels.of([[10, 20, 60, 80], [5, 5, 140, 95]], [1, 2], image.size, crowd=[False, True], image_id=7)
    return Sample(image, labels, "photo.png")


class Samples:
    """A data set of given samples."""

    def __init__(self, samples):
        self.samples = samples
        self.targets = [one.target for one in samples]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]

    def name(self, index):
        return self.samples[index].path


@pytest.mark.parametrize("aspect_ratio", ["fit", "crop", "padding"])
@pytest.mark.parametrize("color_mode", ["rgb", "bgr"])
def test_no_aug_is_plain_preprocessing(prepare, aspect_ratio, color_mode):
    preprocessing = prepare(
        interpolation="bilinear", scale=1 / 255, mean=(0.5, 0.4, 0.3), aspect_ratio=aspect_ratio, color_mode=color_mode
    )
    plan = Augmentation.resolve(DetectionAugmentationSection(no_aug=True, flip_prob=1.0), "yolod")
    one = sample()
    image, labels = DetectionTrainTransform(preprocessing, plan, epochs=1)(one)
    assert torch.equal(image, preprocessing(one.image))
    wanted = one.target.placed(preprocessing)
    assert np.array_equal(labels.boxes, wanted.boxes)
    assert labels.size == wanted.size
    assert labels.image_id == 7
    assert labels.crowd.tolist() == [False, True]


@pytest.mark.parametrize("aspect_ratio", ["fit", "crop", "padding"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "area", "lanczos3"])
def test_image_that_is_only_mirrored_has_the_pixels_of_evaluation(prepare, aspect_ratio, interpolation):
    preprocessing = prepare(interpolation=interpolation, mean=(20.0,), std=(3.0,), aspect_ratio=aspect_ratio)
    one = sample()
    image, labels = DetectionTrainTransform(preprocessing, Augmentation(flip=1.0), epochs=1)(one)
    difference = (image.flip(2) - preprocessing(one.image)).abs().max() * 3
    assert difference <= (1.001 if aspect_ratio == "crop" else 0)  # a cut-out is rounded elsewhere: one level of 255
    wanted = one.target.placed(preprocessing).boxes
    assert np.allclose(labels.boxes[:, [0, 2]], 128 - wanted[:, [2, 0]])
    assert np.allclose(labels.boxes[:, [1, 3]], wanted[:, [1, 3]])


def test_last_epochs_join_nothing_but_go_on_mirroring(painted, prepare):
    preprocessing = prepare()
    plan = Augmentation(mosaic=1.0, mixup=1.0, degrees=10, flip=0.5)
    transform = DetectionTrainTransform(preprocessing, plan, no_aug_epochs=3, epochs=10)
    dataset = painted()
    transform.set_dataset(dataset)
    plain = preprocessing(dataset[0].image)
    for epoch in range(10):
        transform.set_epoch(epoch, 5)
        mirrored = 0
        for seed in range(12):
            with isolated_randomness(seed):
                image, _ = transform(dataset[0])
            same = torch.equal(image, plain) or torch.equal(image.flip(2), plain)
            assert same == (epoch >= 7)
            mirrored += torch.equal(image.flip(2), plain)
        assert epoch < 7 or 0 < mirrored < 12


def test_nothing_is_joined_when_all_epochs_are_without(painted, prepare):
    transform = DetectionTrainTransform(prepare(), Augmentation(mosaic=1.0), no_aug_epochs=15, epochs=5)
    transform.set_dataset(painted())
    assert torch.equal(transform(painted()[0])[0], prepare()(painted()[0].image))


def test_without_a_data_set_nothing_is_joined(painted, prepare):
    transform = DetectionTrainTransform(prepare(), Augmentation(mosaic=1.0), epochs=1)
    assert torch.equal(transform(painted()[0])[0], prepare()(painted()[0].image))
    with pytest.raises(LookupError, match="set_dataset"):
        transform.load(0)


def test_unreadable_partners_are_replaced(painted, prepare, extents):
    plan = Augmentation(mosaic=1.0, mixup=1.0)
    dataset = painted(count=4, broken=[1, 2])
    transform = DetectionTrainTransform(prepare(), plan, epochs=1)
    transform.set_dataset(dataset)
    for seed in range(20):
        with isolated_randomness(seed):
            _, labels = transform.load(0)
        assert set(labels.classes.tolist()) <= {0, 3}


def test_mosaic_of_one_readable_image_is_still_made(painted, prepare):
    dataset = painted(count=6, broken=range(1, 6))
    transform = DetectionTrainTransform(prepare(), Augmentation(mosaic=1.0, mixup=1.0, degrees=5), epochs=1)
    transform.set_dataset(dataset)
    for seed in range(10):
        with isolated_randomness(seed):
            image, labels = transform.load(0)
        assert image.shape == (3, 96, 128)
        assert set(labels.classes.tolist()) <= {0}


def test_unreadable_image_itself_is_told_and_the_loader_takes_the_next(painted, prepare):
    dataset = painted(broken=[1])
    for plan in (ALL, Augmentation(mosaic=1.0), Augmentation(mosaic=1.0, degrees=5.0), Augmentation()):
        transform = DetectionTrainTransform(prepare(), plan, epochs=1)
        transform.set_dataset(dataset)
        with isolated_randomness(1), pytest.raises(UnreadableImageError, match="the file is empty"):
            transform.load(1)
        item = TrainItems(dataset, DetectionTrainTransform(prepare(), plan, epochs=1), 3)[(0, 1, 0)]
        assert item.path == "painted/2.png"
        assert [skip.path for skip in item.skipped] == ["painted/1.png"]


def test_same_seed_gives_the_same_and_callers_numbers_stay(painted, prepare):
    items = [TrainItems(painted(), DetectionTrainTransform(prepare(), ALL, epochs=9), 3) for _ in range(2)]
    state = torch.get_rng_state()
    keys = [(epoch, index, 0) for epoch in range(3) for index in range(4)]
    first = {key: items[0][key] for key in keys}
    for key in reversed(keys):
        again = items[1][key]
        assert torch.equal(first[key].image, again.image)
        assert np.array_equal(first[key].target.boxes, again.target.boxes)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(first[0, 0, 0].image, first[1, 0, 0].image)


@pytest.mark.parametrize(("color_mode", "channels"), [("grayscale", 1), ("rgb", 3), ("bgr", 3), ("rgba", 4)])
@pytest.mark.parametrize("stored", ["L", "RGB", "RGBA"])
def test_every_colour_mode_passes_through_everything(color_mode, channels, stored):
    preprocessing = ImagePreprocessing(input=InputSpec(channels, 48, 64), color_mode=color_mode)

    transform = DetectionTrainTransform(preprocessing, ALL, epochs=1)
    transform.set_dataset(Samples([sample(mode=stored, seed=k) for k in range(3)]))
    for seed in range(12):
        with isolated_randomness(seed):
            image, labels = transform.load(seed % 3)
        assert image.shape == (channels, 48, 64)
        assert image.dtype == torch.float32
        assert image.min() >= 0
        assert image.max() <= 1.0001
        assert (labels.boxes[:, 2:] > labels.boxes[:, :2]).all()


def test_images_without_boxes_pass_through_everything(prepare):
    empty = BoxLabels.of([], [], (150, 100))
    transform = DetectionTrainTransform(prepare(), ALL, epochs=1)
    transform.set_dataset(Samples([Sample(photo(seed=k), empty, f"{k}.png") for k in range(2)]))
    for seed in range(15):
        with isolated_randomness(seed):
            image, labels = transform.load(seed % 2)
        assert image.shape == (3, 96, 128)
        assert labels.boxes.shape == (0, 4)
