<<<<<<< HEAD
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
=======
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_core.data.order import EpochBatches
from zoo_core.errors import DataError


class Backwards:
    """A sampler of a use case."""

    def __init__(self, count: int) -> None:
        self.count, self.epoch = count, -1

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.count - 1, -1, -1))


def indices(batches: EpochBatches, epoch: int = 0, start: int = 0) -> list[list[int]]:
    batches.set_epoch(epoch, start=start)
    return [[index for _, index, _ in keys] for keys in batches]


@given(st.integers(2, 60), st.integers(1, 20), st.integers(1, 4), st.integers(1, 2), st.integers(0, 3))
def test_processes_share_the_images_evenly(count: int, size: int, world: int, multiple: int, seed: int) -> None:
    size *= multiple
    parts = [
        indices(EpochBatches(count, size, seed, rank=rank, world=world, multiple=multiple)) for rank in range(world)
    ]
    assert len({len(part) for part in parts}) == 1
    batches = [batch for part in parts for batch in part]
    assert all(len(batch) <= size and len(batch) % multiple == 0 for batch in batches)
    seen = {index for batch in batches for index in batch}
    assert count - len(seen) <= max(multiple - 1, 1)
    if world == 1:
        assert max(Counter(index for batch in batches for index in batch).values()) == 1


def test_epochs_differ_and_come_again() -> None:
    batches = EpochBatches(40, 8, 1)
    first, second = indices(batches, 0), indices(batches, 1)
    assert first != second
    assert indices(batches, 0) == first
    assert indices(EpochBatches(40, 8, 2), 0) != first


def test_start_in_the_middle_gives_the_rest() -> None:
    batches = EpochBatches(40, 8, 1)
    assert indices(batches, 3, start=2) == indices(batches, 3)[2:]
    assert len(batches) == 5


def test_single_image_at_the_end_is_left_out() -> None:
    assert [len(batch) for batch in indices(EpochBatches(17, 8, 0))] == [8, 8]
    assert [len(batch) for batch in indices(EpochBatches(18, 8, 0))] == [8, 8, 2]
    assert [len(batch) for batch in indices(EpochBatches(1, 8, 0))] == [1]
    with pytest.raises(DataError, match="1 training images do not make one batch of at least 2"):
        indices(EpochBatches(1, 8, 0, multiple=2))


def test_sampler_of_the_use_case_decides() -> None:
    sampler = Backwards(6)
    batches = EpochBatches(6, 3, 0, sampler=sampler)
    assert indices(batches, 4) == [[5, 4, 3], [2, 1, 0]]
    assert sampler.epoch == 4


def test_repeated_images_have_keys_of_their_own() -> None:
    batches = EpochBatches(4, 4, 0, repeats=2)
    batches.set_epoch(0)
    keys = [key for batch in batches for key in batch]
    assert len(keys) == len(set(keys)) == 8
    assert {repeat for _, _, repeat in keys} == {0, 1}
>>>>>>> main
