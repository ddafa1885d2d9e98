"""Own the files of an evaluation: the table of keypoints, and the pictures of its curves."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from zoo_pose.metrics.coco_keypoints import CocoKeypoints
from zoo_pose.metrics.curves import (
    ALL_KEYPOINTS,
    NAMED_KEYPOINTS,
    PCK_HEIGHT,
    PCK_TITLE,
    PRECISION_TITLE,
    PrecisionCurve,
    RightKeypoints,
    precision_curves,
)

COLUMNS = ("keypoint", "pck", "oks", "labelled")


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
    curves, mean = precision_curves(coco, shown)
    for one in curves:
        width, strength = (2.0, 1.0) if one.chosen else (0.9, 0.6)
        axes.plot(one.places, one.heights, linewidth=width, alpha=strength, label=_legend(one))
    if mean is not None:
        axes.plot(mean.places, mean.heights, color="black", linewidth=2.0, linestyle="--", label=_legend(mean))
    _finish(axes, PRECISION_TITLE, "recall", "precision")
    axes.set_xlim(0, 1)
    figure.savefig(path, dpi=100)
    return path


def write_pck_png(path: Path, curves: RightKeypoints) -> Path:
    """Draw the share of right keypoints over the distance that counts as right, with the chosen one marked."""
    figure, axes = _figure()
    named = len(curves.names) <= NAMED_KEYPOINTS
    for number, (name, heights) in enumerate(zip(curves.names, curves.shares[1:], strict=True)):
        label = _plain(name) if named else None
        style = ("-", "--", ":")[number // 10 % 3]
        axes.plot(curves.thresholds, heights, style, linewidth=1.0, alpha=0.8 if named else 0.4, label=label)
    axes.plot(curves.thresholds, curves.shares[0], color="black", linewidth=2.0, label=ALL_KEYPOINTS)
    axes.axvline(curves.chosen, color="black", linewidth=0.8, linestyle="--")
    _finish(axes, PCK_TITLE, curves.below, PCK_HEIGHT)
    axes.set_xlim(0, float(curves.thresholds[-1]))
    figure.savefig(path, dpi=100)
    return path


def _legend(curve: PrecisionCurve) -> str:
    return f"{curve.label}  AP {curve.value:.1f} %"


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
