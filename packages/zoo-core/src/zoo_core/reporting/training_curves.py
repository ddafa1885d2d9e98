"""Own the picture of a training: loss and metric over the epochs, for training and validation images."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

LOSS, TRAIN_LOSS = "loss", "train_loss"
SIZE_INCHES = (11.0, 4.2)
DOTS_PER_INCH = 110
FEW_EPOCHS = 25
"""Up to this many epochs each one is marked by a dot."""

Curve = tuple[list[float], list[float]]
"""Epochs and values."""


def draw_training_curves(table: Path, path: Path, *, monitor: str, best_epoch: int) -> None:
    """Draw the columns of a `summary.csv` as a PNG file.

    Args:
        table: The file with one line per epoch.
        path: Where the picture is written.
        monitor: Plain name of the metric that decided about the best weights.
        best_epoch: Epoch that gave them, counted from 1.
    """
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    metric = shown_metric(rows, monitor)
    axes = figure.subplots(1, 1 if metric is None else 2, squeeze=False)[0]
    _draw(axes[0], rows, LOSS, best_epoch)
    if metric is not None:
        _draw(axes[1], rows, metric, best_epoch)
    figure.savefig(path, format="png")


def shown_metric(rows: Sequence[Mapping[str, str]], monitor: str) -> str | None:
    """Return the metric to draw beside the loss: the one that decided, else the first that was measured."""
    columns = [name for row in rows[:1] for name in row]
    measured = [name.removeprefix("val_") for name in columns if name.startswith("val_")]
    others = [name for name in measured if name != LOSS]
    return monitor if monitor in others else next(iter(others), None)


def curve(rows: Sequence[Mapping[str, str]], column: str) -> Curve:
    """Return the epochs and values of a column, without the epochs that lack it."""
    points = [(float(row["epoch"]), float(row[column])) for row in rows if row.get(column)]
    return [epoch for epoch, _ in points], [value for _, value in points]


def _draw(axes: Axes, rows: Sequence[Mapping[str, str]], name: str, best_epoch: int) -> None:
    marker = "o" if len(rows) <= FEW_EPOCHS else None
    for prefix, label, colour in (("train_", "training", "tab:blue"), ("val_", "validation", "tab:orange")):
        epochs, values = curve(rows, f"{prefix}{name}")
        if epochs:
            axes.plot(epochs, values, label=label, color=colour, marker=marker, markersize=3)
    axes.axvline(best_epoch, color="grey", linestyle=":", label=f"best weights: epoch {best_epoch}")
    axes.set(xlabel="epoch", ylabel=name, title=name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
