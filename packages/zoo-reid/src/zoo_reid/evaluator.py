"""Own the metrics of re-identification: how well the gallery is ranked for every query."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_core.charts import Drawing
from zoo_core.results import MetricValue
from zoo_reid.config.evaluation import ReidEvaluationSection
from zoo_reid.labels import GALLERY, QUERY, PersonLabel, PersonTargets
from zoo_reid.metrics.charts import distance_chart, rank_chart
from zoo_reid.metrics.confidence import mean_intervals
from zoo_reid.metrics.gathered import Gathered, Search
from zoo_reid.metrics.histogram import Histogram, distance_histogram
from zoo_reid.metrics.pictures import write_distance_histogram_png, write_per_query_csv, write_rank_curve_png
from zoo_reid.metrics.ranking import Ranking, rank, rank_blocks
from zoo_reid.metrics.reranking import reranked_blocks

log = logging.getLogger("zoo")

PERCENT = 100.0
RANKS = (1, 5, 10)
INTERVALS = ("map", "rank1")
MODEL = "_model"


@dataclass(frozen=True)
class _Measured:
    """Hold what is computed once of all that was gathered."""

    section: ReidEvaluationSection
    search: Search
    ranking: Ranking
    reranked: Ranking | None

    @cached_property
    def histogram(self) -> Histogram:
        """Return the distances of all pairs that count."""
        return distance_histogram(
            self.search.query,
            self.search.gallery,
            distance=self.section.reid_distance_metric,
            same_camera=self.section.same_camera,
            same_set=self.search.same_set,
        )


class ReidEvaluator:
    """Gather embeddings batch by batch and search for every query at the end.

    Queries without a right picture in the gallery do not count; where none counts, every metric is 0. Pictures are
    ordered by their labels and embeddings, so that equal distances are ordered alike however many processes worked.
    """

    def __init__(self, section: ReidEvaluationSection) -> None:
        self.section = section
        self._parts: list[Gathered] = []
        self._measured: _Measured | None = None

    def update(self, outputs: Sequence[npt.NDArray[np.float32]], targets: PersonTargets) -> None:
        """Take embeddings of shape (N, D) or (N, D, 1, 1), and logits where there is a third output.

        Raises:
            UserError: When there is not one embedding for every picture.
        """
        self._parts.append(Gathered.of(outputs, targets.labels))
        self._measured = None

    def state(self) -> Gathered:
        """Return what was gathered."""
        return Gathered.union(self._parts)

    def merge(self, states: Sequence[Any]) -> None:
        """Replace what was gathered by the union of several states."""
        self._parts = list(states)
        self._measured = None

    def compute(self) -> tuple[MetricValue, ...]:
        """Return mAP, mINP and CMC in percent, the first and rank-1 with intervals, and those after re-ranking.

        `accuracy` of the identity head is there only when it saw pictures of persons that it knows.

        Raises:
            UserError: When the embeddings differ in length.
        """
        measured = self._measure()
        values = _means(measured.ranking) | self._intervals(measured.ranking)
        if measured.reranked is not None:
            values |= {f"reranked_{name}": value for name, value in _means(measured.reranked).items()}
        judged = sum(part.judged for part in self._parts)
        if judged:
            values["accuracy"] = sum(part.right for part in self._parts) / judged
        return tuple(MetricValue(name=name, value=PERCENT * value, unit="%") for name, value in values.items())

    def per_class(self) -> tuple[Mapping[str, Any], ...]:
        """Return for each identity searched for: queries that count, mean AP and rank-1 of these in percent."""
        measured = self._measure()
        identities, ranking = measured.search.query.identities, measured.ranking
        rows = []
        for number in np.unique(identities):
            own = (identities == number) & ranking.valid
            count = int(np.count_nonzero(own))
            precision, hits = ranking.average_precision[own].sum(), np.count_nonzero(ranking.first_hit[own] == 0)
            rows.append(
                {
                    "identity": measured.search.names[number],
                    "queries": count,
                    "ap": PERCENT * float(precision) / max(count, 1),
                    "rank1": PERCENT * hits / max(count, 1),
                }
            )
        return tuple(rows)

    def write(self, directory: Path, stem: str) -> tuple[Path, ...]:
        """Write the rank curve, the histogram of distances and the table of queries.

        The names start with the stem up to `_model`: `float_model_reid_rank_curve.png`,
        `float_model_reid_distance_histogram.png`, `float_model_reid_per_query.csv`.
        """
        measured = self._measure()
        search, ranking, distance = measured.search, measured.ranking, self.section.reid_distance_metric
        _report_unanswerable(ranking)
        directory.mkdir(parents=True, exist_ok=True)
        head, model, _ = stem.partition(MODEL)
        start = f"{head}{model}_reid"
        return (
            write_rank_curve_png(directory / f"{start}_rank_curve.png", ranking),
            write_distance_histogram_png(directory / f"{start}_distance_histogram.png", measured.histogram, distance),
            write_per_query_csv(directory / f"{start}_per_query.csv", search.query, search.names, ranking),
        )

    def drawings(self) -> tuple[Drawing, ...]:
        """Return the curve of cumulative matches and the histogram of distances; nothing where no query counts."""
        measured = self._measure()
        if not measured.ranking.count:
            return ()
        search = measured.search
        others = len(search.gallery) - search.same_set
        return (
            rank_chart(measured.ranking, others),
            distance_chart(measured.histogram, self.section.reid_distance_metric),
        )

    def image_scores(self) -> tuple[float, ...]:
        """Return the average precision of each query; `nan` for pictures that are no query or do not count."""
        ranking = self._measure().ranking
        return self._by_picture(np.where(ranking.valid, ranking.average_precision, np.nan), np.nan)

    def right_images(self) -> tuple[bool, ...]:
        """Tell of each picture whether it is a query whose first answer is right."""
        return self._by_picture(self._measure().ranking.first_hit == 0, False)

    def _by_picture(self, values: npt.NDArray[Any], others: Any) -> tuple[Any, ...]:
        """Return a value of each query for every picture, in the order in which pictures were taken."""
        query, taken = self._measure().search.query, self._parts[0].taken
        result = np.full(len(taken), others, dtype=values.dtype)
        result[taken if query.pictures is None else taken[query.pictures]] = values
        return tuple(result.tolist())

    def outputs_for(
        self, images: Sequence[int]
    ) -> tuple[tuple[int, ...], tuple[npt.NDArray[np.float32]], tuple[PersonLabel, ...]]:
        """Return places, embeddings and labels of some queries and of the whole gallery.

        Pictures that are query and gallery are part of the gallery alone where they are not asked for.
        """
        self._measure()
        gathered, wanted = self._parts[0], frozenset(images)
        chosen = [
            (place, number, label if place in wanted else replace(label, role=GALLERY))
            for number, (place, label) in enumerate(zip(gathered.taken.tolist(), gathered.labels, strict=True))
            if place in wanted or label.role != QUERY
        ]
        places, numbers, labels = zip(*chosen, strict=True)
        return places, (gathered.vectors[list(numbers)],), labels

    def _intervals(self, ranking: Ranking) -> dict[str, float]:
        """Return the bounds of the 95 % intervals of mAP and rank-1, from 0 to 1."""
        if not self.section.bootstrap:
            return {}
        columns = [ranking.average_precision, (ranking.first_hit == 0).astype(np.float64)]
        values = np.stack(columns, axis=1)[ranking.valid]
        bounds = mean_intervals(values, self.section.bootstrap, self.section.seed)
        return {
            f"{name}_{side}": float(bound)
            for name, interval in zip(INTERVALS, bounds, strict=True)
            for side, bound in zip(("low", "high"), interval, strict=True)
        }

    def _measure(self) -> _Measured:
        if self._measured is None:
            self._parts = [Gathered.union(self._parts).ordered()]
            search = Search.of(self._parts[0])
            self._measured = _Measured(self.section, search, self._rank(search), self._rerank(search))
        return self._measured

    def _rank(self, search: Search) -> Ranking:
        return rank(
            search.query,
            search.gallery,
            distance=self.section.reid_distance_metric,
            same_camera=self.section.same_camera,
            same_set=search.same_set,
        )

    def _rerank(self, search: Search) -> Ranking | None:
        """Return how well queries are answered after re-ranking, where it is asked for."""
        section = self.section
        if not section.reranking:
            return None
        blocks = reranked_blocks(
            search.query,
            search.gallery,
            k1=section.reranking_k1,
            k2=section.reranking_k2,
            weight=section.reranking_lambda,
            same_set=search.same_set,
        )
        return rank_blocks(
            ((rows, np.negative(distances, out=distances)) for rows, distances in blocks),
            search.query,
            search.gallery,
            same_camera=section.same_camera,
            same_set=search.same_set,
        )


def _means(ranking: Ranking) -> dict[str, float]:
    """Return the means over the queries that count, from 0 to 1."""
    shares = ranking.cumulative_matches(max(RANKS))
    ranks = {f"rank{number}": float(shares[number - 1]) for number in RANKS}
    return {"map": ranking.mean_average_precision, "minp": ranking.mean_inverse_penalty, **ranks}


def _report_unanswerable(ranking: Ranking) -> None:
    """Tell the user of queries that nobody could answer."""
    queries = len(ranking.valid)
    if ranking.count < queries:
        log.warning(
            "%d of %d queries have no right picture in the gallery and do not count.", queries - ranking.count, queries
        )
