"""A typo is one or two changes away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_core.config.near import distance, typo_of

WORDS = st.text(alphabet="abc", max_size=6)


@pytest.mark.parametrize(
    ("name", "known", "near"),
    [
        ("imagnet", ["imagenet", "digits"], "imagenet"),
        ("digtis", ["imagenet", "digits"], "digits"),
        ("hots", ["host"], "host"),
        ("flowers", ["flowers102", "digits"], None),
        ("HOST", ["host"], None),
        ("cat", ["dog"], None),
        ("abcdeX", ["abcdef", "abcdxf"], "abcdef"),
    ],
)
def test_examples(name, known, near):
    assert typo_of(name, known) == near


@given(WORDS, WORDS)
def test_distance_is_symmetric_and_zero_only_for_equal_words(left, right):
    assert distance(left, right) == distance(right, left)
    assert (distance(left, right) == 0) == (left == right)
    assert distance(left, right) <= max(len(left), len(right))


@given(WORDS, st.integers(0, 5))
def test_one_deletion_is_one_change(word, index):
    if index < len(word):
        assert distance(word, word[:index] + word[index + 1 :]) == 1
