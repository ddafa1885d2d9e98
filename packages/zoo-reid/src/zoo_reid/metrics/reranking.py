"""Own k-reciprocal re-ranking: distances that also say how much of their neighbourhoods two pictures share.

Zhong et al., "Re-ranking person re-identification with k-reciprocal encoding", CVPR 2017. What the paper leaves open is
done as in the published numbers: the distance is the squared Euclidean one of unit vectors divided by the largest of
the same picture, the k nearest of a picture are itself and k others, half of k is rounded to even, and the weights of
each picture's neighbourhood sum to 1. Neighbourhoods are rows of sparse matrices, so that memory grows with the number
of pictures, not with its square.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from zoo_reid.metrics.distances import BLOCK_VALUES, Block, largest, likeness_blocks, unit
from zoo_reid.metrics.features import Features
from zoo_reid.names import COSINE

SHARE = (2, 3)
"""Share of a neighbour's neighbourhood that must lie in one's own for it to be joined, as a fraction."""


@dataclass(frozen=True, slots=True)
class _Neighbours:
    """Hold what is known of the neighbourhood of N pictures."""

    places: npt.NDArray[np.int64]
    """The nearest pictures, nearest first, shape (N, K); each picture is itself the first."""
    scales: npt.NDArray[np.float32]
    """The largest distance of each picture to any, shape (N,)."""


def reranked_blocks(
    query: Features, gallery: Features, *, k1: int, k2: int, weight: float, same_set: bool, block: int | None = None
) -> Iterator[Block]:
    """Yield the new distances of queries and gallery, from 0 to 1, block by block of queries.

    Embeddings that are not finite are treated as vectors of zeros.

    Args:
        query: Q pictures that are searched for.
        gallery: G pictures that are searched through.
        k1: Neighbours that are looked at.
        k2: Neighbours, with the picture itself, whose neighbourhoods are averaged.
        weight: Share of the original distance, lambda of the paper, from 0 to 1.
        same_set: Whether query and gallery are the same pictures.
        block: Number of queries in a block; follows from the memory when absent. It changes no result.
    """
    vectors = unit(query.vectors if same_set else np.concatenate([query.vectors, gallery.vectors]))
    if not len(query) or not len(gallery):
        return
    neighbours = _find_neighbours(vectors, min(max(k1 + 1, k2), len(vectors)))
    encoded = _average(_encode(vectors, neighbours, k1), neighbours.places[:, :k2])
    first = 0 if same_set else len(query)
    known = sparse.csc_array(encoded[first:])
    blocks = likeness_blocks(vectors[: len(query)], vectors[first:], distance=COSINE, block=block)
    for rows, likeness in blocks:
        for number, row in enumerate(likeness, rows.start):
            shared = _shared(encoded, known, number)
            original = np.maximum(1 - row, 0) / neighbours.scales[number]
            row[:] = (1 - weight) * (1 - shared / (2 - shared)) + weight * original
        yield rows, likeness


def _find_neighbours(vectors: npt.NDArray[np.float32], count: int) -> _Neighbours:
    """Return the nearest pictures of each among all, itself first."""
    places = np.empty((len(vectors), count), dtype=np.int64)
    scales = np.empty(len(vectors), dtype=np.float32)
    for rows, likeness in likeness_blocks(vectors, vectors, distance=COSINE):
        scales[rows] = 1 - likeness.min(axis=1)
        own = np.arange(rows.start, rows.stop)
        likeness[own - rows.start, own] = np.inf
        places[rows] = largest(likeness, count)
    return _Neighbours(places, np.where(scales > 0, scales, 1))


def _encode(vectors: npt.NDArray[np.float32], neighbours: _Neighbours, k1: int) -> sparse.csr_array:
    """Return the weights of the pictures in each one's expanded k-reciprocal neighbourhood, shape (N, N)."""
    mutual = _mutual(neighbours.places[:, : k1 + 1])
    half = _mutual(neighbours.places[:, : round(k1 / 2) + 1])
    overlap = (mutual @ half.T).multiply(mutual).tocoo()
    sizes = half.sum(axis=1)
    joins = SHARE[1] * overlap.data >= SHARE[0] * sizes[overlap.col]
    ones = np.ones(np.count_nonzero(joins), dtype=np.int32)
    joined = sparse.csr_array((ones, (overlap.row[joins], overlap.col[joins])), shape=mutual.shape)
    members = (mutual + joined @ half).tocoo()
    weights = np.exp(-_distances(vectors, members.row, members.col) / neighbours.scales[members.row])
    encoded = sparse.csr_array((weights, (members.row, members.col)), shape=mutual.shape)
    return sparse.csr_array(encoded.multiply(1 / encoded.sum(axis=1)[:, None]))


def _mutual(places: npt.NDArray[np.int64]) -> sparse.csr_array:
    """Return which pictures are among the nearest of each other, as ones in a matrix of shape (N, N)."""
    count, width = places.shape
    starts = np.arange(0, count * width + 1, width)
    near = sparse.csr_array((np.ones(count * width, dtype=np.int32), places.ravel(), starts), shape=(count, count))
    return sparse.csr_array(near.multiply(near.T))


def _distances(
    vectors: npt.NDArray[np.float32], rows: npt.NDArray[np.int32], columns: npt.NDArray[np.int32]
) -> npt.NDArray[np.float32]:
    """Return the distances of pairs of pictures, in blocks, shape (P,)."""
    distances = np.empty(len(rows), dtype=np.float32)
    step = max(BLOCK_VALUES // max(vectors.shape[1], 1), 1)
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        likeness = np.einsum("pd,pd->p", vectors[rows[part]], vectors[columns[part]])
        distances[part] = np.maximum(1 - likeness, 0)
    return distances


def _average(encoded: sparse.csr_array, places: npt.NDArray[np.int64]) -> sparse.csr_array:
    """Return the mean of the weights of each picture's nearest, itself among them."""
    count, width = places.shape
    starts = np.arange(0, count * width + 1, width)
    shares = np.full(count * width, 1 / width, dtype=np.float32)
    return sparse.csr_array(sparse.csr_array((shares, places.ravel(), starts), shape=(count, count)) @ encoded)


def _shared(encoded: sparse.csr_array, known: sparse.csc_array, number: int) -> npt.NDArray[np.float32]:
    """Return the sum of the smaller weights of a query and each picture of the gallery, shape (G,)."""
    own = slice(encoded.indptr[number], encoded.indptr[number + 1])
    starts, stops = known.indptr[encoded.indices[own]], known.indptr[encoded.indices[own] + 1]
    lengths = stops - starts
    ends = np.cumsum(lengths)
    entries = np.arange(ends[-1]) + np.repeat(starts - ends + lengths, lengths)
    smaller = np.minimum(known.data[entries], np.repeat(encoded.data[own], lengths))
    sums: npt.NDArray[np.float32] = np.bincount(known.indices[entries], smaller, known.shape[0]).astype(np.float32)
    return sums
