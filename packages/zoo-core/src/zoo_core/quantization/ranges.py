"""Own the rules that turn what was seen of a tensor into the range that is quantized.

A histogram here counts magnitudes |x| in equal bins from 0 to the largest one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
BINS = 2048
LEVELS = 128
"""Positive levels of an 8-bit integer."""
STRIDE = 8
"""Bins between two candidate thresholds; 1/256 of the largest magnitude."""
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


def count_magnitudes(values: npt.NDArray[Any], largest: float) -> Counts:
    """Return the histogram of the magnitudes of one tensor."""
    counts, _ = np.histogram(np.abs(values), bins=BINS, range=(0.0, largest or 1.0))
    return counts


def percentile_threshold(counts: Counts, largest: float, percentile: float) -> float:
    """Return the magnitude that the given percentage of values does not exceed, rounded up to a bin's end."""
    cumulative = np.cumsum(counts) / counts.sum()
    end = int(np.searchsorted(cumulative, percentile / 100.0)) + 1
    return largest * min(end, len(counts)) / len(counts)


def entropy_threshold(counts: Counts, largest: float, levels: int = LEVELS, stride: int = STRIDE) -> float:
    """Return the magnitude whose clipping loses least information, by Kullback-Leibler divergence.

    Values at zero do not count, since zero is represented exactly. Source: Migacz, "8-bit inference with TensorRT",
    GPU Technology Conference 2017.
    """
    seen = counts.astype(np.float64)
    seen[0] = seen[1]
    if not seen.any():
        return largest
    ends = range(len(seen), levels - 1, -stride)  # the widest first, so that it wins a tie
    best = min(ends, key=lambda end: _divergence(seen, end, levels))
    return largest * best / len(seen)


def _divergence(seen: npt.NDArray[np.float64], end: int, levels: int) -> float:
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
