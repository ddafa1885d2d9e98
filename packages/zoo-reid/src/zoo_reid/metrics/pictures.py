"""Own the files of an evaluation: the curve of cumulative matches, the histogram of distances, the table of queries."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from zoo_reid.metrics.charts import CURVE_HEIGHT, HISTOGRAM_HEIGHT, HISTOGRAM_TITLE, curve_title
from zoo_reid.metrics.distances import is_finite
from zoo_reid.metrics.features import Features
from zoo_reid.metrics.histogram import BINS, LARGEST, PERCENT, Histogram, percent
from zoo_reid.metrics.ranking import Ranking

COLOURS = ("tab:green", "tab:red")
COLUMNS = ("identity", "camera", "counted", "ap", "first_right")


def write_rank_curve_png(path: Path, ranking: Ranking) -> Path:
    """Draw the share of queries with a right picture among the first 1, 2, ... of the gallery."""
    shares = PERCENT * ranking.cumulative_matches()
    figure, axes = _figure()
    axes.plot(np.arange(1, len(shares) + 1), shares, marker=".", color="tab:blue")
    axes.set_title(curve_title(ranking))
    axes.set_xlabel("rank")
    axes.set_ylabel(CURVE_HEIGHT)
    axes.set_xlim(1, len(shares))
    axes.set_ylim(top=101)
    axes.grid(visible=True, alpha=0.3)
    figure.savefig(path, dpi=100)
    return path


def write_distance_histogram_png(path: Path, histogram: Histogram, distance: str) -> Path:
    """Draw the share of the pairs of the same person, and of different ones, at each distance."""
    figure, axes = _figure()
    edges = np.linspace(0, LARGEST, BINS + 1)
    for (label, counts), colour in zip(histogram.kinds, COLOURS, strict=True):
        title = f"{label}, {int(counts.sum())} pairs"
        axes.stairs(percent(counts), edges, fill=True, alpha=0.5, color=colour, label=title)
    used = histogram.used
    if used.stop > used.start:
        axes.set_xlim(edges[used.start], edges[used.stop])
    axes.set_title(HISTOGRAM_TITLE)
    axes.set_xlabel(f"{distance} distance")
    axes.set_ylabel(HISTOGRAM_HEIGHT)
    axes.legend()
    figure.savefig(path, dpi=100)
    return path


def write_per_query_csv(path: Path, query: Features, names: Sequence[str], ranking: Ranking) -> Path:
    """Write one query per line: average precision in percent and the place of the first right picture, from 1.

    The place is empty for queries that do not count, and for those whose embedding is not finite.
    """
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        answered = ranking.valid & is_finite(query.vectors)
        for number, (identity, camera) in enumerate(zip(query.identities, query.cameras, strict=True)):
            writer.writerow(
                [
                    names[identity],
                    camera if camera >= 0 else "",
                    "yes" if ranking.valid[number] else "no",
                    f"{PERCENT * ranking.average_precision[number]:.2f}" if ranking.valid[number] else "",
                    ranking.first_hit[number] + 1 if answered[number] else "",
                ]
            )
    return path


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8.0, 6.0), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()
