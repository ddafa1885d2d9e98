"""Own the page that sets runs side by side: what differs, what is better, and their training curves in one chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from zoo_core.charts import Chart, Series
from zoo_core.errors import RunStoreError
from zoo_core.reporting.compare import Comparison, MetricComparison
from zoo_core.reporting.metric_text import metric_text
from zoo_core.reporting.report.page import write_page
from zoo_core.reporting.report.training import training_charts
from zoo_core.reporting.time_text import duration
from zoo_core.runs.store import read_run

VERDICTS = ("better", "worse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Hold one value of one run."""

    text: str
    difference: str
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """Hold one metric, or the size of one file, of every run."""

    name: str
    cells: tuple[Cell, ...]
    note: str


def write_comparison(comparison: Comparison, path: Path) -> Path:
    """Write a comparison of runs as one file that needs nothing else, and return its path.

    Raises:
        RunStoreError: When the page cannot be written.
    """
    names = [f"{number}: {name}" for number, name in enumerate(comparison.runs, start=1)]
    return write_page(
        path,
        "comparison.html.jinja",
        comparison=comparison,
        names=names,
        metrics=[_row(metric) for metric in comparison.metrics],
        sizes=[_row(size) for size in comparison.sizes],
        times=[
            (row.stage, ["-" if seconds is None else duration(seconds) for seconds in row.seconds])
            for row in comparison.times
        ],
        charts=_charts([Path(run.run_dir) for run in comparison.details], names),
    )


def _row(metric: MetricComparison) -> ComparisonRow:
    values = zip(metric.values, metric.differences, metric.verdicts, strict=True)
    errors = [
        f"{number}: ± {error:.2f} %"
        for number, error in enumerate(metric.standard_errors, start=1)
        if error is not None
    ]
    return ComparisonRow(
        name=metric.key,
        cells=tuple(_cell(value, difference, verdict, metric.unit) for value, difference, verdict in values),
        note=f"one standard error: {', '.join(errors)}" if errors else "",
    )


def _cell(value: float | None, difference: float | None, verdict: str, unit: str) -> Cell:
    told = verdict in VERDICTS and difference is not None
    return Cell(
        text=metric_text(value, unit),
        difference=metric_text(difference, unit, signed=True) if told else "",
        verdict=verdict if told else "",
    )


def _charts(folders: Sequence[Path], names: Sequence[str]) -> list[Chart]:
    """Return the curves that several runs have, one chart each: on validation images, else in training."""
    together: dict[str, Chart] = {}
    for folder, name in zip(folders, names, strict=True):
        try:
            charts = training_charts(read_run(folder))
        except RunStoreError:
            continue
        for chart in charts:
            known = together.get(chart.name, replace(chart, series=(), x_mark=None))
            together[chart.name] = replace(known, series=(*known.series, _last(chart, name)))
    return [chart for chart in together.values() if len(chart.series) > 1]


def _last(chart: Chart, name: str) -> Series:
    return replace(chart.series[-1], label=name)
