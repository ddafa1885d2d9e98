"""Own the files of an evaluation: the table of keypoints, and the pictures of its curves."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from zoo_pose.metrics.coco_keypoints import AVERAGED, CocoKeypoints

COLUMNS = ("keypoint", "pck", "oks", "labelled")
CURVES_WITH_NAMES = 21
"""Largest number of keypoints of which every curve is named."""
PERCENT = 100

Floats = npt.NDArray[np.float64]


def write_per_keypoint_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write one keypoint per line: percent of right ones, mean similarity, number of labelled ones."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([row["keypoint"], f"{row['pck']:.2f}", f"{row['oks']:.4f}", row["labelled"]])
    return path


def write_precision_recall_png(path: Path, coco: CocoKeypoints, shown: float) -> Path:
    """Draw the precision over the recall at each similarity of COCO, at the one to show, and their mean.

    Args:
        path: File to write.
        coco: What was measured; without poses to find the picture has no curves.
        shown: Similarity whose curve stands out.
    """
    figure, axes = _figure()
    recalls = np.linspace(0, 1, coco.precisions.shape[1])
    for threshold, precisions in zip(coco.thresholds.tolist(), coco.precisions, strict=True):
        bold = bool(np.isclose(threshold, shown))
        label = f"OKS {threshold:.2f}  AP {PERCENT * precisions.mean():.1f} %"
        axes.plot(recalls, precisions, linewidth=2.0 if bold else 0.9, alpha=1.0 if bold else 0.6, label=label)
    if len(coco.thresholds):
        mean = coco.precisions[:AVERAGED].mean(axis=0)
        label = f"mean of 0.50 to 0.95  AP {PERCENT * mean.mean():.1f} %"
        axes.plot(recalls, mean, color="black", linewidth=2.0, linestyle="--", label=label)
    _finish(axes, "Precision and recall of poses", "recall", "precision")
    axes.set_xlim(0, 1)
    figure.savefig(path, dpi=100)
    return path


def write_pck_png(
    path: Path, thresholds: Floats, shares: Floats, names: Sequence[str], *, chosen: float, reference: str
) -> Path:
    """Draw the share of right keypoints over the distance that counts as right.

    Args:
        path: File to write.
        thresholds: Shape (T,): shares of the reference length.
        shares: Shape (K + 1, T): all keypoints together, then each.
        names: Name of each keypoint.
        chosen: Threshold of the evaluation, marked by a line.
        reference: What the reference length is the longer side of.
    """
    figure, axes = _figure()
    named = len(names) <= CURVES_WITH_NAMES
    for number, (name, heights) in enumerate(zip(names, shares[1:], strict=True)):
        label = _plain(name) if named else None
        style = ("-", "--", ":")[number // 10 % 3]
        axes.plot(thresholds, heights, style, linewidth=1.0, alpha=0.8 if named else 0.4, label=label)
    axes.plot(thresholds, shares[0], color="black", linewidth=2.0, label="all keypoints")
    axes.axvline(chosen, color="black", linewidth=0.8, linestyle="--")
    _finish(
        axes, "Right keypoints", f"distance as a share of the longer side of the {reference}", "share of right ones"
    )
    axes.set_xlim(0, float(thresholds[-1]))
    figure.savefig(path, dpi=100)
    return path


def _finish(axes: Axes, title: str, below: str, beside: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(below)
    axes.set_ylabel(beside)
    axes.set_ylim(0, 1.02)
    axes.grid(visible=True, linewidth=0.4)
    if axes.get_lines():
        axes.legend(fontsize=7, ncols=1, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9.0, 6.0), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _plain(name: str) -> str:
    """Return a name that matplotlib neither reads as a formula nor leaves out of the legend."""
    plain = name.replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain
