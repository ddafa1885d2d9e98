"""Own how far chance may have moved a mean over queries: bootstrap intervals.

Efron and Tibshirani, "An introduction to the bootstrap", 1993: percentile intervals.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
DRAWN_AT_ONCE = 2_000_000
"""Largest number of drawn queries that are held at a time, unless one drawing needs more."""


def mean_intervals(values: npt.NDArray[np.float64], drawings: int, seed: int) -> npt.NDArray[np.float64]:
    """Return lowest and highest mean of each column in 95 % of drawings of rows with replacement, shape (C, 2).

    Args:
        values: One row for each query, one column for each number, shape (Q, C).
        drawings: Number of drawings of Q rows, at least 1.
        seed: Seed of the drawings.
    """
    count, columns = values.shape
    if not count:
        return np.zeros((columns, 2))
    generator = np.random.default_rng(seed)
    means = np.empty((drawings, columns))
    step = max(DRAWN_AT_ONCE // count, 1)
    for start in range(0, drawings, step):
        stop = min(start + step, drawings)
        drawn = generator.integers(0, count, (stop - start, count))
        for column in range(columns):
            means[start:stop, column] = values[:, column][drawn].mean(axis=1)
    tail = (1 - LEVEL) / 2
    intervals: npt.NDArray[np.float64] = np.quantile(means, (tail, 1 - tail), axis=0).T
    return intervals
