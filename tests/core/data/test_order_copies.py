"""Repeated augmentation: the order of an epoch with copies of each image, against timm's own sampler."""

from itertools import chain

import pytest
from timm.data.distributed_sampler import RepeatAugSampler

from zoo_core.data.order import EpochBatches


def keys(batches, epoch=0):
    batches.set_epoch(epoch)
    return [*chain.from_iterable(batches)]


@pytest.mark.parametrize("copies", [2, 3, 5])
def test_each_image_comes_often_in_a_row_and_the_epoch_keeps_its_length(copies):
    found = keys(EpochBatches(60, 10, 7, copies=copies))
    assert len(found) == 60
    indices = [index for _, index, _ in found]
    for start in range(0, 60, copies):
        assert len(set(indices[start : start + copies])) == 1
    assert len(set(indices)) == 60 // copies
    assert [number for _, _, number in found] == [place % copies for place in range(60)]


def test_images_that_one_epoch_leaves_out_come_in_others():
    batches = EpochBatches(30, 10, 7, copies=3)
    seen = {index for epoch in range(15) for _, index, _ in keys(batches, epoch)}
    assert seen == set(range(30))


@pytest.mark.parametrize("copies", [2, 3])
def test_counts_are_those_of_timms_sampler(copies):
    """How often images come in an epoch; which ones is a matter of the seed."""

    def counts(indices):
        return sorted(indices.count(index) for index in set(indices))

    reference = [*RepeatAugSampler(range(512), 1, 0, num_repeats=copies)]
    ours = [index for _, index, _ in keys(EpochBatches(512, 64, 7, copies=copies))]
    assert counts(ours) == counts(reference)


def test_one_copy_is_the_plain_order():
    assert keys(EpochBatches(20, 5, 3, copies=1)) == keys(EpochBatches(20, 5, 3))


def test_processes_share_the_copies():
    parts = [EpochBatches(24, 4, 7, rank=rank, world=2, copies=3) for rank in (0, 1)]
    together = sorted(key for part in parts for key in keys(part))
    assert together == sorted(keys(EpochBatches(24, 4, 7, copies=3)))


class Sampler:
    def __init__(self, count):
        self.count = count

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        return iter([(index + self.epoch) % self.count for index in range(self.count)])


def test_order_of_a_sampler_is_repeated_too():
    found = [index for _, index, _ in keys(EpochBatches(6, 6, 0, sampler=Sampler(6), copies=2), epoch=1)]
    assert found == [1, 1, 2, 2, 3, 3]
