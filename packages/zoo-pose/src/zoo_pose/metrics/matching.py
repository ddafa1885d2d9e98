"""Own the choice of the found pose that each true pose is compared with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo_pose.metrics.records import Tables

Indices = npt.NDArray[np.int64]

NOTHING = -1
"""Stands for the found pose of a true pose that none belongs to."""


def most_similar(tables: Tables) -> Indices:
    """Return for each true pose the most similar one found on its image, shape (T,); a found pose may serve many."""
    pairs = tables.pairs
    order = np.lexsort((-pairs.similarity, pairs.true))
    chosen = np.full(len(tables.true.images), NOTHING, np.int64)
    true, first = np.unique(pairs.true[order], return_index=True)
    chosen[true] = pairs.found[order][first]
    return chosen


def one_to_one(tables: Tables) -> Indices:
    """Return for each true pose the found one that belongs to it, shape (T,); every found pose serves one at most.

    The most similar pair is taken first, then the most similar of what is left, and so on. Crowds and poses without
    labelled keypoints take none.
    """
    pairs = tables.pairs
    usable = np.flatnonzero(tables.true.counted[pairs.true])
    order = usable[np.argsort(-pairs.similarity[usable], kind="stable")]
    chosen = [NOTHING] * len(tables.true.images)
    taken = [False] * len(tables.found.images)
    for found, true in zip(pairs.found[order].tolist(), pairs.true[order].tolist(), strict=True):
        if chosen[true] == NOTHING and not taken[found]:
            chosen[true] = found
            taken[found] = True
    return np.array(chosen, np.int64)
