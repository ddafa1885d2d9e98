"""Own the files of an evaluation: the curve of cumulative matches, the histogram of distances, the table of queries."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from zoo_reid.metrics.distances import is_finite, likeness_blocks, to_distances
from zoo_reid.metrics.features import Features
from zoo_reid.metrics.matches import Matches
from zoo_reid.metrics.ranking import Ranking

PERCENT = 100.0
BINS = 200
LARGEST = 2.0
"""Largest distance of vectors of length 1, cosine or Euclidean."""
COLUMNS = ("identity", "camera", "counted", "ap", "first_right")


@dataclass(frozen=True, slots=True)
class Histogram:
    """Hold how many pairs of query and gallery lie at which distance, in `BINS` equal steps from 0 to 2."""

    same: npt.NDArray[np.int64]
    """Pairs of pictures of the same person, shape (BINS,)."""
    different: npt.NDArray[np.int64]
    """Pairs of pictures of different persons, shape (BINS,)."""


def distance_histogram(
    query: Features, gallery: Features, *, distance: str, same_camera: str, same_set: bool, block: int | None = None
) -> Histogram:
    """Count the pairs that count in a search by their distance; embeddings that are not finite have none."""
    matches = Matches(query, gallery, same_camera=same_camera, same_set=same_set)
    searched, known = is_finite(query.vectors), is_finite(gallery.vectors)
    total, same, left_out = (np.zeros(BINS, dtype=np.int64) for _ in range(3))
    for rows, likeness in likeness_blocks(query, gallery, distance=distance, block=block):
        steps = to_distances(likeness, distance)
        steps *= BINS / LARGEST
        bins = np.minimum(steps, BINS - 1).astype(np.int16)
        for number, row in enumerate(bins, rows.start):
            if searched[number]:
                total += np.bincount(row[known], minlength=BINS)
                right, without = (places[known[places]] for places in matches.of(number))
                same += np.bincount(row[right], minlength=BINS)
                left_out += np.bincount(row[without], minlength=BINS)
    return Histogram(same, total - same - left_out)


def write_rank_curve_png(path: Path, ranking: Ranking) -> Path:
    """Draw the share of queries with a right picture among the first 1, 2, ... of the gallery."""
    shares = PERCENT * ranking.cumulative_matches()
    figure, axes = _figure()
    axes.plot(np.arange(1, len(shares) + 1), shares, marker=".", color="tab:blue")
    axes.set_title(
        f"Cumulative matches of {ranking.count} queries, mAP {PERCENT * ranking.mean_average_precision:.2f} %"
    )
    axes.set_xlabel("rank")
    axes.set_ylabel("queries with a right picture up to this rank, %")
    axes.set_xlim(1, len(shares))
    axes.set_ylim(top=101)
    axes.grid(visible=True, alpha=0.3)
    figure.savefig(path, dpi=100)
    return path


def write_distance_histogram_png(path: Path, histogram: Histogram, distance: str) -> Path:
    """Draw the share of the pairs of the same person, and of different ones, at each distance."""
    figure, axes = _figure()
    edges = np.linspace(0, LARGEST, BINS + 1)
    used = np.flatnonzero(histogram.same + histogram.different)
    kinds = (("same person", histogram.same, "tab:green"), ("different persons", histogram.different, "tab:red"))
    for label, counts, colour in kinds:
        pairs = int(counts.sum())
        shares = PERCENT * counts / max(pairs, 1)
        axes.stairs(shares, edges, fill=True, alpha=0.5, color=colour, label=f"{label}, {pairs} pairs")
    if len(used):
        axes.set_xlim(edges[used[0]], edges[used[-1] + 1])
    axes.set_title("Distances of queries to pictures of the gallery")
    axes.set_xlabel(f"{distance} distance")
    axes.set_ylabel("pairs of the kind, %")
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
