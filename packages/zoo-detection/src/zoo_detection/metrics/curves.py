"""Own the curves of an evaluation at one overlap, as pictures and reports draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo_core.charts import Chart, Series, thinned_series
from zoo_detection.metrics.records import Floats
from zoo_detection.metrics.single_overlap import CONFIDENCES, RECALLS, SingleOverlap

CLASSES_BESIDES = 10
"""Largest number of classes whose curves stand beside the mean in a chart: those with most true boxes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassCurve:
    """Hold the curve of one class."""

    label: str
    heights: Floats
    """Shape (P,): between 0 and 1."""
    value: float
    """Number that sums up the curve."""
    boxes: int
    """True boxes of the class."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curves:
    """Hold the curves of all classes that have true boxes, over the same P places."""

    name: str
    title: str
    below: str
    """What the places are."""
    beside: str
    """What the heights are."""
    what: str
    """Name of the number that sums up a curve."""
    places: Floats
    """Shape (P,): between 0 and 1."""
    classes: tuple[ClassCurve, ...]
    mark: float | None = None
    """Place that a line marks."""

    @property
    def mean(self) -> ClassCurve:
        """Return the mean of all classes, of which there must be some."""
        return ClassCurve(
            label=f"mean of {len(self.classes)} classes",
            heights=np.mean([one.heights for one in self.classes], axis=0),
            value=float(np.mean([one.value for one in self.classes])),
            boxes=sum(one.boxes for one in self.classes),
        )


def precision_recall_curves(measured: SingleOverlap, names: Sequence[str]) -> Curves:
    """Return the precision over the recall."""
    return Curves(
        name="precision_recall",
        title=f"Precision and recall at IoU {measured.overlap:g}",
        below="recall",
        beside="precision",
        what="AP",
        places=np.linspace(0, 1, RECALLS),
        classes=tuple(
            ClassCurve(label=names[number], heights=one.precisions, value=one.average_precision, boxes=one.boxes)
            for number, one in measured.by_class.items()
        ),
    )


def f1_curves(measured: SingleOverlap, names: Sequence[str]) -> Curves:
    """Return F1 over the confidence, with the one marked that is best for all classes."""
    best = measured.best_confidence
    return Curves(
        name="f1_confidence",
        title=f"F1 at IoU {measured.overlap:g}; best confidence for all classes {best:.3f}",
        below="confidence",
        beside="F1",
        what="F1",
        places=np.linspace(0, 1, CONFIDENCES),
        classes=tuple(
            ClassCurve(label=names[number], heights=one.f1_by_confidence, value=one.f1, boxes=one.boxes)
            for number, one in measured.by_class.items()
        ),
        mark=best,
    )


def as_chart(curves: Curves) -> Chart:
    """Return the mean and the classes with most true boxes, in their order; a class alone is its own mean."""
    most = sorted(sorted(range(len(curves.classes)), key=lambda place: -curves.classes[place].boxes)[:CLASSES_BESIDES])
    alone = len(curves.classes) == 1
    shown = [] if alone else [_series(curves, curves.mean, emphasis=True)]
    shown += [_series(curves, curves.classes[place], emphasis=alone) for place in most]
    return Chart(
        name=curves.name,
        title=curves.title,
        x_label=curves.below,
        y_label=curves.beside,
        series=tuple(shown),
        x_mark=curves.mark,
    )


def _series(curves: Curves, one: ClassCurve, *, emphasis: bool) -> Series:
    return thinned_series(one.label, curves.places.tolist(), one.heights.tolist(), emphasis=emphasis)
