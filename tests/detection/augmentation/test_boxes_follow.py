"""Boxes stay right under every transform: they are compared with where the pixels of their colour are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from zoo_core.data.seeding import isolated_randomness
from zoo_detection.augmentation.plan import Augmentation
from zoo_detection.augmentation.transform import DetectionTrainTransform
from zoo_detection.boxes import mirrored

SEEDS = range(24)
UPRIGHT = {
    "nothing but flip": Augmentation(flip=0.5),
    "expand": Augmentation(expand=1.0),
    "crop": Augmentation(iou_crop=1.0),
    "expand, crop, flip": Augmentation(flip=0.5, expand=0.5, iou_crop=0.8),
    "mosaic": Augmentation(mosaic=1.0),
    "mosaic, shift, flip": Augmentation(mosaic=1.0, translate=0.2, flip=0.5),
    "small mosaic": Augmentation(mosaic=1.0, mosaic_scale=(0.3, 0.4)),
    "large mosaic": Augmentation(mosaic=1.0, mosaic_scale=(1.8, 3.0)),
}
TURNED = {
    "rotation": Augmentation(mosaic=1.0, degrees=30.0),
    "shear": Augmentation(mosaic=1.0, shear=10.0),
    "everything": Augmentation(mosaic=1.0, degrees=15.0, shear=5.0, translate=0.1, flip=0.5),
}


def drawn(plan, dataset, preprocessing, seed, index=0, *, by_index=False):
    transform = DetectionTrainTransform(preprocessing, plan, epochs=1)
    transform.set_dataset(dataset)
    with isolated_randomness(seed):
        return transform.load(index) if by_index else transform(dataset[index])


def valid(labels, preprocessing):
    size = preprocessing.input
    assert labels.size == (size.width, size.height)
    assert (labels.boxes >= 0).all()
    assert (labels.boxes <= np.array([size.width, size.height] * 2)).all()
    assert (labels.boxes[:, 2:] > labels.boxes[:, :2]).all()
    assert len(labels.boxes) == len(labels.classes) == len(labels.crowd) == len(labels.areas)


def distances(labels, found):
    """Return how far each box lies from its pixels; colours that occur in several boxes are left out."""
    values, counts = np.unique(labels.classes, return_counts=True)
    single = set(values[counts == 1].tolist())
    for box, index in zip(labels.boxes, labels.classes.tolist(), strict=True):
        if index in single and min(box[2:] - box[:2]) > 2:
            yield box - found[index]


@pytest.mark.usefixtures("_all_kept")
@pytest.mark.parametrize("aspect_ratio", ["fit", "padding", "crop"])
@pytest.mark.parametrize("name", UPRIGHT)
def test_upright_boxes_are_where_their_pixels_are(painted, prepare, extents, name, aspect_ratio):
    preprocessing = prepare(aspect_ratio=aspect_ratio)
    compared = 0
    for seed in SEEDS:
        dataset = painted(seed)
        image, labels = drawn(UPRIGHT[name], dataset, preprocessing, seed, seed % 4)
        valid(labels, preprocessing)
        for distance in distances(labels, extents(image)):
            assert abs(distance).max() <= 1.0
            compared += 1
    assert compared > 8


@pytest.mark.usefixtures("_all_kept")
@pytest.mark.parametrize("name", TURNED)
def test_boxes_of_turned_images_hold_their_pixels(painted, prepare, extents, name):
    preprocessing = prepare()
    plan = TURNED[name]
    slack = []
    for seed in SEEDS:
        image, labels = drawn(plan, painted(seed), preprocessing, seed)
        valid(labels, preprocessing)
        for distance in distances(labels, extents(image)):
            assert (distance[:2] <= 1.0).all()
            assert (distance[2:] >= -1.0).all()
            slack.append(abs(distance).max())
    assert len(slack) > 15
    assert np.median(slack) < 3.0  # a box cut at a border may be larger than what is left of its object


def test_pixels_of_dropped_boxes_are_few(painted, prepare, extents):
    """A colour without a box is one of which little is left, or that is too small."""
    plan = Augmentation(mosaic=1.0)
    for seed in SEEDS:
        dataset = painted(seed)
        image, labels = drawn(plan, dataset, prepare(), seed)
        for index, found in extents(image).items():
            if index in labels.classes:
                continue
            height, width = image.shape[1:]
            touches = found[0] == 0 or found[1] == 0 or found[2] == width or found[3] == height
            assert touches or min(found[2:] - found[:2]) <= 1


def test_areas_change_as_the_boxes_do(painted, prepare):
    for name, plan in UPRIGHT.items():
        for seed in range(10):
            _, labels = drawn(plan, painted(seed), prepare(), seed)
            sides = labels.boxes[:, 2:] - labels.boxes[:, :2]
            assert np.allclose(labels.areas, sides.prod(1)), name


def test_areas_of_turned_objects_are_those_of_the_objects(painted, prepare):
    """A rotated rectangle keeps its area times the square of the scale, although its box grows."""
    plan = Augmentation(mosaic=1.0, degrees=45.0, mosaic_scale=(0.3, 0.3))
    grown = []
    for seed in SEEDS:
        dataset = painted(seed)
        _, labels = drawn(plan, dataset, prepare(), seed)
        for box, index, area in zip(labels.boxes, labels.classes, labels.areas, strict=True):
            source = dataset.targets[index]
            inside = box.min() > 0 and box[2] < 128 and box[3] < 96
            scale = 0.3 * min(128 / source.width, 96 / source.height)
            if inside:
                assert area == pytest.approx(source.areas[0] * scale**2, rel=0.1)
                grown.append((box[2:] - box[:2]).prod() / area)
    assert len(grown) > 10
    assert max(grown) > 1.3


def test_crowds_stay_crowds(painted, prepare):
    dataset = painted(1)
    dataset.targets = [replace(labels, crowd=np.array([k % 2 == 0])) for k, labels in enumerate(dataset.targets)]
    for plan in [*UPRIGHT.values(), *TURNED.values(), replace(UPRIGHT["mosaic"], mixup=1.0)]:
        for seed in range(5):
            _, labels = drawn(plan, dataset, prepare(), seed)
            assert (labels.crowd == (labels.classes % 2 == 0)).all()


def test_boxes_over_the_border_are_cut_there(painted, prepare, extents):
    dataset = painted(3)
    plain = dataset[1]
    over = replace(plain.target, boxes=np.array([[-30.0, 10.0, 20.0, 300.0]]), areas=np.array([14500.0]))
    inside = replace(plain.target, boxes=np.array([[0.0, 10.0, 20.0, 100.0]]), areas=np.array([1800.0]))
    plan = TURNED["everything"]
    for seed in range(10):
        found = []
        for target in (over, inside):
            dataset.targets[1] = target
            found.append(drawn(plan, dataset, prepare(), seed, 1, by_index=True)[1])
        assert np.allclose(found[0].boxes, found[1].boxes)
        assert np.allclose(found[0].areas, found[1].areas)


def test_blended_image_is_the_mean_and_boxes_are_of_both(painted, prepare):
    """The blended scene has the boxes of the mosaic first, and half of its colours."""
    plan = Augmentation(mosaic=1.0)
    several = 0
    for seed in range(20):
        dataset = painted(seed)
        alone, labels = drawn(plan, dataset, prepare(), seed)
        both, more = drawn(replace(plan, mixup=1.0), dataset, prepare(), seed)
        valid(more, prepare())
        assert np.array_equal(more.boxes[: len(labels)], labels.boxes)
        other = 2 * both - alone
        assert other.min() >= -2
        assert other.max() <= 257
        for box, index in zip(more.boxes[len(labels) :], more.classes[len(labels) :], strict=True):
            left, top, right, bottom = np.add(box, [2, 2, -2, -2]).round().astype(int)
            patch = other[:, top:bottom, left:right]
            colour = torch.tensor([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)][index])
            assert (patch - colour[:, None, None]).abs().max() <= 2 if patch.numel() else True
            several += 1
    assert several > 5


def test_flipping_twice_changes_nothing(painted, prepare):
    dataset = painted(2)
    plain, labels = drawn(Augmentation(), dataset, prepare(), 0, 1)
    image, flipped = drawn(Augmentation(flip=1.0), dataset, prepare(), 0, 1)
    assert torch.equal(image.flip(2), plain)
    assert not torch.equal(image, plain)
    assert np.allclose(mirrored(flipped).boxes, labels.boxes)
