"""Own how like two embeddings are: unit vectors, likeness and distance in blocks of bounded memory, the nearest.

Likeness is the scalar product of vectors of length 1. Both distances follow from it and give the same order; vectors of
zeros, which have no direction, are the exception (`likeness_blocks` says how they count).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from zoo_reid.metrics.features import Features
from zoo_reid.names import EUCLIDEAN

BLOCK_VALUES = 4_194_304
"""Largest number of likenesses that are held at a time (16 MiB), unless a gallery needs more for `TILE` queries."""
TILE = 64
"""Numbers of rows that matrices are filled up to: a product then does not depend on its place in the matrix."""

Vectors = Features | npt.NDArray[np.float32]
Block = tuple[slice, npt.NDArray[np.float32]]
"""Which queries, and the numbers of each for every picture of the gallery, shape (B, G)."""


def unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return vectors of shape (N, D) brought to length 1; zeros stay, and vectors that are not finite become zeros."""
    finite = is_finite(vectors)
    peaks = np.abs(vectors).max(axis=1, initial=0.0)
    peaks[~finite | (peaks == 0)] = 1.0
    scaled: npt.NDArray[np.float32] = vectors / peaks[:, None]  # squares neither overflow nor vanish
    scaled[~finite] = 0.0
    lengths = np.sqrt(np.einsum("nd,nd->n", scaled, scaled))
    scaled /= np.where(lengths > 0, lengths, 1.0)[:, None]
    return scaled


def is_finite(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return which vectors consist of finite numbers alone, shape (N,)."""
    finite: npt.NDArray[np.bool_] = np.all(np.isfinite(vectors), axis=1)
    return finite


def likeness_blocks(query: Vectors, gallery: Vectors, *, distance: str, block: int | None = None) -> Iterator[Block]:
    """Yield the likeness of queries and gallery, at most 1, block by block of queries.

    A block may be changed by who takes it; it is overwritten when the next one is made. Where one of the vectors is
    not finite, the likeness is minus infinity. That of a vector of zeros is 0 with the cosine distance; with the
    Euclidean distance d it is 1 - d * d / 2, as for other vectors.

    Args:
        query: Q pictures that are searched for.
        gallery: G pictures that are searched through.
        distance: `cosine` or `euclidean`.
        block: Number of queries in a block; follows from the memory when absent. It changes no result.
    """
    searched, known = vectors_of(query), vectors_of(gallery)
    if not len(searched):
        return
    rows = block or max(TILE, BLOCK_VALUES // max(len(known), 1) // TILE * TILE)
    columns = _filled_up(unit(known)).T
    left = _filled_up(np.zeros((min(rows, len(searched)), searched.shape[1]), dtype=np.float32))
    products = np.empty((len(left), columns.shape[1]), dtype=np.float32)
    bad, zero = ~is_finite(known), _is_zero(known)
    for start in range(0, len(searched), rows):
        part = searched[start : start + rows]
        left[: len(part)] = unit(part)
        np.matmul(left, columns, out=products)
        likeness = products[: len(part), : len(known)]
        if distance == EUCLIDEAN:
            likeness[:, zero] += 0.5
            likeness[_is_zero(part)] += 0.5
        np.minimum(likeness, 1.0, out=likeness)
        likeness[:, bad] = -np.inf
        likeness[~is_finite(part)] = -np.inf
        yield slice(start, start + len(part)), likeness


def to_distances(likeness: npt.NDArray[np.float32], distance: str) -> npt.NDArray[np.float32]:
    """Return the distances of likenesses, from 0 to 2."""
    cosine = np.clip(np.subtract(1.0, likeness, dtype=np.float32), 0.0, 2.0)
    if distance == EUCLIDEAN:
        cosine *= 2.0
        np.sqrt(cosine, out=cosine)
    return cosine


def nearest(
    query: Vectors, gallery: Vectors, count: int, *, distance: str, block: int | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the places in the gallery of the nearest pictures and their distances, nearest first.

    Among equal ones the first of the gallery comes first.

    Args:
        query: Q pictures that are searched for, shape (Q, D).
        gallery: G pictures that are searched through, shape (G, D).
        count: Number of pictures for each query.
        distance: `cosine` or `euclidean`.
        block: Number of queries that are treated at a time; follows from the memory when absent.

    Returns:
        Places and distances, each of shape (Q, min(count, G)).
    """
    count = min(count, len(gallery))
    places = np.zeros((len(query), count), dtype=np.int64)
    distances = np.zeros((len(query), count), dtype=np.float32)
    if count == 0:
        return places, distances
    for rows, likeness in likeness_blocks(query, gallery, distance=distance, block=block):
        best = largest(likeness, count)
        places[rows] = best
        distances[rows] = to_distances(np.take_along_axis(likeness, best, axis=1), distance)
    return places, distances


def largest(values: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.int64]:
    """Return the places of the largest numbers of each row, largest first, equal ones by place, shape (B, count)."""
    width = values.shape[1]
    limits = np.partition(values, width - count, axis=1)[:, width - count]
    places = np.empty((len(values), count), dtype=np.int64)
    for number, (row, limit) in enumerate(zip(values, limits, strict=True)):
        candidates = np.flatnonzero(row >= limit)
        places[number] = candidates[np.argsort(-row[candidates], kind="stable")[:count]]
    return places


def vectors_of(pictures: Vectors) -> npt.NDArray[np.float32]:
    """Return the embeddings, shape (N, D), of what holds them."""
    return pictures.vectors if isinstance(pictures, Features) else np.asarray(pictures, dtype=np.float32)


def _is_zero(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    zero: npt.NDArray[np.bool_] = (vectors == 0).all(axis=1)
    return zero


def _filled_up(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return vectors with rows of zeros added up to a multiple of `TILE`."""
    missing = -len(vectors) % TILE
    return np.concatenate([vectors, np.zeros((missing, vectors.shape[1]), dtype=np.float32)])
