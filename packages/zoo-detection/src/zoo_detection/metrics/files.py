"""Own the files of an evaluation: tables of classes and confusions, and the pictures of curves and confusions."""

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

from zoo_detection.metrics.curves import ClassCurve, Curves

COLUMNS = ("class", "ap", "ap50", "precision", "recall", "f1", "boxes")
BACKGROUND = "background"
CELLS_WITH_NUMBERS = 20
"""Largest number of classes for which the cells carry their counts."""
CELLS_WITH_NAMES = 60
"""Largest number of classes for which the axes carry the names."""
CURVES_WITH_NAMES = 20
"""Largest number of classes of which every curve is named."""
LIGHT_ABOVE = 0.5
PERCENT = 100


def write_per_class_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write one class per line: percents with two decimals, and the number of true boxes."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([row["class"], *(f"{row[key]:.2f}" for key in COLUMNS[1:-1]), row["boxes"]])
    return path


def write_confusion_csv(path: Path, counts: npt.NDArray[np.int64], names: Sequence[str]) -> Path:
    """Write counts of shape (C + 1, C + 1): row = true class, column = found class, background last."""
    labels = [*names, BACKGROUND]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["true \\ found", *labels])
        for label, row in zip(labels, counts.tolist(), strict=True):
            writer.writerow([label, *row])
    return path


def write_confusion_png(path: Path, counts: npt.NDArray[np.int64], names: Sequence[str], title: str) -> Path:
    """Draw the matrix, coloured by the share of each true class."""
    labels = [_plain(name) for name in (*names, BACKGROUND)]
    size = min(16.0, max(4.0, 1.5 + 0.45 * len(labels)))
    figure, axes = _figure(size, size)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0, interpolation="nearest")
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("found class")
    axes.set_ylabel("true class")
    if len(labels) <= CELLS_WITH_NAMES:
        axes.set_xticks(range(len(labels)), labels, rotation=90)
        axes.set_yticks(range(len(labels)), labels)
    if len(labels) <= CELLS_WITH_NUMBERS:
        for (row, column), number in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > LIGHT_ABOVE else "black"
            axes.text(column, row, str(number), ha="center", va="center", color=colour, fontsize=8)
    figure.savefig(path, dpi=100)
    return path


def write_curves_png(path: Path, curves: Curves) -> Path:
    """Draw the curve of every class and their mean."""
    figure, axes = _figure(8.0, 6.0)
    named = len(curves.classes) <= CURVES_WITH_NAMES
    for one in curves.classes:
        label = _legend(one, curves.what) if named else None
        axes.plot(curves.places, one.heights, linewidth=1.2 if named else 0.5, alpha=0.9 if named else 0.4, label=label)
    if curves.classes:
        mean = curves.mean
        axes.plot(curves.places, mean.heights, color="black", linewidth=2.0, label=_legend(mean, curves.what))
        axes.legend(fontsize=8)
    if curves.mark is not None:
        axes.axvline(curves.mark, color="black", linewidth=0.8, linestyle="--")
    axes.set_title(curves.title)
    axes.set_xlabel(curves.below)
    axes.set_ylabel(curves.beside)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.grid(visible=True, linewidth=0.4)
    figure.savefig(path, dpi=100)
    return path


def _legend(curve: ClassCurve, what: str) -> str:
    return f"{_plain(curve.label)}  {what} {PERCENT * curve.value:.1f} %"


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _plain(name: str) -> str:
    """Return a name that matplotlib neither reads as a formula nor leaves out of the legend."""
    plain = name.replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain
