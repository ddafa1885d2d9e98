"""Own the files of an evaluation: confusion matrix as table and picture, and the table of classes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

CELLS_WITH_NUMBERS = 20
"""Largest number of classes for which the cells carry their counts."""
CELLS_WITH_NAMES = 60
"""Largest number of classes for which the axes carry the names."""
LIGHT_ABOVE = 0.5


def write_confusion_csv(path: Path, confusion: npt.NDArray[np.int64], names: Sequence[str]) -> Path:
    """Write the counts: row = true class, column = answer."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["true \\ predicted", *names])
        for name, row in zip(names, confusion.tolist(), strict=True):
            writer.writerow([name, *row])
    return path


def write_per_class_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write precision, recall, F1 in percent and the number of images, one class per line."""
    columns = ("class", "precision", "recall", "f1", "support")
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        for row in rows:
            writer.writerow([row["class"], *(f"{row[key]:.2f}" for key in columns[1:4]), row["support"]])
    return path


def write_confusion_png(path: Path, confusion: npt.NDArray[np.int64], names: Sequence[str]) -> Path:
    """Draw the matrix, coloured by the share of each true class."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    count = len(names)
    size = min(16.0, max(4.0, 1.5 + 0.45 * count))
    figure = Figure(figsize=(size, size), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    totals = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(confusion, totals, out=np.zeros(confusion.shape), where=totals > 0)
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0, interpolation="nearest")
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    if count <= CELLS_WITH_NAMES:
        axes.set_xticks(range(count), [_plain(name) for name in names], rotation=90)
        axes.set_yticks(range(count), [_plain(name) for name in names])
    if count <= CELLS_WITH_NUMBERS:
        for (row, column), number in np.ndenumerate(confusion):
            colour = "white" if shares[row, column] > LIGHT_ABOVE else "black"
            axes.text(column, row, str(number), ha="center", va="center", color=colour, fontsize=8)
    figure.savefig(path, dpi=100)
    return path


def _plain(name: str) -> str:
    """Return a name that matplotlib does not read as a formula."""
    return name.replace("$", r"\$")
