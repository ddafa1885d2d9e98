"""Own the suppression of boxes that show the same object: greedy, class by class, the best boxes first.

Greedy suppression keeps a box unless a better one of its class that was kept overlaps it too much. Whether a box is
kept depends only on better ones, so candidates are taken in portions, best first, until enough are kept.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torchvision.ops import nms

PORTION = 256
"""Smallest number of candidates of the first portion."""
FAR = 2.0**20
"""Distance from the origin in pixels beyond which boxes are not told apart."""
CONSIDERED = 6000
"""Candidates of an image that are looked at, the best ones; a network that is not trained gives hundreds of thousands
that are all alike, and the time grows with their square."""
PER_BOX = 4
"""Candidates of the first portion for each box that is wanted; the next portions are twice as large each."""


def best_boxes(
    boxes: npt.NDArray[np.float32],
    scores: npt.NDArray[np.float32],
    classes: npt.NDArray[np.int64] | None = None,
    *,
    overlap: float,
    limit: int,
) -> npt.NDArray[np.int64]:
    """Return which boxes are best, best first, and overlap no better one of their class by an IoU above `overlap`.

    Equal scores keep the order of the boxes. Gives what `torchvision.ops.batched_nms` gives, cut to `limit`, with
    overlaps computed in double precision, as long as `limit` boxes are found among the `CONSIDERED` best candidates or
    there are no more; the search ends there. All numbers must be finite; those beyond `FAR` pixels count as `FAR`.

    Args:
        boxes: Shape (K, 4): left, top, right, bottom in pixels.
        scores: Shape (K,).
        classes: Shape (K,); all boxes are of one class when absent.
        overlap: Intersection over union from 0 to 1.
        limit: Largest number of boxes.
    """
    kept = np.zeros(0, np.int64)
    if limit < 1:
        return kept
    considered = 0
    for portion in _portions(scores, max(PORTION, PER_BOX * limit)):
        kept = _greedy(boxes, classes, np.concatenate([kept, portion]), overlap)
        considered += len(portion)
        if len(kept) >= limit or considered >= CONSIDERED:
            break
    return kept[:limit]


def _portions(scores: npt.NDArray[np.float32], size: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the indices of all scores, best first, in portions of `size` at first that double."""
    rest = np.arange(len(scores))
    while len(rest):
        if len(rest) > size:
            values = scores[rest]
            place = len(rest) - size
            taken = values >= np.partition(values, place)[place]
            portion, rest = rest[taken], rest[~taken]
        else:
            portion, rest = rest, rest[:0]
        portion = portion[np.argsort(-scores[portion], kind="stable")]
        if len(portion) > size:  # equal scores, of which quantized models have many
            portion, rest = portion[:size], np.sort(np.concatenate([portion[size:], rest]))
        yield portion
        size *= 2


def _greedy(
    boxes: npt.NDArray[np.float32],
    classes: npt.NDArray[np.int64] | None,
    order: npt.NDArray[np.int64],
    overlap: float,
) -> npt.NDArray[np.int64]:
    """Return which of some candidates, given best first, are kept.

    Those that an earlier portion kept stand at the beginning and do not suppress each other, so all are kept again.
    """
    ranks = torch.arange(len(order), 0, -1, dtype=torch.float64)
    groups = np.zeros(len(order), np.int64) if classes is None else classes[order]
    result: npt.NDArray[np.int64] = order[nms(torch.from_numpy(_apart(boxes[order], groups)), ranks, overlap).numpy()]
    return result


def _apart(boxes: npt.NDArray[np.float32], classes: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return boxes, shape (K, 4), moved by class so that boxes of different classes never meet.

    Double precision holds the moved numbers of float32 boxes without loss, down to fractions of a pixel that do not
    count; the distance is a power of two for that.
    """
    moved = np.clip(boxes.astype(np.float64), -FAR, FAR)
    span = moved.max() - moved.min()
    moved += (classes * 2.0 ** np.ceil(np.log2(span + 1.0)))[:, None]
    return moved
