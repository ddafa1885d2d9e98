"""Own the metrics of pose estimation: object keypoint similarity, right keypoints, COCO's precision and recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zoo_core.charts import Drawing
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UserError
from zoo_core.results import MetricValue
from zoo_pose.config.evaluation import PoseEvaluationSection
from zoo_pose.labels import PoseLabels, PoseTargets
from zoo_pose.metrics.agreement import Agreement, agreement
from zoo_pose.metrics.coco_keypoints import CocoKeypoints, coco_keypoints
from zoo_pose.metrics.coco_results import result_rows, write_results
from zoo_pose.metrics.curves import RightKeypoints, precision_chart, right_keypoint_chart, right_keypoint_curves
from zoo_pose.metrics.files import write_pck_png, write_per_keypoint_csv, write_precision_recall_png
from zoo_pose.metrics.pck import share_right, share_right_by_keypoint
from zoo_pose.metrics.records import ImageRecord, Tables
from zoo_pose.poses import Poses
from zoo_pose.postprocessing import PosePostProcessing

if TYPE_CHECKING:
    from zoo_pose.skeletons import Skeleton

PERCENT = 100.0
COCO_NAMES = ("map", "ap50", "ap75", "ar")
ALWAYS = ("oks", "map")
"""Metrics that are 0 where there is nothing to find; the others are left out."""
FOUND_FROM = 0.5
"""Smallest mean similarity of an image that counts as right."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """Hold what is computed once of all that was gathered."""

    tables: Tables
    coco: CocoKeypoints
    agreement: Agreement


class PoseEvaluator:
    """Gather the poses of every image and compare them with the true ones at the end, in pixels of the originals.

    `oks` and `pck` are means over the true poses. A model of one pose has its pose compared with every true one of the
    image; of a model of several poses, each found one belongs to one true pose at most, and true poses that none is
    left for count as 0. Crowds and poses without labelled keypoints are not to be found.
    """

    def __init__(
        self,
        postprocessing: PosePostProcessing,
        preprocessing: ImagePreprocessing,
        skeleton: Skeleton,
        section: PoseEvaluationSection,
        *,
        multiple: bool,
        plot: bool,
        iou: float = 0.5,
    ) -> None:
        self.postprocessing = postprocessing
        self.preprocessing = preprocessing
        self.skeleton = skeleton
        self.section = section
        self.multiple = multiple
        """Whether the model finds several poses on an image."""
        self.plot = plot
        """Whether `write` draws curves."""
        self.iou = iou
        """Similarity from which on a pose counts as found, for the curve that stands out."""
        self._records: list[ImageRecord] = []
        self._measured: _Measured | None = None

    def update(self, outputs: Sequence[npt.NDArray[np.float32]], targets: PoseTargets) -> None:
        """Take the outputs of one batch, each with N rows, and the labels of its N images.

        Raises:
            UserError: When the outputs do not have the form that the family reads, or found and true poses have
                different keypoints.
        """
        sizes = [labels.size for labels in targets.labels]
        self.add(self.postprocessing.on_originals(outputs, sizes, self.preprocessing), targets.labels)

    def add(self, found: Sequence[Poses], labels: Sequence[PoseLabels]) -> None:
        """Take poses in pixels of the originals, and the labels of the same images.

        Raises:
            UserError: When found and true poses have different keypoints.
        """
        records = [ImageRecord(labels=one, found=poses) for poses, one in zip(found, labels, strict=True)]
        for record in records:
            self._check("The data set labels", record.labels.points)
            self._check("The model finds", record.found.points)
        self._records += records
        self._measured = None

    def _check(self, who: str, points: npt.NDArray[Any]) -> None:
        if len(points) and points.shape[1] != self.skeleton.keypoints:
            msg = f"{who} {points.shape[1]} keypoints per pose, but {self.skeleton.keypoints} are expected."
            raise UserError(msg, hint="Set dataset.keypoints to the number of keypoints of data set and model.")

    def state(self) -> list[ImageRecord]:
        """Return what was gathered."""
        return list(self._records)

    def merge(self, states: Sequence[Any]) -> None:
        """Replace what was gathered by the union of several states."""
        self._records = [record for state in states for record in state]
        self._measured = None

    def compute(self) -> tuple[MetricValue, ...]:
        """Return `oks` from 0 to 1, and `pck`, `map`, `ap50`, `ap75` and `ar` in percent.

        Without poses to find, `oks` and `map` are 0 and the others are left out.
        """
        measured = self._measure()
        values = [MetricValue(name="oks", value=measured.agreement.similarity())]
        if len(measured.agreement):
            right = measured.agreement.right(self.section.pck_threshold)
            values.append(_percent("pck", share_right(right, measured.agreement.labelled)))
        averages = measured.coco.averages
        values += [_percent(name, averages.get(name, 0.0)) for name in COCO_NAMES if name in averages or name in ALWAYS]
        return tuple(values)

    def per_class(self) -> tuple[Mapping[str, Any], ...]:
        """Return one row per keypoint: its name, percent of right ones, mean similarity, number of labelled ones.

        Keypoints that are nowhere labelled have 0.
        """
        found = self._measure().agreement
        columns = (
            self.skeleton.names,
            share_right_by_keypoint(found.right(self.section.pck_threshold), found.labelled).tolist(),
            found.similarity_by_keypoint().tolist(),
            found.labelled.sum(axis=0).tolist(),
        )
        return tuple(
            {"keypoint": name, "pck": PERCENT * right, "oks": similarity, "labelled": count}
            for name, right, similarity, count in zip(*columns, strict=True)
        )

    def write(self, directory: Path, stem: str) -> tuple[Path, ...]:
        """Write all poses in COCO's result format and the table of keypoints; with `plot` also the curves.

        The files are `<stem>_keypoints.json`, `<stem>_per_keypoint.csv`, `<stem>_precision_recall.png` and
        `<stem>_pck.png`.
        """
        measured = self._measure()
        directory.mkdir(parents=True, exist_ok=True)
        tables = (
            write_results(directory / f"{stem}_keypoints.json", result_rows(measured.tables)),
            write_per_keypoint_csv(directory / f"{stem}_per_keypoint.csv", self.per_class()),
        )
        return (*tables, *self._draw(measured, directory, stem)) if self.plot else tables

    def _draw(self, measured: _Measured, directory: Path, stem: str) -> tuple[Path, ...]:
        return (
            write_precision_recall_png(directory / f"{stem}_precision_recall.png", measured.coco, self.iou),
            write_pck_png(directory / f"{stem}_pck.png", self._right_keypoints(measured)),
        )

    def drawings(self) -> tuple[Drawing, ...]:
        """Return precision over recall and the share of right keypoints over the distance, whatever `plot` says.

        There are none where there is nothing to find.
        """
        measured = self._measure()
        if not len(measured.agreement):
            return ()
        return precision_chart(measured.coco, self.iou), right_keypoint_chart(self._right_keypoints(measured))

    def image_scores(self) -> tuple[float, ...]:
        """Return the mean similarity of the true poses of each image; `nan` for images without any to find."""
        measured = self._measure()
        places = list(measured.tables.places)
        scores = np.full(len(places), np.nan)
        scores[places] = measured.agreement.similarity_by_image(len(places))
        return tuple(scores.tolist())

    def right_images(self) -> tuple[bool, ...]:
        """Tell of each image whether its mean similarity is 0.5 or more, from which on COCO counts a pose as found."""
        return tuple(score >= FOUND_FROM for score in self.image_scores())

    def _right_keypoints(self, measured: _Measured) -> RightKeypoints:
        return right_keypoint_curves(
            measured.agreement,
            self.skeleton.names,
            chosen=self.section.pck_threshold,
            reference=self.section.pck_reference,
        )

    def _measure(self) -> _Measured:
        """Return what is known of all images, in an order that does not depend on the processes that saw them."""
        if self._measured is None:
            rules = {"area": self.section.area, "reference": self.section.pck_reference}
            tables = Tables.ordered(self._records, self.skeleton.sigmas, **rules)
            coco = coco_keypoints(tables, self.iou)
            self._measured = _Measured(tables, coco, agreement(tables, multiple=self.multiple))
        return self._measured


def _percent(name: str, value: float) -> MetricValue:
    return MetricValue(name=name, value=PERCENT * value, unit="%")
