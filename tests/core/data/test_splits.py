from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_task import TinyImages

from zoo_core.data.splits import Subset, split_indices, take_share

LABELS = st.lists(st.integers(0, 6), min_size=0, max_size=120)
SHARES = st.floats(0.0, 1.0)


@given(LABELS, SHARES, st.integers(0, 5), st.booleans())
def test_every_example_is_in_exactly_one_part(labels: list[int], share: float, seed: int, stratify: bool) -> None:
    rest, taken = split_indices(len(labels), share, seed, labels=labels if stratify else None)
    assert sorted([*rest, *taken]) == list(range(len(labels)))
    assert (rest, taken) == (sorted(rest), sorted(taken))
    if 0 < share < 1 and len(labels) > 1:
        assert abs(len(taken) - len(labels) * share) <= max(1, 0.5)
        assert rest
        assert taken


@given(st.lists(st.integers(4, 40), min_size=2, max_size=6), st.floats(0.1, 0.6), st.integers(0, 5))
def test_classes_keep_their_proportions(sizes: list[int], share: float, seed: int) -> None:
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    _, taken = split_indices(len(labels), share, seed, labels=labels)
    counts = Counter(labels[index] for index in taken)
    for label, size in enumerate(sizes):
        assert abs(counts[label] - size * len(taken) / len(labels)) <= 1
        assert counts[label] < size


def test_split_is_the_same_for_ever() -> None:
    """Numbers recorded once: a change would give users other test images for the same seed."""
    assert split_indices(20, 0.25, 123)[1] == [4, 12, 13, 15, 18]
    assert split_indices(20, 0.25, 124)[1] != [4, 12, 13, 15, 18]


def test_class_with_one_example_stays_in_training() -> None:
    labels = [0] * 10 + [1]
    for seed in range(20):
        assert 10 in split_indices(11, 0.3, seed, labels=labels)[0]


def test_wrong_shares_and_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        split_indices(10, 1.5, 0)
    with pytest.raises(ValueError, match="3 labels for 10 examples"):
        split_indices(10, 0.5, 0, labels=[1, 2, 3])


def test_subset_shows_the_chosen_examples() -> None:
    images = TinyImages(10)
    part = Subset(images, [7, 2])
    assert len(part) == 2
    assert list(part.targets) == [images.targets[7], images.targets[2]]
    assert (part.name(0), part[1].path) == ("image7.png", "image2.png")
    assert part.in_memory is True
    assert Subset(part, [1]).name(0) == "image2.png"


def test_share_of_a_data_set() -> None:
    images = TinyImages(30)
    assert take_share(images, None, 0) is images
    assert take_share(images, 1.0, 0) is images
    part = take_share(images, 0.2, 0, stratify=True)
    assert sorted(part.targets) == [0, 0, 1, 1, 2, 2]
