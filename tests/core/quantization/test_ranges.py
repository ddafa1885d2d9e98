"""Ranges follow from what was seen as the definitions say, checked against numpy and scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from zoo_core.quantization.ranges import (
    BINS,
    Extremes,
    count_magnitudes,
    count_values,
    entropy_threshold,
    mse_range,
    mse_threshold,
    percentile_threshold,
    squared_errors,
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
    largest = float(np.abs(values).max())
    counts = count_values(values, largest)
    assert counts.sum() == values.size
    wanted, _ = np.histogram(values, bins=2 * BINS, range=(-largest, largest))
    assert np.abs(np.cumsum(counts) - np.cumsum(wanted)).max() <= 2  # single-precision rounding at edges of bins
    assert count_magnitudes(counts).sum() == values.size
    assert count_magnitudes(counts)[:9].tolist() == [
        int(((np.abs(values) >= largest * index / BINS) & (np.abs(values) < largest * (index + 1) / BINS)).sum())
        for index in range(9)
    ]


def test_zeros_have_one_bin_and_ends_are_counted() -> None:
    assert np.flatnonzero(count_values(np.zeros(5, np.float32), 0.0)).tolist() == [BINS]
    counts = count_values(np.array([-2.0, 0.0, 2.0, 3.0], np.float16), 2.0)  # 3 is beyond the largest magnitude
    assert {int(place): int(counts[place]) for place in np.flatnonzero(counts)} == {0: 1, BINS: 1, 2 * BINS - 1: 2}


@pytest.mark.parametrize("percentile", [60.0, 99.0, 99.9, 100.0])
def test_percentile_is_that_of_numpy_to_a_bin(percentile: float) -> None:
    values = np.random.default_rng(0).laplace(size=200_000)
    largest = float(np.abs(values).max())
    counts = count_values(values, largest)
    found = percentile_threshold(count_magnitudes(counts), largest, percentile)
    wanted = float(np.percentile(np.abs(values), percentile))
    assert wanted - 1e-6 <= found <= wanted + 2 * largest / BINS


def magnitudes(values: np.ndarray, largest: float) -> np.ndarray:
    return count_magnitudes(count_values(values, largest))


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
    threshold = entropy_threshold(magnitudes(values, 60.0), 60.0)
    assert 2.0 < threshold < 12.0
    flat = rng.uniform(-1, 1, size=1_000_000)
    assert entropy_threshold(magnitudes(flat, 1.0), 1.0) > 0.95
    assert entropy_threshold(magnitudes(values, 60.0), 60.0, levels=2**15) == 60.0  # 16 bits: nothing to win


def test_entropy_of_nothing_but_zeros_keeps_the_range() -> None:
    counts = magnitudes(np.zeros(9), 0.0)
    assert entropy_threshold(counts, 0.0) == 0.0


def quantize(values: np.ndarray, low: float, high: float, steps: int) -> np.ndarray:
    """Round to an affine grid as ONNX's QuantizeLinear and DequantizeLinear do."""
    scale = (high - low) / steps
    zero = np.round(-low / scale)
    return (np.clip(np.round(values / scale) + zero, 0, steps) - zero) * scale


def true_error(values: np.ndarray, low: float, high: float, steps: int) -> float:
    return float(np.mean((quantize(values, low, high, steps) - values) ** 2))


def swish(values: np.ndarray) -> np.ndarray:
    return values / (1 + np.exp(-values))


SAMPLES = {
    "normal": lambda rng: rng.normal(size=20_000),
    "heavy tails": lambda rng: rng.standard_t(3, size=20_000),
    "relu": lambda rng: np.maximum(rng.normal(size=20_000), 0.0),
    "relu with outlier": lambda rng: np.append(np.maximum(rng.normal(size=20_000), 0.0), 40.0),
    "lopsided": lambda rng: np.append(rng.gumbel(size=20_000), [-6.0, 25.0]),
    "negative": lambda rng: -rng.gamma(2.0, size=20_000),
    "swish": lambda rng: swish(3 * rng.normal(size=20_000)),
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("steps", [15, 255])
def test_mse_range_is_as_good_as_any_of_many(name: str, steps: int) -> None:
    values = SAMPLES[name](np.random.default_rng(3))
    low, high, largest = float(values.min()), float(values.max()), float(np.abs(values).max())
    found = mse_range(count_values(values, largest), largest, low, high, steps)
    assert min(low, 0.0) <= found[0] <= 0.0 <= found[1] <= max(high, 0.0)
    shares = np.linspace(0.04, 1.0, 40)
    lows = min(low, 0.0) * shares if low < 0 else [0.0]
    highs = max(high, 0.0) * shares if high > 0 else [0.0]
    best = min(true_error(values, one, other, steps) for one in lows for other in highs)
    assert true_error(values, *found, steps) <= 1.02 * best


@pytest.mark.parametrize("steps", [14, 254])
def test_symmetric_mse_is_the_least_of_all_thresholds(steps: int) -> None:
    values = np.random.default_rng(5).laplace(size=20_000)
    largest = float(np.abs(values).max())
    found = mse_threshold(magnitudes(values, largest), largest, steps)
    tried = np.linspace(0.02, 1.0, 500) * largest
    errors = [true_error(values, -threshold, threshold, steps) for threshold in tried]
    assert true_error(values, -found, found, steps) <= 1.01 * min(errors)
    assert 0 < found < largest


def test_mse_by_hand() -> None:
    """A thousand times 1.5 and once 10, on three steps from zero.

    Up to 1.5 the outlier costs 8.5 squared, up to 10 each 1.5 is rounded to 0 and costs 1.5 squared; up to 4.5 the
    step is 1.5, and only the outlier costs 5.5 squared.
    """
    values, counts = np.array([1.5, 10.0]), np.array([1000, 1])
    errors = squared_errors(values, counts, np.zeros(3), np.array([1.5, 10.0, 4.5]), 3)
    assert errors.tolist() == pytest.approx([8.5**2, 1000 * 1.5**2, 5.5**2])
    found = mse_range(count_values(np.repeat(values, counts), 10.0), 10.0, 1.5, 10.0, 3)
    assert found == pytest.approx((0.0, 4.5), abs=0.1)


def test_one_sided_values_have_all_levels_to_themselves() -> None:
    """Theory for one-sided against symmetric use: half the step, a quarter of the error of rounding."""
    values = np.random.default_rng(1).uniform(0, 1, 50_000)
    counts = count_values(values, 1.0)
    ends = mse_range(counts, 1.0, 0.0, 1.0, 255)
    threshold = mse_threshold(count_magnitudes(counts), 1.0, 254)
    ratio = true_error(values, -threshold, threshold, 254) / true_error(values, *ends, 255)
    assert ratio == pytest.approx(4.0, rel=0.05)
    assert ends == (0.0, pytest.approx(1.0, abs=0.01))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=50).filter(any),
    st.sampled_from([3, 15, 255, 65535]),
)
def test_mse_range_holds_zero_and_never_leaves_what_was_seen(values: list[float], steps: int) -> None:
    array = np.array(values)
    low, high, largest = float(array.min()), float(array.max()), float(np.abs(array).max())
    found = mse_range(count_values(array, largest), largest, low, high, steps)
    assert min(low, 0.0) <= found[0] <= 0.0 <= found[1] <= max(high, 0.0)
    assert found[0] < found[1]
