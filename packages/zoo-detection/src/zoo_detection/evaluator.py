"""Own the metrics of object detection: COCO's average precision and recall, and those of ST's services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.results import MetricValue
from zoo_detection.detections import Detections
from zoo_detection.labels import BoxLabels
from zoo_detection.metrics.coco_precision import NAMES, CocoPrecision, coco_precision
from zoo_detection.metrics.coco_results import result_rows, write_results
from zoo_detection.metrics.confusion import confusion_matrix
from zoo_detection.metrics.files import (
    write_confusion_csv,
    write_confusion_png,
    write_f1_png,
    write_per_class_csv,
    write_precision_recall_png,
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


@dataclass(frozen=True, slots=True)
class _Measured:
    """Hold what is computed once of all that was gathered."""

    tables: Tables
    coco: CocoPrecision
    single: SingleOverlap


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
        names, confidence = self.class_names, measured.single.best_confidence
        counts = confusion_matrix(measured.tables, confidence=confidence, overlap=self.iou)
        title = f"confidence from {confidence:.3f}, IoU from {self.iou:g}"
        return (
            write_precision_recall_png(directory / f"{stem}_precision_recall.png", measured.single, names),
            write_f1_png(directory / f"{stem}_f1_confidence.png", measured.single, names),
            write_confusion_csv(directory / f"{stem}_confusion_matrix.csv", counts, names),
            write_confusion_png(directory / f"{stem}_confusion_matrix.png", counts, names, title),
        )

    def _measure(self) -> _Measured:
        """Return what is known of all images, in the order of their numbers, whichever process saw them."""
        if self._measured is None:
            records = sorted(self._records, key=lambda record: record.labels.image_id)
            tables = Tables(tuple(records), len(self.class_names))
            single = single_overlap(tables, self.preprocessing, self.iou)
            self._measured = _Measured(tables, coco_precision(tables), single)
        return self._measured
