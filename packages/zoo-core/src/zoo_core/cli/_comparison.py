"""Own how `zoo runs compare` reads its runs and prints what differs between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo_core.cli import _output as output
from zoo_core.errors import RunStoreError, UserError
from zoo_core.reporting.metric_text import metric_text

if TYPE_CHECKING:
    from zoo_core.reporting.compare import Comparison, MetricComparison, Verdict
    from zoo_core.runs.store import RunRecord

SEVERAL = 2
"""Runs that a comparison needs at least."""
USAGE = "zoo runs compare RUN_DIR RUN_DIR..."
SIZES = {"float/onnx_size": "float ONNX", "int8/onnx_size": "int8 ONNX"}
VERDICTS: dict[Verdict, str] = {"better": ", better", "worse": ", worse"}


def read_runs(run_dirs: Sequence[Path]) -> list[RunRecord]:
    """Read the runs of a comparison.

    Raises:
        UserError: When there are fewer than two, one is named twice, or any cannot be read; names all of them.
    """
    from zoo_core.runs import store

    if len(run_dirs) < SEVERAL:
        msg = "A comparison needs two runs or more."
        raise UserError(msg, hint=f"{USAGE}   (zoo runs list DIR tells which there are)")
    folders = [path.resolve() for path in run_dirs]
    if twice := [str(path) for path in dict.fromkeys(folders) if folders.count(path) > 1]:
        msg = f"The same run is named more than once: {', '.join(twice)}."
        raise UserError(msg, hint=f"Name different runs: {USAGE}")
    records, problems = [], []
    for path in run_dirs:
        try:
            records.append(store.read_run(path))
        except RunStoreError as error:
            problems.append(error)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        hints = dict.fromkeys(problem.hint for problem in problems if problem.hint)
        raise RunStoreError("\n".join(problem.message for problem in problems), hint="\n".join(hints))
    return records


def emit_comparison(comparison: Comparison, *, show_all: bool = False) -> None:
    """Print what differs between runs, section by section; equal sections only when all is to be shown."""
    for text in comparison.warnings:
        output.emit_warning(text)
    columns = [f"{number}: {name}" for number, name in enumerate(comparison.runs, start=1)]
    tables = [
        _configuration(comparison, columns, show_all=show_all),
        _metrics("METRIC", comparison.metrics, columns, str, show_all=show_all),
        _metrics("FILE", comparison.sizes, columns, lambda key: SIZES.get(key, key), show_all=show_all),
        _times(comparison, columns),
    ]
    printed = 0
    for print_table in tables:
        if print_table is None:
            continue
        if printed:
            output.emit_text()
        print_table()
        printed += 1
    equal = _equal_sections(comparison, show_all=show_all)
    if equal:
        output.emit_note(f"Equal in all runs: {', '.join(equal)}; --all shows it.")


def _configuration(comparison: Comparison, columns: list[str], *, show_all: bool) -> Callable[[], None] | None:
    rows = [(row.key, [_value(value) for value in row.values]) for row in comparison.configuration]
    if show_all:
        rows += [(key, [_value(value)] * len(columns)) for key, value in comparison.same.items()]
    if not rows:
        return None
    return lambda: output.emit_table(["KEY", *columns], [[key, *values] for key, values in rows], wrap=columns)


def _metrics(
    head: str,
    metrics: Sequence[MetricComparison],
    columns: list[str],
    name: Callable[[str], str],
    *,
    show_all: bool,
) -> Callable[[], None] | None:
    if not metrics or not (show_all or any(metric.differs for metric in metrics)):
        return None
    rows = [[name(metric.key), *_cells(metric)] for metric in metrics]

    def print_table() -> None:
        output.emit_table([head, *columns], rows, wrap=columns, right=columns)
        for text in _standard_errors(metrics):
            output.emit_text(text)

    return print_table


def _times(comparison: Comparison, columns: list[str]) -> Callable[[], None] | None:
    from zoo_core.reporting.time_text import duration

    rows = [
        [row.stage, *("-" if seconds is None else duration(seconds) for seconds in row.seconds)]
        for row in comparison.times
    ]
    return (lambda: output.emit_table(["TIME", *columns], rows, right=columns)) if rows else None


def _cells(metric: MetricComparison) -> list[str]:
    """Return the value of each run, with its difference from the first and whether that is better."""
    return [
        metric_text(value, metric.unit) + _judgement(difference, verdict, metric.unit)
        for value, verdict, difference in zip(metric.values, metric.verdicts, metric.differences, strict=True)
    ]


def _judgement(difference: float | None, verdict: Verdict, unit: str) -> str:
    if difference is None or verdict not in VERDICTS:
        return ""
    text = metric_text(difference, unit, signed=True)
    if unit and unit != "bytes":
        text = text.removesuffix(f" {unit}")
    return f" ({text}{VERDICTS[verdict]})"


def _equal_sections(comparison: Comparison, *, show_all: bool) -> list[str]:
    if show_all:
        return []
    sections = {
        "the configuration": bool(comparison.configuration) or not comparison.same,
        "every metric": not comparison.metrics or any(metric.differs for metric in comparison.metrics),
        "the size of the files": not comparison.sizes or any(size.differs for size in comparison.sizes),
    }
    return [name for name, shown in sections.items() if not shown]


def _standard_errors(metrics: Sequence[MetricComparison]) -> list[str]:
    """Return a sentence per share of images that differs: how far chance alone moves it."""
    return [
        f"One standard error of {metric.key}, sqrt(p(1 - p)/n): "
        + "; ".join(
            f"run {number} {error:.2f} % of {images} images"
            for number, (error, images) in enumerate(zip(metric.standard_errors, metric.images, strict=True), start=1)
            if error is not None
        )
        for metric in metrics
        if set(metric.verdicts) & set(VERDICTS) and any(error is not None for error in metric.standard_errors)
    ]


def _value(value: object) -> str:
    return "-" if value is None else str(value)
