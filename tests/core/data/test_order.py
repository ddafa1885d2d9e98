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
