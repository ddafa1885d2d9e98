"""Own the metrics of object detection: COCO's average precision and recall, and those of ST's services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_core.charts import Drawing, confusion_table
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.results import MetricValue
from zoo_detection.detections import Detections
from zoo_detection.labels import BoxLabels
from zoo_detection.metrics.coco_precision import NAMES, CocoPrecision, coco_precision
from zoo_detection.metrics.coco_results import result_rows, write_results
from zoo_detection.metrics.confusion import ImagePairs, confusion_matrix, paired_boxes
from zoo_detection.metrics.curves import Curves, as_chart, f1_curves, precision_recall_curves
from zoo_detection.metrics.files import (
    BACKGROUND,
    write_confusion_csv,
    write_confusion_png,
    write_curves_png,
    write_per_class_csv,
)
from zoo_detection.metrics.records import ImageRecord, Tables
from zoo_detection.metrics.single_overlap import SingleOverlap, single_overlap
from zoo_detection.postprocessing import PostProcessing
from zoo_detection.targets import BoxTargets

PERCENT = 100.0
ALWAYS = ("map", "ap50")
"""Metrics that are 0 where there is nothing to find; the others are left out."""
ST_NAMES = {"st_map": "average_precision", "st_mpre": "precision", "st_mrec": "recall"}
"""Our names of the numbers of ST's services, and the fields that hold them for each class."""


@dataclass(frozen=True)
class _Measured:
    """Hold what is computed once of all that was gathered."""

    tables: Tables
    order: tuple[int, ...]
    """Place of each image of the tables in the order in which images were taken."""
    coco: CocoPrecision
    single: SingleOverlap
    overlap: float

    @cached_property
    def confidence(self) -> float:
        """Return the confidence at which F1 of all classes is best."""
        return self.single.best_confidence

    @cached_property
    def pairs(self) -> tuple[ImagePairs, ...]:
        """Return which boxes of each image belong together, of those found with the best confidence or more."""
        return paired_boxes(self.tables, confidence=self.confidence, overlap=self.overlap)


class DetectionEvaluator:
    """Gather the detections of every image and compare them with the true boxes at the end.

    Everything is compared in pixels of the originals, as COCO does; ST's own numbers are computed in pixels of the
    model's input, as ST does.
    """

    def __init__(
        self,
        postprocessing: PostProcessing,
        preprocessing: ImagePreprocessing,
        class_names: Sequence[str],
        *,
        iou: float,
        plot: bool,
    ) -> None:
        self.postprocessing = postprocessing
        self.preprocessing = preprocessing
        self.class_names = tuple(class_names)
        self.iou = iou
        """Overlap from which on a box counts as found, for ST's numbers, curves and the confusion matrix."""
        self.plot = plot
        """Whether `write` draws curves and the confusion matrix."""
        self._records: list[ImageRecord] = []
        self._measured: _Measured | None = None

    def update(self, outputs: Sequence[npt.NDArray[np.float32]], targets: BoxTargets) -> None:
        """Take the outputs of one batch, each with N rows, and the labels of its N images.

        Raises:
            UserError: When the outputs do not have the form that the family reads.
        """
        sizes = [labels.size for labels in targets.labels]
        self.add(self.postprocessing.on_originals(outputs, sizes, self.preprocessing), targets.labels)

    def add(self, found: Sequence[Detections], labels: Sequence[BoxLabels]) -> None:
        """Take detections in pixels of the originals, and the labels of the same images."""
        self._records += [ImageRecord(labels=one, found=boxes) for boxes, one in zip(found, labels, strict=True)]
        self._measured = None

    def state(self) -> list[ImageRecord]:
        """Return what was gathered."""
        return list(self._records)

    def merge(self, states: Sequence[Any]) -> None:
        """Replace what was gathered by the union of several states."""
        self._records = [record for state in states for record in state]
        self._measured = None

    def compute(self) -> tuple[MetricValue, ...]:
        """Return COCO's and ST's numbers in percent; without boxes of a kind, the metrics of that kind are left out."""
        measured = self._measure()
        coco = measured.coco.averages
        values = {name: coco.get(name, 0.0 if name in ALWAYS else None) for name in NAMES}
        values |= {name: measured.single.mean(field) for name, field in ST_NAMES.items()}
        return tuple(
            MetricValue(name=name, value=PERCENT * value, unit="%")
            for name, value in values.items()
            if value is not None
        )

    def per_class(self) -> tuple[Mapping[str, Any], ...]:
        """Return one row per class: AP and AP50 of COCO, precision, recall and F1 of ST in percent, and true boxes.

        Precision and recall are those at the confidence where F1 is best. Classes without true boxes have 0.
        """
        measured = self._measure()
        rows = []
        for number, (name, (ap, ap50)) in enumerate(zip(self.class_names, measured.coco.per_class, strict=True)):
            curves = measured.single.by_class.get(number)
            rows.append(
                {
                    "class": name,
                    "ap": PERCENT * (ap or 0.0),
                    "ap50": PERCENT * (ap50 or 0.0),
                    "precision": PERCENT * (curves.precision if curves else 0.0),
                    "recall": PERCENT * (curves.recall if curves else 0.0),
                    "f1": PERCENT * (curves.f1 if curves else 0.0),
                    "boxes": curves.boxes if curves else 0,
                }
            )
        return tuple(rows)

    def write(self, directory: Path, stem: str) -> tuple[Path, ...]:
        """Write all detections in COCO's result format and the table of classes; with `plot` also the pictures.

        The files are `<stem>_detections.json`, `<stem>_per_class.csv`, `<stem>_precision_recall.png`,
        `<stem>_f1_confidence.png`, and `<stem>_confusion_matrix` as `.csv` and `.png`.
        """
        measured = self._measure()
        directory.mkdir(parents=True, exist_ok=True)
        tables = (
            write_results(directory / f"{stem}_detections.json", result_rows(measured.tables)),
            write_per_class_csv(directory / f"{stem}_per_class.csv", self.per_class()),
        )
        return (*tables, *self._draw(measured, directory, stem)) if self.plot else tables

    def _draw(self, measured: _Measured, directory: Path, stem: str) -> tuple[Path, ...]:
        precision, f1 = self._curves(measured)
        counts, title = confusion_matrix(measured.pairs, measured.tables.classes), self._conditions(measured)
        return (
            write_curves_png(directory / f"{stem}_precision_recall.png", precision),
            write_curves_png(directory / f"{stem}_f1_confidence.png", f1),
            write_confusion_csv(directory / f"{stem}_confusion_matrix.csv", counts, self.class_names),
            write_confusion_png(directory / f"{stem}_confusion_matrix.png", counts, self.class_names, title),
        )

    def drawings(self) -> tuple[Drawing, ...]:
        """Return precision over recall, F1 over confidence and the confusion matrix, whatever `plot` says.

        There are no curves where there is nothing to find.
        """
        measured = self._measure()
        charts = (as_chart(curves) for curves in self._curves(measured) if curves.classes)
        table = confusion_table(
            f"Confusion matrix, {self._conditions(measured)}",
            self.class_names,
            confusion_matrix(measured.pairs, measured.tables.classes).tolist(),
            column_label="found class",
            background=BACKGROUND,
        )
        return (*charts, table)

    def image_scores(self) -> tuple[float, ...]:
        """Return F1 of each image, of the boxes and pairs that the confusion matrix counts.

        An image without anything to find has 1 when nothing was found on it, and 0 otherwise.
        """
        measured = self._measure()
        scores = np.zeros(len(measured.order))
        scores[list(measured.order)] = [pairs.f1 for pairs in measured.pairs]
        return tuple(scores.tolist())

    def right_images(self) -> tuple[bool, ...]:
        """Tell of each image whether everything was found on it and nothing else."""
        return tuple(score == 1.0 for score in self.image_scores())

    @property
    def shown_confidence(self) -> float:
        """Return the smallest score of the boxes that `image_scores` and the confusion matrix count."""
        return max(self._measure().confidence, self.postprocessing.confidence)

    def _curves(self, measured: _Measured) -> tuple[Curves, Curves]:
        names = self.class_names
        return precision_recall_curves(measured.single, names), f1_curves(measured.single, names)

    def _conditions(self, measured: _Measured) -> str:
        return f"confidence from {measured.confidence:.3f}, IoU from {self.iou:g}"

    def _measure(self) -> _Measured:
        """Return what is known of all images, in the order of their numbers, whichever process saw them."""
        if self._measured is None:
            order = sorted(range(len(self._records)), key=lambda place: self._records[place].labels.image_id)
            tables = Tables(tuple(self._records[place] for place in order), len(self.class_names))
            single = single_overlap(tables, self.preprocessing, self.iou)
            self._measured = _Measured(tables, tuple(order), coco_precision(tables), single, self.iou)
        return self._measured
