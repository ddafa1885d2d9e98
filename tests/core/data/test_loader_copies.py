"""Training batches: copies of an image, sizes that change by the epoch, the same images in whatever process."""

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import DatasetSection, TrainingSection
from zoo_core.data.loader import TrainItems, train_loader
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.protocols import Sample

SIZE = 8


class Images:
    """Image i is filled with i."""

    def __init__(self, count, *, in_memory=True):
        self.targets = list(range(count))
        self.in_memory = in_memory

    def __len__(self):
        return len(self.targets)

    def name(self, index):
        return f"{index}.png"

    def __getitem__(self, index):
        pixels = np.full((SIZE, SIZE), index % 256, dtype=np.uint8)
        return Sample(Image.fromarray(pixels), index, self.name(index))


class Copies:
    """Return as many copies as asked for; copy c of image i is filled with i + c / 10, and noise of its own."""

    def __init__(self, count):
        self.count = count

    def __call__(self, sample):
        copies = [torch.full((1, SIZE, SIZE), sample.target + number / 10) for number in range(self.count)]
        return torch.stack(copies) + torch.rand(()) / 100, sample.target


class Sizes:
    """Follow the epoch with the size."""

    growth = 4.0

    def set_epoch(self, epoch, seed):
        self.side = SIZE + 2 * epoch
        self.seed = seed

    def __call__(self, sample):
        return torch.full((1, self.side, self.side), float(self.seed)), sample.target


class SomeTask:
    preprocessing = ImagePreprocessing(input=InputSpec(1, SIZE, SIZE), color_mode="grayscale")

    def __init__(self, transform, repeats=1):
        self.transform = transform
        self.augmentation_repeats = repeats

    def train_transform(self):
        return self.transform

    def train_sampler(self, dataset):
        return None

    def collate_targets(self, targets):
        return torch.tensor(targets)


def loader(transform, *, count=12, workers=0, seed=3, **keys):
    training = TrainingSection(epochs=2, batch_size=4)
    dataset = Images(count, in_memory=workers == 0)
    return train_loader(dataset, SomeTask(transform, **keys), training, DatasetSection(workers=workers), seed)


def test_batch_holds_all_first_copies_then_all_second_ones():
    for images, targets in loader(Copies(3)):
        assert images.shape == (12, 1, SIZE, SIZE)
        assert torch.equal(targets, targets[:4].repeat(3))
        copies = images.mean((1, 2, 3)) - targets
        assert torch.equal(copies.mul(10).floor().long(), torch.arange(3).repeat_interleave(4))


def test_image_alone_gives_the_batch_as_ever():
    images, targets = next(iter(loader(lambda sample: (torch.zeros(1, SIZE, SIZE), sample.target))))
    assert images.shape == (4, 1, SIZE, SIZE)
    assert targets.shape == (4,)


def test_repeated_images_differ_in_what_is_drawn():
    for images, targets in loader(Copies(1), repeats=2):
        assert torch.equal(targets[::2], targets[1::2])
        drawn = (images.mean((1, 2, 3)) - targets).tolist()
        assert len(set(drawn)) == len(drawn)


@pytest.mark.parametrize("workers", [0, 1])
def test_every_image_of_an_epoch_has_its_size_in_whatever_process(workers):
    found = loader(Sizes(), count=300 if workers else 12, workers=workers, seed=9)
    try:
        for epoch in (0, 3, 1):
            found.set_epoch(epoch)
            images, _ = next(iter(found))
            assert images.shape[-1] == SIZE + 2 * epoch
            assert (images == 9).all()
    finally:
        found.close()


def test_single_image_can_be_drawn_again_as_the_batch_has_it():
    batches = loader(Copies(2), seed=11)
    images, targets = next(iter(batches))
    again = TrainItems(Images(12), Copies(2), 11)[(0, int(targets[0]), 0)]
    assert torch.equal(images[[0, 4]], again.image)
