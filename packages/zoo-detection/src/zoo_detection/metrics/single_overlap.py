"""Own the precision and recall at one overlap by which ST's services compare detectors.

By their definition, in pixels of the model's input: boxes are compared class by class in the order of their scores,
each with the true box of its image that it overlaps most; it hits when the IoU reaches the threshold and no better box
took that true box before. Widths and heights count one pixel more, the habit of Pascal VOC. The average precision is
the integral over 101 recalls of the precision between measured points, without the monotone envelope of COCO. Precision
and recall are given at the confidence where the smoothed F1 is best. Crowds and difficult boxes do not exist here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_detection.metrics.records import Floats, Indices, Tables

RECALLS = 101
CONFIDENCES = 1000
SMOOTHED_SHARE = 0.1
"""Share of the confidences over which F1 is averaged before the best one is chosen."""
TINY = 1e-16

Groups = tuple[Indices, Floats]
"""Number of image and class together, and box, shapes (K,) and (K, 4)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassCurves:
    """Hold the curves of one class; all numbers between 0 and 1."""

    boxes: int
    """True boxes."""
    average_precision: float
    precision: float
    """At the best confidence, as `recall` and `f1`."""
    recall: float
    f1: float
    precisions: Floats
    """Shape (RECALLS,): precision at recalls 0, 0.01, ... 1."""
    f1_by_confidence: Floats
    """Shape (CONFIDENCES,): F1 at confidences from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SingleOverlap:
    """Hold the curves of the classes that have true boxes."""

    overlap: float
    by_class: dict[int, ClassCurves]

    def mean(self, name: str) -> float | None:
        """Return the mean of one number over the classes; nothing without classes."""
        values = [getattr(curves, name) for curves in self.by_class.values()]
        return float(np.mean(values)) if values else None

    @property
    def best_confidence(self) -> float:
        """Return the confidence at which the smoothed mean F1 of all classes is best."""
        if not self.by_class:
            return 0.0
        mean = np.mean([curves.f1_by_confidence for curves in self.by_class.values()], axis=0)
        return float(np.linspace(0, 1, CONFIDENCES)[smoothed(mean).argmax()])


def single_overlap(tables: Tables, preprocessing: ImagePreprocessing, overlap: float) -> SingleOverlap:
    """Return the curves of every class that has true boxes."""
    true, found = tables.true, tables.found
    counted = ~true.crowd
    true_boxes = tables.on_input(preprocessing, true.boxes, true.images)[counted]
    found_boxes = tables.on_input(preprocessing, found.boxes, found.images)
    order = np.argsort(-found.scores, kind="stable")
    hits = _hits(
        (true.images[counted] * tables.classes + true.classes[counted], true_boxes),
        ((found.images * tables.classes + found.classes)[order], found_boxes[order]),
        overlap,
    )
    classes, scores = found.classes[order], found.scores[order]
    totals = np.bincount(true.classes[counted], minlength=tables.classes)
    by_class = {}
    for number in np.flatnonzero(totals).tolist():
        own = classes == number
        by_class[number] = _curves(hits[own], scores[own], int(totals[number]))
    return SingleOverlap(overlap=overlap, by_class=by_class)


def smoothed(curve: Floats) -> Floats:
    """Return the running mean of a curve, which goes on beyond its ends with the values there."""
    half = round(len(curve) * SMOOTHED_SHARE / 2)
    window = 2 * half + 1
    return np.convolve(np.pad(curve, half, mode="edge"), np.full(window, 1 / window), mode="valid")


def _hits(true: Groups, found: Groups, overlap: float) -> npt.NDArray[np.bool_]:
    """Return which of the found boxes, given best first, hit a true box of their group."""
    true_groups, true_boxes = true
    found_groups, found_boxes = found
    order = np.argsort(true_groups, kind="stable")
    first = np.searchsorted(true_groups[order], found_groups, side="left")
    count = np.searchsorted(true_groups[order], found_groups, side="right") - first
    chosen = np.flatnonzero(count)
    hits = np.zeros(len(found_groups), np.bool_)
    if not len(chosen):
        return hits
    count, first = count[chosen], first[chosen]
    starts = np.cumsum(count) - count
    partners = order[np.arange(count.sum()) + np.repeat(first - starts, count)]
    overlaps = _pixel_iou(found_boxes[np.repeat(chosen, count)], true_boxes[partners])
    best = np.maximum.reduceat(overlaps, starts)
    is_best = np.flatnonzero(overlaps == np.repeat(best, count))
    nearest = partners[is_best[np.searchsorted(is_best, starts)]]
    near = best >= overlap
    _, winners = np.unique(nearest[near], return_index=True)
    hits[chosen[near][winners]] = True
    return hits


def _pixel_iou(found: Floats, true: Floats) -> Floats:
    """Return the IoU of pairs of boxes, shape (K, 4) each, with one pixel more in width and height.

    Boxes that do not touch have none, though they may share the added pixel.
    """
    low, high = np.maximum(found[:, :2], true[:, :2]), np.minimum(found[:, 2:], true[:, 2:])
    shared = np.where((high >= low).all(axis=1), (high - low + 1).prod(axis=1), 0.0)
    areas = [(boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1) for boxes in (found, true)]
    result: Floats = shared / (areas[0] + areas[1] - shared)
    return result


def _curves(hits: npt.NDArray[np.bool_], scores: Floats, boxes: int) -> ClassCurves:
    """Return the curves of one class from its found boxes, best first, and the number of true ones."""
    if not len(hits):
        nothing = np.zeros(RECALLS), np.zeros(CONFIDENCES)
        return ClassCurves(
            boxes=boxes,
            average_precision=0.0,
            precision=0.0,
            recall=0.0,
            f1=0.0,
            precisions=nothing[0],
            f1_by_confidence=nothing[1],
        )
    right = np.cumsum(hits)
    recall, precision = right / boxes, right / np.arange(1, len(hits) + 1)
    levels = np.linspace(0, 1, RECALLS)
    precisions = np.interp(levels, np.r_[0.0, recall, 1.0], np.r_[1.0, precision, 0.0])
    confidences = np.linspace(0, 1, CONFIDENCES)
    recalls_at = np.interp(-confidences, -scores, recall, left=0.0)
    precisions_at = np.interp(-confidences, -scores, precision, left=1.0)
    f1 = 2 * precisions_at * recalls_at / (precisions_at + recalls_at + TINY)
    best = smoothed(f1).argmax()
    return ClassCurves(
        boxes=boxes,
        average_precision=float(np.trapezoid(precisions, levels)),
        precision=float(precisions_at[best]),
        recall=float(recalls_at[best]),
        f1=float(f1[best]),
        precisions=precisions,
        f1_by_confidence=f1,
    )
