"""Sizes of batches."""

from collections import Counter
from dataclasses import replace

import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

from zoo_core.artifacts import InputSpec
from zoo_core.data.seeding import isolated_randomness
from zoo_detection.augmentation.multiscale import MultiScale, training_sizes
from zoo_detection.augmentation.plan import Augmentation
from zoo_detection.labels import BoxLabels
from zoo_detection.targets import collate_boxes

RANGE = Augmentation(multiscale_range=5)


def test_sizes_go_in_steps_of_32_pixels_to_either_side():
    sizes = training_sizes(InputSpec(3, 640, 640), RANGE)
    assert sizes == tuple((side, side) for side in range(640 - 5 * 32, 640 + 5 * 32 + 1, 32))


def test_random_size_names_the_heights():
    plan = replace(RANGE, random_size=(10, 20))
    assert training_sizes(InputSpec(3, 416, 416), plan) == tuple((32 * k, 32 * k) for k in range(10, 21))


def test_proportion_is_kept_to_the_next_step():
    sizes = training_sizes(InputSpec(3, 192, 320), Augmentation(multiscale_range=1))
    assert sizes == ((160, 256), (192, 320), (224, 352))


def test_small_inputs_stay_above_nothing():
    assert training_sizes(InputSpec(3, 96, 96), RANGE) == tuple((32 * k, 32 * k) for k in range(1, 9))


def test_sizes_do_not_vary_unless_asked_for():
    assert training_sizes(InputSpec(3, 640, 640), Augmentation()) == ()


def test_all_sizes_come_equally_often_from_torchs_generator(prepare):
    scale = MultiScale(((32, 64), (64, 96), (96, 128)))
    targets = collate_boxes([BoxLabels.of([], [], (128, 96))], prepare())
    drawn = []
    for _ in range(2):
        with isolated_randomness(0):
            drawn.append([tuple(scale(torch.zeros(1, 3, 96, 128), targets)[0].shape[2:]) for _ in range(150)])
    assert drawn[0] == drawn[1]
    counts = Counter(drawn[0])
    assert set(counts) == set(scale.sizes)
    assert min(counts.values()) > 30


@pytest.mark.parametrize("size", [(64, 96), (128, 160), (96, 128)])
def test_batch_is_stretched_as_torchvision_does(prepare, size):
    labels = [
        BoxLabels.of([[10, 20, 50, 60], [0, 0, 128, 96]], [1, 2], (128, 96)),
        BoxLabels.of([[3, 4, 5, 90]], [0], (128, 96)),
    ]
    targets = collate_boxes(labels, prepare())
    images = torch.rand(2, 3, 96, 128)
    before = targets.boxes.clone()
    stretched, found = MultiScale((size,))(images, targets)
    wanted = functional.resize(images, list(size), antialias=False)
    assert torch.allclose(stretched, wanted, atol=1e-5)
    assert found.size == size
    assert torch.equal(found.classes, targets.classes)
    for boxes, others in zip(before, found.boxes, strict=True):
        canvas = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(96, 128))
        assert torch.allclose(functional.resize(canvas, list(size)).as_subclass(torch.Tensor), others)
    assert torch.equal(targets.boxes, before)
