"""Own the quality of searches: average precision, inverse negative penalty and cumulative matches of every query."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_reid.metrics.distances import Block, is_finite, likeness_blocks
from zoo_reid.metrics.features import Features
from zoo_reid.metrics.matches import Matches, Places

CURVE = 50
"""Ranks that the curve of cumulative matches has."""
NEVER = int(np.iinfo(np.int64).max)
"""Place of what is not found."""
SORTING = 4
"""Right pictures, as a multiple of the logarithm of the gallery, above which sorting is faster than counting."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Hold how each of Q queries was answered; means are over the queries that count, and 0 where none does."""

    average_precision: npt.NDArray[np.float64]
    """Mean of the precision at the places of the right pictures, shape (Q,)."""
    inverse_penalty: npt.NDArray[np.float64]
    """Number of the right pictures by the place of the last (Ye et al., 2021), shape (Q,)."""
    first_hit: npt.NDArray[np.int64]
    """Place of the first right picture from 0, shape (Q,); `NEVER` where the embedding of the query is not finite,
    -1 where the query does not count."""
    valid: npt.NDArray[np.bool_]
    """Whether the gallery has a right picture, so that the query counts, shape (Q,)."""

    @property
    def count(self) -> int:
        """Return the number of queries that count."""
        return int(np.count_nonzero(self.valid))

    @property
    def mean_average_precision(self) -> float:
        """Return mAP, from 0 to 1."""
        return _mean(self.average_precision[self.valid])

    @property
    def mean_inverse_penalty(self) -> float:
        """Return mINP, from 0 to 1 (Ye et al., "Deep learning for person re-identification", 2021)."""
        return _mean(self.inverse_penalty[self.valid])

    def cumulative_matches(self, ranks: int = CURVE) -> npt.NDArray[np.float64]:
        """Return the share of queries with a right picture among the first 1, 2, ... pictures, shape (ranks,)."""
        places = self.first_hit[self.valid]
        counts = np.bincount(places[places < ranks], minlength=ranks)
        shares: npt.NDArray[np.float64] = np.cumsum(counts) / max(len(places), 1)
        return shares


def rank(
    query: Features, gallery: Features, *, distance: str, same_camera: str, same_set: bool, block: int | None = None
) -> Ranking:
    """Order the gallery for every query and return how well; equal distances are ordered by place in the gallery.

    Args:
        query: Pictures that are searched for. Those whose embeddings are not finite count as never answered.
        gallery: Pictures that are searched through. Those whose embeddings are not finite come last.
        distance: `cosine` or `euclidean`.
        same_camera: `exclude` or `keep` pictures of the same person by the same camera.
        same_set: Whether query and gallery are the same pictures; each is then searched for among all others.
        block: Number of queries that are treated at a time; follows from the memory when absent.
    """
    blocks = likeness_blocks(query, gallery, distance=distance, block=block)
    return rank_blocks(blocks, query, gallery, same_camera=same_camera, same_set=same_set)


def rank_blocks(
    blocks: Iterable[Block], query: Features, gallery: Features, *, same_camera: str, same_set: bool
) -> Ranking:
    """Return how well queries are answered by an order of any origin.

    Args:
        blocks: Which queries, and for each the numbers of all pictures of the gallery, the largest first in the
            order. The blocks are changed.
        query: Pictures that are searched for.
        gallery: Pictures that are searched through.
        same_camera: `exclude` or `keep` pictures of the same person by the same camera.
        same_set: Whether query and gallery are the same pictures.
    """
    matches = Matches(query, gallery, same_camera=same_camera, same_set=same_set)
    answered, last = is_finite(query.vectors), ~is_finite(gallery.vectors)
    precision, penalty = np.zeros(len(query)), np.zeros(len(query))
    first = np.full(len(query), -1, dtype=np.int64)
    for rows, values in blocks:
        values[:, last] = -np.inf
        for number, row in enumerate(values, rows.start):
            right, left_out = matches.of(number)
            if not len(right):
                continue
            first[number] = NEVER
            if answered[number]:
                places = _places(row, right, left_out)
                counts = np.arange(1, len(places) + 1)
                precision[number] = np.mean(counts / (places + 1))
                penalty[number] = len(places) / (places[-1] + 1)
                first[number] = places[0]
    return Ranking(precision, penalty, first, first >= 0)


def _places(row: npt.NDArray[np.float32], right: Places, left_out: Places) -> Places:
    """Return the places from 0 of the right pictures in the order of a row, without those left out, ascending."""
    row[left_out] = np.nan  # neither more nor less than anything, and last in a sorted array
    if len(right) <= SORTING * np.log2(len(row) + 1):
        places = np.array([_place(row, one) for one in right], dtype=np.int64)
    else:
        ordered = np.sort(row)[: len(row) - len(left_out)]
        values = row[right]
        ends = np.searchsorted(ordered, values, side="right")
        places = len(ordered) - ends
        for tied in np.flatnonzero(ends - np.searchsorted(ordered, values, side="left") > 1):
            places[tied] += np.count_nonzero(row[: right[tied]] == values[tied])
    return np.sort(places)


def _place(row: npt.NDArray[np.float32], one: np.int64) -> int:
    """Return how many pictures come before one."""
    value = row[one]
    return int(np.count_nonzero(row[:one] >= value) + np.count_nonzero(row[one + 1 :] > value))


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(np.mean(values)) if len(values) else 0.0
