"""Own the rules that turn what was seen of a tensor into the range that is quantized.

A histogram here has 2 x `BINS` equal bins from the negative to the positive of the largest magnitude, so that zero is
an edge. Its second half with the mirrored first half added counts magnitudes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
BINS = 2048
"""Bins on either side of zero."""
LEVELS = 128
"""Positive levels of a signed 8-bit integer."""
STRIDE = 8
"""Bins between two candidate thresholds of the entropy; 1/256 of the largest magnitude."""
CANDIDATES = 48
"""Ends that each of the two steps of a search for the least error tries."""
ROUNDS = 4
"""How often the search for two ends turns from one to the other, at most."""
TINY = 1e-12


@dataclass(slots=True)
class Extremes:
    """Follow the smallest and largest value of a tensor from image to image.

    `average` takes the mean over images of each image's extremes, as onnxruntime's moving average does over one
    collection; with `constant` it is the exponential mean, in the order of the images.
    """

    average: bool = False
    constant: float | None = None
    images: int = 0
    low: float = 0.0
    high: float = 0.0

    def update(self, low: float, high: float) -> None:
        """Take the extremes of one image."""
        self.images += 1
        if self.images == 1:
            self.low, self.high = low, high
        elif self.average:
            share = 1.0 / self.images if self.constant is None else self.constant
            self.low += share * (low - self.low)
            self.high += share * (high - self.high)
        else:
            self.low, self.high = min(self.low, low), max(self.high, high)

    @property
    def magnitude(self) -> float:
        """Return the largest magnitude."""
        return max(abs(self.low), abs(self.high))


def count_values(values: npt.NDArray[Any], largest: float) -> Counts:
    """Return the histogram of one tensor from minus to plus the largest magnitude."""
    places = values.ravel().astype(np.float32)  # a copy, also of float32
    places *= np.float32(BINS / max(largest, TINY))
    places += np.float32(BINS)
    np.clip(places, 0, 2 * BINS - 1, out=places)
    return np.bincount(places.astype(np.intp), minlength=2 * BINS)


def count_magnitudes(counts: Counts) -> Counts:
    """Return the histogram of magnitudes that belongs to one of values."""
    half = len(counts) // 2
    return counts[half:] + counts[half - 1 :: -1]


def percentile_threshold(magnitudes: Counts, largest: float, percentile: float) -> float:
    """Return the magnitude that the given percentage of values does not exceed, rounded up to a bin's end."""
    cumulative = np.cumsum(magnitudes)
    end = int(np.searchsorted(cumulative, cumulative[-1] * (percentile / 100.0))) + 1
    return largest * min(end, len(magnitudes)) / len(magnitudes)


def entropy_threshold(magnitudes: Counts, largest: float, levels: int = LEVELS, stride: int = STRIDE) -> float:
    """Return the magnitude whose clipping loses least information, by Kullback-Leibler divergence.

    Values at zero do not count, since zero is represented exactly. With as many levels as bins nothing can be won.
    Source: Migacz, "8-bit inference with TensorRT", GPU Technology Conference 2017.
    """
    seen = magnitudes.astype(np.float64)
    seen[0] = seen[1]
    if not seen.any() or levels >= len(seen):
        return largest
    ends = range(len(seen), levels - 1, -stride)  # the widest first, so that it wins a tie
    best = min(ends, key=lambda end: _divergence(seen, end, levels))
    return largest * best / len(seen)


def _divergence(seen: Numbers, end: int, levels: int) -> float:
    """Return KL(clipped at `end` || clipped and quantized to some levels)."""
    kept = seen[:end]
    clipped = kept.copy()
    clipped[-1] += seen[end:].sum()
    level = np.arange(end) * levels // end
    occupied = kept > 0
    mass = np.bincount(level, weights=kept, minlength=levels)
    bins = np.bincount(level, weights=occupied, minlength=levels)
    spread = np.divide(mass, bins, out=np.zeros(levels), where=bins > 0)
    quantized = np.where(occupied, spread[level], 0.0)
    if not quantized.any():
        return np.inf
    p, q = clipped / clipped.sum(), np.maximum(quantized / quantized.sum(), TINY)
    there = p > 0
    return float(np.sum(p[there] * np.log(p[there] / q[there])))


def squared_errors(values: Numbers, counts: Counts, lows: Numbers, highs: Numbers, steps: int) -> Numbers:
    """Return the sum of squared errors of quantization for each of some ranges that hold zero.

    Args:
        values: Values, shape (V,).
        counts: How often each occurs, shape (V,).
        lows: Lower ends, shape (R,), none above zero.
        highs: Upper ends, shape (R,), none below zero.
        steps: Steps between the lower and the upper end, 255 for 8 bits.
    """
    scales = (highs - lows) / steps
    scales = np.where(scales > 0, scales, 1.0)[:, None]
    zeros = np.rint(-lows[:, None] / scales)
    errors = values / scales
    errors = np.clip(np.rint(errors, out=errors), -zeros, steps - zeros, out=errors)
    errors *= scales
    errors -= values
    errors *= errors
    return np.asarray(errors @ counts)


def mse_threshold(magnitudes: Counts, largest: float, steps: int) -> float:
    """Return the magnitude at which clipping and rounding together cost the least squared error.

    Source: Sakr et al., "Optimal clipping and magnitude-aware differentiation for improved quantization-aware
    training" (OCTAV), ICML 2022; the search stands for its iteration, since counts of bins are at hand.
    """
    values, counts = _occupied(
        magnitudes, np.arange(len(magnitudes), dtype=np.float64) + 0.5, largest / len(magnitudes)
    )
    return _search(lambda ends: squared_errors(values, counts, -ends, ends, steps), largest, len(magnitudes))


def mse_range(counts: Counts, largest: float, low: float, high: float, steps: int) -> tuple[float, float]:
    """Return the range with the least squared error of an affine quantizer, each end searched for itself.

    The error is nearly convex in both ends together: rounding costs their distance squared, clipping a convex sum at
    either end. So turning from one end to the other finds the best pair.

    Args:
        counts: Histogram of the tensor.
        largest: Largest magnitude, where the histogram ends.
        low: Smallest value that was seen.
        high: Largest value that was seen.
        steps: Steps between the ends, 255 for 8 bits.
    """
    half = len(counts) // 2
    values, occupied = _occupied(counts, np.arange(-half, half, dtype=np.float64) + 0.5, largest / half)
    bottom, top = min(low, 0.0), max(high, 0.0)
    bins_below, bins_above = (int(np.ceil(abs(end) / largest * half)) for end in (bottom, top))

    def cost_of_top(ends: Numbers) -> Numbers:
        return squared_errors(values, occupied, np.full(len(ends), found[0]), ends, steps)

    def cost_of_bottom(ends: Numbers) -> Numbers:
        return squared_errors(values, occupied, ends, np.full(len(ends), found[1]), steps)

    found = bottom, top
    for _ in range(ROUNDS):
        before = found
        found = found[0], _search(cost_of_top, top, bins_above)
        found = _search(cost_of_bottom, bottom, bins_below), found[1]
        if found == before:
            break
    return found


def _occupied(counts: Counts, centres: Numbers, width: float) -> tuple[Numbers, Counts]:
    """Return the values that occupied bins stand for and their counts; the bin that starts at zero stands for zero.

    Most of the values in that bin are the exact zeros that a ReLU leaves.
    """
    there = counts > 0
    values = np.where(np.floor(centres) == 0, 0.0, centres * width)
    return values[there], counts[there]


def _search(errors: Callable[[Numbers], Numbers], end: float, bins: int) -> float:
    """Return the end of a range, of `bins` bins at most, that costs least: roughly first, then to one bin."""
    if bins < 1:
        return end
    best, radius = bins, bins
    while radius > 0:
        step = max(1, int(np.ceil(2 * radius / CANDIDATES)))
        tried = np.arange(min(bins, best + radius), max(0, best - radius - 1), -step)  # the widest wins a tie
        best = int(tried[np.argmin(errors(end * tried / bins))])
        radius = step if step > 1 else 0
    return end * best / bins
