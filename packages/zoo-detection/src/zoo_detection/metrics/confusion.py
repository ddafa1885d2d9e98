"""Own the confusion matrix of a detector: which class was found where which stands, and what was missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_detection.metrics.records import Floats, ImageRecord, Indices, Tables


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImagePairs:
    """Hold which boxes of one image belong together; everything is a class index."""

    true: Indices
    """Shape (P,): true boxes that a found one belongs to."""
    found: Indices
    """Shape (P,): the found boxes that belong to them."""
    missed: Indices
    """Shape (M,): true boxes that none belongs to."""
    alone: Indices
    """Shape (A,): found boxes that belong to none."""

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall; 1 where nothing is to be found and nothing was."""
        right = int(np.count_nonzero(self.true == self.found))
        boxes = 2 * len(self.true) + len(self.missed) + len(self.alone)
        return 2 * right / boxes if boxes else 1.0


def paired_boxes(tables: Tables, *, confidence: float, overlap: float) -> tuple[ImagePairs, ...]:
    """Return which true and found boxes of each image belong together.

    They are paired whatever their classes, pairs with the largest IoU first. Boxes found within a crowd belong to it
    and count as nothing.

    Args:
        tables: What was gathered.
        confidence: Smallest score of the boxes that count as found.
        overlap: Smallest IoU of a pair.
    """
    return tuple(_paired(record, confidence, overlap) for record in tables.records)


def confusion_matrix(pairs: Sequence[ImagePairs], classes: int) -> npt.NDArray[np.int64]:
    """Return counts of shape (C + 1, C + 1): row = true class, column = found class; the last ones are background."""
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    for one in pairs:
        np.add.at(counts, (one.true, one.found), 1)
        counts[:-1, classes] += np.bincount(one.missed, minlength=classes)
        counts[classes, :-1] += np.bincount(one.alone, minlength=classes)
    return counts


def box_iou(left: Floats, right: Floats) -> Floats:
    """Return the IoU of every box of (K, 4) with every box of (L, 4), shape (K, L)."""
    shared = _shared(left, right)
    both = _areas(left)[:, None] + _areas(right)[None, :] - shared
    return np.divide(shared, both, out=np.zeros_like(shared), where=both > 0)


def _paired(record: ImageRecord, confidence: float, overlap: float) -> ImagePairs:
    true, crowd = record.labels.chosen(record.labels.trained), record.labels.boxes[record.labels.crowd]
    found = record.found.chosen(record.found.scores >= confidence)
    rows, columns = _pairs(box_iou(true.boxes, found.boxes.astype(np.float64)), overlap)
    alone = np.setdiff1d(np.arange(len(found)), columns)
    alone = alone[~_within(found.boxes[alone].astype(np.float64), crowd, overlap)]
    return ImagePairs(
        true=true.classes[rows],
        found=found.classes[columns],
        missed=np.delete(true.classes, rows),
        alone=found.classes[alone],
    )


def _within(boxes: Floats, crowd: Floats, overlap: float) -> npt.NDArray[np.bool_]:
    """Tell which boxes lie in a crowd with so large a share of their area, as COCO counts it."""
    areas = _areas(boxes)[:, None]
    shared = _shared(boxes, crowd)
    shares = np.divide(shared, areas, out=np.zeros_like(shared), where=areas > 0)
    return np.asarray((shares >= overlap).any(axis=1), np.bool_)


def _shared(left: Floats, right: Floats) -> Floats:
    low = np.maximum(left[:, None, :2], right[None, :, :2])
    high = np.minimum(left[:, None, 2:], right[None, :, 2:])
    result: Floats = np.clip(high - low, 0.0, None).prod(axis=2)
    return result


def _areas(boxes: Floats) -> Floats:
    result: Floats = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return result


def _pairs(overlaps: Floats, smallest: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return rows and columns of the pairs, each row and column at most once."""
    rows, columns = np.nonzero(overlaps >= smallest)
    order = np.argsort(-overlaps[rows, columns], kind="stable")
    free_rows, free_columns = set(rows.tolist()), set(columns.tolist())
    taken = []
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row in free_rows and column in free_columns:
            free_rows.remove(row)
            free_columns.remove(column)
            taken.append((row, column))
    pairs = np.array(taken, np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]
