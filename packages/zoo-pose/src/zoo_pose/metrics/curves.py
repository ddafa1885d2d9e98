"""Own the curves of an evaluation, as pictures and reports draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_core.charts import Chart, Series, thinned_series
from zoo_pose.metrics.agreement import Agreement
from zoo_pose.metrics.coco_keypoints import AVERAGED, CocoKeypoints
from zoo_pose.metrics.pck import share_right_by_threshold

LARGEST = 5.0
"""Largest threshold of the curve of right keypoints, as a multiple of the one of the evaluation."""
STEPS = 100
NAMED_KEYPOINTS = 21
"""Largest number of keypoints of which every curve is named, and part of a chart."""
PERCENT = 100
PRECISION_TITLE = "Precision and recall of poses"
PCK_TITLE = "Right keypoints"
PCK_HEIGHT = "share of right ones"
ALL_KEYPOINTS = "all keypoints"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrecisionCurve:
    """Hold the precision over the recall for one similarity from which on a pose counts as found."""

    label: str
    places: Floats
    """Shape (101,): recalls."""
    heights: Floats
    """Shape (101,): precisions, 0 to 1."""
    chosen: bool
    """Whether it is the similarity of the evaluation."""

    @property
    def value(self) -> float:
        """Return the average precision in percent."""
        return float(PERCENT * self.heights.mean())

    def series(self, *, emphasis: bool) -> Series:
        """Return the curve of a chart."""
        return thinned_series(self.label, self.places.tolist(), self.heights.tolist(), emphasis=emphasis)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RightKeypoints:
    """Hold the share of right keypoints over the distance that counts as right."""

    thresholds: Floats
    """Shape (T,): shares of the reference length."""
    shares: Floats
    """Shape (K + 1, T): all keypoints together, then each."""
    names: tuple[str, ...]
    """Name of each keypoint."""
    chosen: float
    """Threshold of the evaluation."""
    reference: str
    """What the reference length is the longer side of."""

    @property
    def below(self) -> str:
        """Return what the thresholds are."""
        return f"distance as a share of the longer side of the {self.reference}"


def precision_curves(coco: CocoKeypoints, chosen: float) -> tuple[tuple[PrecisionCurve, ...], PrecisionCurve | None]:
    """Return the curve of each similarity, and the mean of COCO's ten where there are poses to find."""
    recalls = np.linspace(0, 1, coco.precisions.shape[1])
    curves = tuple(
        PrecisionCurve(
            label=f"OKS {threshold:.2f}",
            places=recalls,
            heights=precisions,
            chosen=bool(np.isclose(threshold, chosen)),
        )
        for threshold, precisions in zip(coco.thresholds.tolist(), coco.precisions, strict=True)
    )
    if not curves:
        return (), None
    mean = coco.precisions[:AVERAGED].mean(axis=0)
    return curves, PrecisionCurve(label="mean of 0.50 to 0.95", places=recalls, heights=mean, chosen=False)


def right_keypoint_curves(found: Agreement, names: Sequence[str], *, chosen: float, reference: str) -> RightKeypoints:
    """Return the share of right keypoints at thresholds up to a multiple of the chosen one."""
    thresholds = np.linspace(0, LARGEST * chosen, STEPS + 1)
    shares = share_right_by_threshold(found.distances, found.references, found.labelled, thresholds)
    return RightKeypoints(thresholds=thresholds, shares=shares, names=tuple(names), chosen=chosen, reference=reference)


def precision_chart(coco: CocoKeypoints, chosen: float) -> Chart:
    """Return the precision over the recall; the mean and the similarity of the evaluation stand out."""
    curves, mean = precision_curves(coco, chosen)
    series = [] if mean is None else [mean.series(emphasis=True)]
    series += [one.series(emphasis=one.chosen) for one in curves]
    return Chart(
        name="precision_recall",
        title=PRECISION_TITLE,
        x_label="recall",
        y_label="precision",
        series=tuple(series),
    )


def right_keypoint_chart(curves: RightKeypoints) -> Chart:
    """Return the share of right ones among all keypoints, and of each where there are few enough."""
    places = curves.thresholds.tolist()
    named = zip(curves.names, curves.shares[1:], strict=True) if len(curves.names) <= NAMED_KEYPOINTS else ()
    return Chart(
        name="pck",
        title=PCK_TITLE,
        x_label=curves.below,
        y_label=PCK_HEIGHT,
        series=(
            thinned_series(ALL_KEYPOINTS, places, curves.shares[0].tolist(), emphasis=True),
            *(thinned_series(name, places, heights.tolist()) for name, heights in named),
        ),
        x_mark=curves.chosen,
    )
