"""Own the confusion matrix of a detector: which class was found where which stands, and what was missed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo_detection.metrics.records import Floats, Tables


def confusion_matrix(tables: Tables, *, confidence: float, overlap: float) -> npt.NDArray[np.int64]:
    """Return counts of shape (C + 1, C + 1): row = true class, column = found class; the last ones are background.

    True and found boxes of an image are paired whatever their classes, pairs with the largest IoU first. Boxes found
    within a crowd belong to it and do not count as found in the background.

    Args:
        tables: What was gathered.
        confidence: Smallest score of the boxes that count as found.
        overlap: Smallest IoU of a pair.
    """
    counts = np.zeros((tables.classes + 1, tables.classes + 1), np.int64)
    background = tables.classes
    for record in tables.records:
        true, crowd = record.labels.chosen(record.labels.trained), record.labels.boxes[record.labels.crowd]
        found = record.found.chosen(record.found.scores >= confidence)
        rows, columns = _pairs(box_iou(true.boxes, found.boxes.astype(np.float64)), overlap)
        np.add.at(counts, (true.classes[rows], found.classes[columns]), 1)
        counts[:-1, background] += np.bincount(np.delete(true.classes, rows), minlength=background)
        alone = np.setdiff1d(np.arange(len(found)), columns)
        alone = alone[~_within(found.boxes[alone].astype(np.float64), crowd, overlap)]
        counts[background, :-1] += np.bincount(found.classes[alone], minlength=background)
    return counts


def box_iou(left: Floats, right: Floats) -> Floats:
    """Return the IoU of every box of (K, 4) with every box of (L, 4), shape (K, L)."""
    shared = _shared(left, right)
    both = _areas(left)[:, None] + _areas(right)[None, :] - shared
    return np.divide(shared, both, out=np.zeros_like(shared), where=both > 0)


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
