"""Ranges follow from what was seen as the definitions say, checked against numpy and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from zoo_core.quantization.ranges import (
    BINS,
    Extremes,
    count_magnitudes,
    entropy_threshold,
    percentile_threshold,
)

PAIRS = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)).map(sorted), min_size=1, max_size=20)


@given(PAIRS)
def test_extremes_are_those_of_all_images(pairs: list[list[float]]) -> None:
    seen = Extremes()
    for low, high in pairs:
        seen.update(low, high)
    assert (seen.low, seen.high) == (min(low for low, _ in pairs), max(high for _, high in pairs))
    assert seen.magnitude == max(abs(value) for pair in pairs for value in pair)


@given(PAIRS)
def test_averages_are_means_over_images(pairs: list[list[float]]) -> None:
    seen = Extremes(average=True)
    for low, high in pairs:
        seen.update(low, high)
    assert (seen.low, seen.high) == pytest.approx(tuple(np.mean(pairs, axis=0)), abs=1e-6)


def test_exponential_mean_starts_at_the_first_image() -> None:
    seen = Extremes(average=True, constant=0.25)
    for low, high in ((-4.0, 8.0), (-8.0, 4.0), (0.0, 0.0)):
        seen.update(low, high)
    assert seen.low == pytest.approx((-4.0 * 0.75 + -8.0 * 0.25) * 0.75)
    assert seen.high == pytest.approx((8.0 * 0.75 + 4.0 * 0.25) * 0.75)


def test_every_value_is_counted_once() -> None:
    values = np.random.default_rng(0).normal(size=(3, 50, 7)).astype(np.float32)
    counts = count_magnitudes(values, float(np.abs(values).max()))
    assert counts.sum() == values.size
    assert count_magnitudes(np.zeros(5, np.float32), 0.0).tolist() == [5] + [0] * (BINS - 1)


@pytest.mark.parametrize("percentile", [60.0, 99.0, 99.9, 100.0])
def test_percentile_is_that_of_numpy_to_a_bin(percentile: float) -> None:
    values = np.random.default_rng(0).laplace(size=200_000)
    largest = float(np.abs(values).max())
    found = percentile_threshold(count_magnitudes(values, largest), largest, percentile)
    wanted = float(np.percentile(np.abs(values), percentile))
    assert wanted - 1e-9 <= found <= wanted + 2 * largest / BINS


def brute_force(counts: np.ndarray, levels: int, stride: int) -> int:
    """Search the best number of kept bins as the talk describes it, with plain loops and scipy's divergence."""
    seen = counts.astype(float)
    seen[0] = seen[1]
    best, best_end = np.inf, 0
    for end in range(len(seen), levels - 1, -stride):
        p = seen[:end].copy()
        p[-1] += seen[end:].sum()
        q = np.zeros(end)
        groups = [[bin_ for bin_ in range(end) if bin_ * levels // end == level] for level in range(levels)]
        for group in groups:
            occupied = [bin_ for bin_ in group if seen[bin_] > 0]
            for bin_ in occupied:
                q[bin_] = seen[group].sum() / len(occupied)
        q = np.maximum(q / q.sum(), 1e-12)
        divergence = float(np.sum(p / p.sum() * 0)) + float(entropy_of(p / p.sum(), q))
        if divergence < best:
            best, best_end = divergence, end
    return best_end


def entropy_of(p: np.ndarray, q: np.ndarray) -> float:
    """Return the Kullback-Leibler divergence without scaling q to a sum of one again."""
    return float(entropy(p, q)) - float(np.log(q.sum()))


@pytest.mark.parametrize("seed", range(4))
def test_entropy_is_that_of_plain_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.abs(rng.standard_t(2 + seed, size=4000))
    counts, _ = np.histogram(values, bins=96, range=(0.0, float(values.max())))
    largest = float(values.max())
    assert entropy_threshold(counts, largest, levels=16, stride=4) == pytest.approx(
        largest * brute_force(counts, 16, 4) / 96
    )


def test_entropy_clips_an_outlier_and_keeps_a_uniform_range() -> None:
    rng = np.random.default_rng(0)
    values = np.append(rng.normal(size=100_000), 60.0)
    threshold = entropy_threshold(count_magnitudes(values, 60.0), 60.0)
    assert 2.0 < threshold < 12.0
    flat = rng.uniform(-1, 1, size=1_000_000)
    assert entropy_threshold(count_magnitudes(flat, 1.0), 1.0) > 0.95


def test_entropy_of_nothing_but_zeros_keeps_the_range() -> None:
    counts = count_magnitudes(np.zeros(9), 0.0)
    assert entropy_threshold(counts, 0.0) == 0.0
