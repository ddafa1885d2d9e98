"""Own how many pairs of pictures of the same person, and of different ones, lie at which distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_reid.metrics.distances import is_finite, likeness_blocks, to_distances
from zoo_reid.metrics.features import Features
from zoo_reid.metrics.matches import Matches

PERCENT = 100.0
BINS = 200
LARGEST = 2.0
"""Largest distance of vectors of length 1, cosine or Euclidean."""

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Hold how many pairs of query and gallery lie at which distance, in `BINS` equal steps from 0 to 2."""

    same: Counts
    """Pairs of pictures of the same person, shape (BINS,)."""
    different: Counts
    """Pairs of pictures of different persons, shape (BINS,)."""

    @property
    def kinds(self) -> tuple[tuple[str, Counts], tuple[str, Counts]]:
        """Return both kinds of pairs with their names."""
        return ("same person", self.same), ("different persons", self.different)

    @property
    def used(self) -> slice:
        """Return the steps from the first to the last that has pairs."""
        steps = np.flatnonzero(self.same + self.different)
        return slice(int(steps[0]), int(steps[-1]) + 1) if len(steps) else slice(0, 0)


def percent(counts: Counts) -> npt.NDArray[np.float64]:
    """Return the percent of all pairs of a kind in each step; 0 without any."""
    return np.asarray(PERCENT * counts / max(int(counts.sum()), 1))


def distance_histogram(
    query: Features, gallery: Features, *, distance: str, same_camera: str, same_set: bool, block: int | None = None
) -> Histogram:
    """Count the pairs that count in a search by their distance; embeddings that are not finite have none."""
    matches = Matches(query, gallery, same_camera=same_camera, same_set=same_set)
    searched, known = is_finite(query.vectors), is_finite(gallery.vectors)
    total, same, left_out = (np.zeros(BINS, dtype=np.int64) for _ in range(3))
    for rows, likeness in likeness_blocks(query, gallery, distance=distance, block=block):
        steps = to_distances(likeness, distance)
        steps *= BINS / LARGEST
        bins = np.minimum(steps, BINS - 1).astype(np.int16)
        for number, row in enumerate(bins, rows.start):
            if searched[number]:
                total += np.bincount(row[known], minlength=BINS)
                right, without = (places[known[places]] for places in matches.of(number))
                same += np.bincount(row[right], minlength=BINS)
                left_out += np.bincount(row[without], minlength=BINS)
    return Histogram(same, total - same - left_out)
