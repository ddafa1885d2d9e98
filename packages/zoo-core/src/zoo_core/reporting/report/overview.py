"""Own the top of a report: what the run is, its few decisive numbers, its chain with times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from zoo_core.reporting.metric_text import metric_text
from zoo_core.reporting.report.metric_tables import MetricRow
from zoo_core.reporting.time_text import duration
from zoo_core.runs.store import RunRecord

MINUTES = len("2026-11-20 14:12")
DECISIVE = ("total_flash", "total_ram", "latency_median", "inference_time", "instructions", "macs")
"""Figures of a benchmark that stand at the top, where they were measured."""
MOST_DECISIVE = 4
CLOSING = ("bit_exact", "fits", "board")
"""Findings that stand at the top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Hold one decisive number."""

    label: str
    value: str
    detail: str = ""
    verdict: str = ""
    """`better`, `worse`, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLine:
    """Hold one stage of the chain."""

    name: str
    status: str
    time: str
    share: float
    """Its part of the time of all stages, 0 to 1."""
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Hold the top of a report."""

    title: str
    status: str
    facts: tuple[tuple[str, str], ...]
    figures: tuple[Figure, ...]
    stages: tuple[StageLine, ...]
    total_time: str


def overview(record: RunRecord, rows: Iterable[MetricRow]) -> Overview:
    """Return the top of the report of a run.

    Args:
        record: The run.
        rows: Its metrics, those of evaluations first.
    """
    manifest = record.manifest
    seconds = [stage.seconds or 0.0 for stage in manifest.stages]
    total = sum(seconds)
    facts = [
        ("use case", manifest.use_case),
        ("mode", manifest.operation_mode),
        ("started", manifest.created.replace("T", " ")[:MINUTES]),
        ("project", "" if manifest.project_name == "<unnamed>" else manifest.project_name),
        *((name.replace("_", " "), _fact(record, name)) for name in CLOSING),
    ]
    return Overview(
        title=manifest.model_name or record.run_dir.resolve().name,
        status=manifest.status,
        facts=tuple((name, value) for name, value in facts if value),
        figures=tuple(_figures(list(rows))),
        stages=tuple(
            StageLine(
                name=stage.id,
                status=stage.status,
                time="" if stage.seconds is None else duration(stage.seconds),
                share=(stage.seconds or 0.0) / total if total else 0.0,
                error=stage.error or "",
            )
            for stage in manifest.stages
        ),
        total_time=duration(total),
    )


def _fact(record: RunRecord, name: str) -> str:
    return next((stage.result.facts[name] for stage in record.results if name in stage.result.facts), "")


def _figures(rows: list[MetricRow]) -> Iterable[Figure]:
    measured = [row for row in rows if row.split]
    if measured:
        yield _main(measured[0])
    found = {row.name: row for row in rows if not row.split}
    chosen = [found[name] for name in DECISIVE if name in found]
    for row in chosen[:MOST_DECISIVE]:
        value = next(value for value in (row.int8_value, row.float_value, row.other_value) if value is not None)
        yield Figure(label=row.name.replace("_", " "), value=metric_text(value, row.unit))


def _main(row: MetricRow) -> Figure:
    label = f"{row.name}, {row.split}"
    if row.int8_value is None or row.float_value is None:
        value = row.float_value if row.int8_value is None else row.int8_value
        return Figure(label=label, value=metric_text(value, row.unit))
    return Figure(
        label=f"{label}, int8",
        value=metric_text(row.int8_value, row.unit),
        detail=f"{row.difference_text} against float",
        verdict=row.verdict,
    )
