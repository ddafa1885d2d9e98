"""Own the tables of a card that hold measured numbers: float beside int8, and what each board needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from zoo_core.reporting.card.markdown import bullets, escape, section, table
from zoo_core.reporting.card.paths import Places
from zoo_core.reporting.card.subject import Subject
from zoo_core.reporting.metric_text import metric_text
from zoo_core.reporting.summary import SummaryRow, summarize
from zoo_core.results import BenchmarkResult, DeploymentResult, EvaluationResult, MetricValue, Result
from zoo_core.runs.store import RunRecord, StageRecord

FLOAT_HEAD, INT8_HEAD, DIFFERENCE_HEAD, VALUE_HEAD = "float", "int8", "int8 - float", "value"
HOST = "host"
BY_EMULATOR = "emulat"


def results_section(record: RunRecord, subject: Subject) -> str:
    """Return the metrics of the evaluations, and of what other stages measured on images."""
    evaluations = [stage for stage in record.results if isinstance(stage.result, EvaluationResult)]
    others = [stage for stage in record.results if not isinstance(stage.result, EvaluationResult)]
    parts = []
    for split in dict.fromkeys(
        stage.result.split for stage in evaluations if isinstance(stage.result, EvaluationResult)
    ):
        same = [
            stage for stage in evaluations if isinstance(stage.result, EvaluationResult) and stage.result.split == split
        ]
        parts += [
            _evaluated_on(same, record, subject),
            _metrics(metric for stage in same for metric in stage.result.metrics),
        ]
    for stage in others:
        metrics = [metric for metric in stage.result.metrics if metric.split]
        if metrics:
            parts += [f"As measured by the stage {escape(stage.stage.id)}:", _metrics(metrics, with_split=True)]
    return section("Results", *parts)


def boards_section(record: RunRecord, places: Places) -> str:
    """Return footprint and speed on each board or machine that was measured, with what was found there."""
    by_device: dict[str, list[StageRecord]] = {}
    for stage in record.results:
        if isinstance(stage.result, BenchmarkResult | DeploymentResult):
            by_device.setdefault(_device(stage.result), []).append(stage)
    parts: list[str] = []
    for device, stages in by_device.items():
        metrics = [metric for stage in stages for metric in stage.result.metrics if not metric.split]
        found = [text for stage in stages for text in _findings(stage, places, named=len(stages) > 1)]
        parts += [
            f"### {escape(device)}",
            _where(stages[0]),
            _metrics(metrics, directions=False),
            bullets(dict.fromkeys(found)),
        ]
    return section("Footprint and speed", *parts)


def _device(result: Result) -> str:
    if isinstance(result, BenchmarkResult):
        return result.device
    return result.target if isinstance(result, DeploymentResult) else ""


def _findings(stage: StageRecord, places: Places, *, named: bool) -> Iterator[str]:
    """Yield the findings of a stage, with its name where several stages have some on one device, then its notes."""
    of = f"{escape(stage.stage.id)}, " if named else ""
    for name, text in stage.result.facts.items():
        yield f"{of}{escape(name.replace('_', ' '))}: {escape(places.clean(text))}"
    for text in stage.result.notes:
        yield escape(places.clean(text))


def _evaluated_on(stages: Sequence[StageRecord], record: RunRecord, subject: Subject) -> str:
    """Say on how many images of which split, and where the quantized model was computed."""
    result = stages[-1].result
    if not isinstance(result, EvaluationResult):
        return ""
    of = f" of {escape(subject.dataset)}" if subject.dataset else ""
    evaluation = record.manifest.config.get("evaluation")
    target = evaluation.get("target") if isinstance(evaluation, dict) else None
    where = f", the last model computed on {escape(target)}" if target and target != HOST else ""
    return f"On {result.images} images of the split {escape(result.split)}{of}{where}:"


def _where(stage: StageRecord) -> str:
    result = stage.result
    if not isinstance(result, BenchmarkResult | DeploymentResult):
        return ""
    measured_on = str(result.details.get("measured_on") or "")
    if BY_EMULATOR in f"{measured_on} {_device(result)}".lower():
        return "Measured on an emulator, not on the board."
    if result.target == HOST:
        return "Measured on a computer with ONNX Runtime, not on a board."
    return f"Measured on {escape(measured_on)}." if measured_on else ""


def _metrics(metrics: Iterable[MetricValue], *, with_split: bool = False, directions: bool = True) -> str:
    """Return a table with the columns that hold anything."""
    rows = summarize(tuple(metrics))
    if not rows:
        return ""
    columns = {
        FLOAT_HEAD: [metric_text(row.float_value, row.unit) for row in rows],
        INT8_HEAD: [metric_text(row.int8_value, row.unit) for row in rows],
        DIFFERENCE_HEAD: [metric_text(row.difference, row.unit, signed=True) for row in rows],
        VALUE_HEAD: [metric_text(row.other_value, row.unit) for row in rows],
    }
    shown = {head: cells for head, cells in columns.items() if any(cell != "-" for cell in cells)}
    return table(
        ["metric", *shown],
        [
            [_name(row, with_split=with_split, directions=directions), *cells]
            for row, *cells in zip(rows, *shown.values(), strict=True)
        ],
        right=list(shown),
    )


def _name(row: SummaryRow, *, with_split: bool, directions: bool) -> str:
    better = " (lower is better)" if directions and not row.higher_is_better else ""
    split = f", {row.split}" if with_split and row.split else ""
    return escape(f"{row.name}{split}{better}")
