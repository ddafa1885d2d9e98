"""Own the tables of metrics in a report: float beside int8, what the difference means, each class on its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zoo_core.reporting.metric_text import metric_text
from zoo_core.reporting.summary import SummaryRow, summarize
from zoo_core.results import EvaluationResult
from zoo_core.runs.store import RunRecord

HOST = "host"
MOST_CLASSES = 200
"""Classes that the table of classes shows."""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """Hold one metric as a report shows it."""

    row: SummaryRow

    def __getattr__(self, name: str) -> Any:
        """Return what the row of the summary holds."""
        return getattr(self.row, name)

    @property
    def float_text(self) -> str:
        """Return the value of the float model."""
        return metric_text(self.row.float_value, self.row.unit)

    @property
    def int8_text(self) -> str:
        """Return the value of the quantized model."""
        return metric_text(self.row.int8_value, self.row.unit)

    @property
    def other_text(self) -> str:
        """Return the value that belongs to no model."""
        return metric_text(self.row.other_value, self.row.unit)

    @property
    def difference_text(self) -> str:
        """Return what quantization changed."""
        return metric_text(self.row.difference, self.row.unit, signed=True)

    @property
    def verdict(self) -> str:
        """Return whether the quantized model is `better` or `worse`; nothing where it is neither."""
        difference = self.row.difference
        if not difference:
            return ""
        return "better" if (difference > 0) == self.row.higher_is_better else "worse"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricTable:
    """Hold metrics that belong together."""

    title: str
    rows: tuple[MetricRow, ...]
    note: str = ""

    @property
    def has_float(self) -> bool:
        """Tell whether a float model was measured."""
        return any(row.float_value is not None for row in self.rows)

    @property
    def has_int8(self) -> bool:
        """Tell whether a quantized model was measured."""
        return any(row.int8_value is not None for row in self.rows)

    @property
    def has_difference(self) -> bool:
        """Tell whether both were measured."""
        return any(row.difference is not None for row in self.rows)

    @property
    def has_other(self) -> bool:
        """Tell whether a value belongs to no model."""
        return any(row.other_value is not None for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTable:
    """Hold one row per class, as an evaluation reports it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int


def metric_rows(record: RunRecord) -> tuple[MetricRow, ...]:
    """Return every metric of a run; those of evaluations stand before those of other stages."""
    evaluated = [
        m for stage in record.results if isinstance(stage.result, EvaluationResult) for m in stage.result.metrics
    ]
    others = [
        metric
        for stage in record.results
        if not isinstance(stage.result, EvaluationResult)
        for metric in stage.result.metrics
    ]
    return tuple(MetricRow(row) for row in summarize([*evaluated, *others]))


def metric_tables(record: RunRecord, rows: tuple[MetricRow, ...]) -> tuple[MetricTable, ...]:
    """Return the metrics in one table per split, and those of no split in a last one."""
    images = {
        stage.result.split: stage.result.images
        for stage in record.results
        if isinstance(stage.result, EvaluationResult)
    }
    splits = dict.fromkeys(row.split for row in rows if row.split)
    tables = [
        MetricTable(
            title=f"{split} set",
            rows=tuple(row for row in rows if row.split == split),
            note=_note(record, images.get(split)),
        )
        for split in splits
    ]
    rest = tuple(row for row in rows if not row.split)
    return (*tables, MetricTable(title="Size and speed", rows=rest)) if rest else tuple(tables)


def class_table(record: RunRecord) -> ClassTable | None:
    """Return the table of classes of the last evaluation that has one."""
    found = [stage.result for stage in record.results if isinstance(stage.result, EvaluationResult)]
    rows = next((result.per_class for result in reversed(found) if result.per_class), ())
    if not rows:
        return None
    columns = tuple(rows[0])
    cells = tuple(tuple(_cell(row.get(column)) for column in columns) for row in rows[:MOST_CLASSES])
    return ClassTable(columns=columns, rows=cells, left_out=max(len(rows) - MOST_CLASSES, 0))


def _note(record: RunRecord, images: int | None) -> str:
    if images is None:
        return ""
    section: Mapping[str, Any] = record.manifest.config.get("evaluation") or {}
    target = section.get("target") or HOST
    where = "" if target == HOST else f"; int8 computed on {target}"
    return f"{images} images{where}"


def _cell(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else "" if value is None else str(value)
