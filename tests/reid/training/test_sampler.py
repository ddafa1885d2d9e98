"""P x K batches: what every one holds, by property, for data sets of many shapes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from zoo_core.data.order import EpochBatches
from zoo_core.errors import DataError
from zoo_reid.training.sampler import PKSampler

DATA = {
    "equal": [8] * 10,
    "uneven": [3, 17, 4, 9, 1, 5, 5, 22, 2, 6, 4],
    "single pictures": [1] * 9,
    "one person has nearly all": [200, 2, 3, 4, 1],
    "as many persons as places": [10, 7, 8, 9],
    "not a multiple": [5] * 7,
    "faces": [10] * 30,
}
SHAPES = [(16, 4), (8, 2), (12, 3), (4, 1), (20, 5)]
CASES = [(name, *shape) for name in DATA for shape in SHAPES]


def numbers_of(counts: list[int]) -> list[int]:
    numbers = [number for number, count in enumerate(counts) for _ in range(count)]
    return np.random.default_rng(0).permutation(numbers).tolist()


def epochs(sampler: PKSampler, count: int) -> list[list[int]]:
    found = []
    for epoch in range(count):
        sampler.set_epoch(epoch)
        found.append(list(sampler))
    return found


@pytest.mark.parametrize(("name", "batch_size", "instances"), CASES)
def test_every_batch_holds_p_persons_with_k_pictures(name, batch_size, instances):
    numbers = numbers_of(DATA[name])
    have = Counter(numbers)
    sampler = PKSampler(numbers, batch_size, instances, seed=1)
    for order in epochs(sampler, 3):
        assert len(order) == len(sampler)
        assert len(order) % batch_size == 0
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            groups = [batch[place : place + instances] for place in range(0, batch_size, instances)]
            persons = [{numbers[index] for index in group} for group in groups]
            assert all(len(person) == 1 for person in persons)
            assert len(set.union(*persons)) == batch_size // instances
            for group in groups:
                available = have[numbers[group[0]]]
                assert len(set(group)) == min(instances, available)
                counts = Counter(group).values()
                assert len(counts) < available or max(counts) - min(counts) <= 1


@pytest.mark.parametrize(("name", "batch_size", "instances"), CASES)
def test_pictures_of_a_person_come_equally_often(name, batch_size, instances):
    numbers = numbers_of(DATA[name])
    for order in epochs(PKSampler(numbers, batch_size, instances, seed=2), 2):
        seen = Counter(order)
        for number in set(numbers):
            own = [seen[index] for index, found in enumerate(numbers) if found == number]
            assert max(own) - min(own) <= 1


@pytest.mark.parametrize("counts", [[8] * 10, [4] * 13, [12] * 5, [20] * 16])
@pytest.mark.parametrize(("batch_size", "instances"), [(8, 4), (16, 4), (20, 4)])
def test_where_groups_fit_every_picture_comes_once_or_twice(counts, batch_size, instances):
    numbers = numbers_of(counts)
    for order in epochs(PKSampler(numbers, batch_size, instances, seed=3), 2):
        seen = Counter(order)
        assert set(seen) == set(range(len(numbers)))
        assert set(seen.values()) <= {1, 2}
        assert len(order) - len(numbers) < batch_size  # what fills the last batch up


@pytest.mark.parametrize(("name", "batch_size", "instances"), CASES)
def test_equal_persons_come_equally_often(name, batch_size, instances):
    counts = DATA[name]
    numbers = numbers_of(counts)
    for order in epochs(PKSampler(numbers, batch_size, instances, seed=5), 2):
        shown = Counter(numbers[index] for index in order)
        assert set(shown) == set(range(len(counts)))
        for size in set(counts):
            groups = [shown[number] // instances for number, count in enumerate(counts) if count == size]
            assert max(groups) - min(groups) <= 1


def test_an_epoch_is_about_as_long_as_the_data():
    numbers = numbers_of(np.random.default_rng(4).integers(4, 40, 200).tolist())
    assert len(PKSampler(numbers, 64, 4, seed=0)) == pytest.approx(len(numbers), rel=0.05)


def test_order_follows_from_seed_and_epoch_alone():
    numbers = numbers_of(DATA["uneven"])
    first, second = PKSampler(numbers, 16, 4, seed=7), PKSampler(numbers, 16, 4, seed=7)
    orders = epochs(first, 4)
    assert epochs(second, 4) == orders
    second.set_epoch(2)
    assert list(second) == list(second) == orders[2]
    assert len({tuple(order) for order in orders}) == 4
    assert epochs(PKSampler(numbers, 16, 4, seed=8), 1) != orders[:1]


def test_persons_meet_different_ones():
    """Batches of an epoch, and of several, are not the same persons again."""
    numbers = numbers_of([16] * 40)
    met = []
    for order in epochs(PKSampler(numbers, 16, 4, seed=0), 5):
        met += [frozenset(numbers[index] for index in order[start : start + 16]) for start in range(0, len(order), 16)]
    assert len(met) == 200
    assert len(set(met)) > 190
    partners = frozenset.union(*[batch for batch in met if 0 in batch])
    assert len(partners) > 25  # of 39, in 20 batches with 3 others each


def test_no_person_is_at_a_fixed_time():
    """The mean place of every person in the epoch goes to the middle."""
    numbers = numbers_of([4] * 20 + [40])
    places: dict[int, list[float]] = {}
    for order in epochs(PKSampler(numbers, 16, 4, seed=0), 60):
        for place, index in enumerate(order):
            places.setdefault(numbers[index], []).append(place / len(order))
    assert all(abs(float(np.mean(found)) - 0.5) < 0.15 for found in places.values())


def test_unknown_persons_are_left_out():
    sampler = PKSampler([0, -1, 1, 0, 1, -1], 4, 2, seed=0)
    assert set(sampler) == {0, 2, 3, 4}


@pytest.mark.parametrize(("counts", "largest"), [([9, 9, 9], "12"), ([4, 4], "8")])
def test_too_few_persons_are_refused_with_both_numbers(counts, largest):
    with pytest.raises(DataError) as raised:
        PKSampler(numbers_of(counts), 64, 4, seed=0)
    text = str(raised.value)
    assert f"{len(counts)} persons" in text
    assert "16" in text
    assert f"batch_size to {largest} or less" in text
    PKSampler(numbers_of(counts), int(largest), 4, seed=0)  # the advice helps


def test_one_person_is_no_training_set():
    with pytest.raises(DataError, match=r"has 1 person, .*\n.*two or more"):
        PKSampler([0, 0, 0, 0], 8, 4, seed=0)


def batches_of(numbers: list[int], batch_size: int, instances: int, **options) -> EpochBatches:
    sampler = PKSampler(numbers, batch_size, instances, seed=3)
    return EpochBatches(len(numbers), batch_size, 3, sampler=sampler, **options)


@pytest.mark.parametrize("name", ["uneven", "faces", "not a multiple"])
@pytest.mark.parametrize(
    ("world", "multiple", "repeats"), [(1, 1, 1), (2, 1, 1), (3, 1, 1), (2, 2, 1), (1, 4, 1), (2, 1, 3)]
)
def test_processes_get_whole_batches(name, world, multiple, repeats):
    numbers = numbers_of(DATA[name])
    ranks = [
        batches_of(numbers, 16, 4, rank=rank, world=world, multiple=multiple, repeats=repeats) for rank in range(world)
    ]
    for epoch in range(2):
        for rank in ranks:
            rank.set_epoch(epoch)
        parts = [list(rank) for rank in ranks]
        assert len({len(part) for part in parts}) == 1
        for batch in (batch for part in parts for batch in part):
            counts = Counter(numbers[index] for _, index, _ in batch)
            assert len(counts) == 4
            assert set(counts.values()) == {4}
        everything = [tuple(batch) for part in parts for batch in part]
        again = len(everything) - len(set(everything))
        assert again == -(len(PKSampler(numbers, 16, 4, seed=3)) * repeats // 16) % world  # so that all do equally many
    sampler = PKSampler(numbers, 16, 4, seed=3)
    sampler.set_epoch(0)
    single = batches_of(numbers, 16, 4)
    assert [index for batch in single for _, index, _ in batch] == list(sampler)


def test_repeated_epochs_are_drawn_anew():
    numbers = numbers_of(DATA["faces"])
    batches = list(batches_of(numbers, 16, 4, repeats=2))
    half = len(batches) // 2
    assert [[key[1] for key in batch] for batch in batches[:half]] != [
        [key[1] for key in batch] for batch in batches[half:]
    ]


def test_copies_of_a_key_are_told_apart():
    """A person with fewer pictures than K repeats them; each repetition is augmented anew."""
    batches = list(batches_of([0, 1, 2, 2], 8, 4))
    keys = [key for batch in batches for key in batch]
    assert len(set(keys)) == len(keys)
