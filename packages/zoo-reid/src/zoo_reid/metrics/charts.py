"""Own the numbers behind the curves of an evaluation, as reports draw them."""

from __future__ import annotations

import numpy as np

from zoo_core.charts import POINTS, Chart, Series, thinned_series
from zoo_reid.metrics.histogram import BINS, LARGEST, PERCENT, Histogram, percent
from zoo_reid.metrics.ranking import Ranking

RANKS = 20
"""Largest number of ranks in the chart of cumulative matches."""
CURVE_HEIGHT = "queries with a right picture up to this rank, %"
HISTOGRAM_TITLE = "Distances of queries to pictures of the gallery"
HISTOGRAM_HEIGHT = "pairs of the kind, %"


def curve_title(ranking: Ranking) -> str:
    """Return the title of the curve of cumulative matches."""
    return f"Cumulative matches of {ranking.count} queries, mAP {PERCENT * ranking.mean_average_precision:.2f} %"


def rank_chart(ranking: Ranking, gallery: int) -> Chart:
    """Return the share of queries with a right picture among the first 1, 2, ... pictures of a gallery of that size."""
    shares = PERCENT * ranking.cumulative_matches(max(1, min(RANKS, gallery)))
    series = thinned_series("queries answered", range(1, len(shares) + 1), shares.tolist(), emphasis=True)
    return Chart(
        name="rank_curve",
        title=curve_title(ranking),
        x_label="rank",
        y_label=CURVE_HEIGHT,
        series=(series,),
        percent=True,
    )


def distance_chart(histogram: Histogram, distance: str) -> Chart:
    """Return the share of the pairs of each kind over the distance, at the middle of each step.

    Steps without pairs at both ends are left out; so many steps are taken as one that a curve stays small.
    """
    used = histogram.used
    together = max(1, -(-(used.stop - used.start) // POINTS))
    starts = np.arange(used.start, used.stop, together)
    places = (starts + together / 2) * (LARGEST / BINS)
    series = [
        Series(label=label, x=tuple(places.tolist()), y=tuple(np.add.reduceat(percent(counts), starts).tolist()))
        for label, counts in histogram.kinds
        if counts.any()
    ]
    return Chart(
        name="distances",
        title=HISTOGRAM_TITLE,
        x_label=f"{distance} distance",
        y_label=HISTOGRAM_HEIGHT,
        series=tuple(series),
        percent=True,
    )
