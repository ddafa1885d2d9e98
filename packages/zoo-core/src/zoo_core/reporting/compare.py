"""Own the comparison of runs: what differs in configuration, metrics, files and time, by each metric's direction."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, sqrt
from typing import Any, Literal

from zoo_core.artifacts import FloatOnnx, QuantizedOnnx
from zoo_core.reporting.comparability import warnings_about
from zoo_core.results import FLOAT, INT8, BenchmarkResult, EvaluationResult, MetricValue, QuantizationResult
from zoo_core.runs.store import RunRecord, StageRecord

Verdict = Literal["better", "worse", "same", "unknown"]

OWN_KEYS = frozenset({"hydra.run.dir"})
"""Keys that name the run itself, and so differ in any two runs."""
SHARE_OF_IMAGES = re.compile(r"top\d+")
"""Names of metrics that are the share of images that are right."""
PERCENT = 100.0
BYTES = "bytes"
SIZE = "onnx_size"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """Hold what a run is, beside its name."""

    name: str
    run_dir: str
    """Absolute path of its folder."""
    status: str
    created: str
    use_case: str
    operation_mode: str
    model_name: str | None
    evaluated: Mapping[str, int] = field(default_factory=dict)
    """Split -> number of images that its evaluation counted."""
    boards: tuple[str, ...] = ()
    """Devices that it was measured on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDifference:
    """Hold one key whose value is not the same in all runs; an absent key is `None`."""

    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricComparison:
    """Hold one metric of several runs, each judged against the first; a run without it has `None` everywhere."""

    key: str
    unit: str
    higher_is_better: bool
    values: tuple[float | None, ...]
    verdicts: tuple[Verdict, ...]
    differences: tuple[float | None, ...] = ()
    """Value of each run minus that of the first."""
    images: tuple[int | None, ...] = ()
    """Number of images that the value was measured on, where it is known."""
    standard_errors: tuple[float | None, ...] = ()
    """Of shares of images alone, in the unit of the metric: sqrt(p (1 - p) / images)."""

    @property
    def differs(self) -> bool:
        """Tell whether any run has another value than the first."""
        return any(value != self.values[0] for value in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeComparison:
    """Hold the seconds of one stage, or of the whole run, in several runs; `None` where there is no such stage."""

    stage: str
    seconds: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Hold what differs between runs; every tuple of values has one per run, in the order of `runs`."""

    runs: tuple[str, ...]
    configuration: tuple[ConfigDifference, ...]
    metrics: tuple[MetricComparison, ...]
    details: tuple[ComparedRun, ...] = ()
    warnings: tuple[str, ...] = ()
    """Why the runs cannot be compared directly, each a whole sentence."""
    sizes: tuple[MetricComparison, ...] = ()
    """Sizes in bytes of the model files that the runs made."""
    times: tuple[TimeComparison, ...] = ()
    """Each stage in order, then `total`."""
    same: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the configuration that have the same value in all runs."""


def compare_runs(records: Sequence[RunRecord]) -> Comparison:
    """Compare runs with the first of them."""
    different, same = _configuration([record.manifest.config for record in records])
    details = tuple(_describe(record) for record in records)
    return Comparison(
        runs=tuple(run.name for run in details),
        configuration=different,
        metrics=_metrics([record.metrics for record in records], [run.evaluated for run in details]),
        details=details,
        warnings=warnings_about(records),
        sizes=_metrics([_sizes(record) for record in records]),
        times=_times(records),
        same=same,
    )


def flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one mapping with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in data.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{name}."))
        else:
            flat[name] = value
    return flat


def standard_error(share: float, images: int) -> float | None:
    """Return one standard error of a share in percent of so many images, in percent.

    Nothing comes of shares of 0 and 100 %, about which the formula says nothing.
    """
    p = share / PERCENT
    return PERCENT * sqrt(p * (1 - p) / images) if 0 < p < 1 and images > 0 else None


def _describe(record: RunRecord) -> ComparedRun:
    results = [stage.result for stage in record.results]
    folder = record.run_dir.resolve()
    return ComparedRun(
        name=folder.name,
        run_dir=str(folder),
        status=record.manifest.status,
        created=record.manifest.created,
        use_case=record.manifest.use_case,
        operation_mode=record.manifest.operation_mode,
        model_name=record.manifest.model_name,
        evaluated={result.split: result.images for result in results if isinstance(result, EvaluationResult)},
        boards=tuple(dict.fromkeys(result.device for result in results if isinstance(result, BenchmarkResult))),
    )


def _configuration(
    configs: Sequence[Mapping[str, Any]],
) -> tuple[tuple[ConfigDifference, ...], dict[str, Any]]:
    flat = [flatten(config) for config in configs]
    keys = [key for key in dict.fromkeys(key for config in flat for key in config) if key not in OWN_KEYS]
    rows = [ConfigDifference(key=key, values=tuple(config.get(key) for config in flat)) for key in keys]
    different = tuple(row for row in rows if any(value != row.values[0] for value in row.values))
    names = {row.key for row in different}
    return different, {row.key: row.values[0] for row in rows if row.key not in names}


def _metrics(
    runs: Sequence[Sequence[MetricValue]], evaluated: Sequence[Mapping[str, int]] = ()
) -> tuple[MetricComparison, ...]:
    by_key = [{metric.key: metric for metric in metrics} for metrics in runs]
    keys = dict.fromkeys(key for metrics in by_key for key in metrics)
    counts = evaluated or [{} for _ in runs]
    return tuple(_compare(key, [metrics.get(key) for metrics in by_key], counts) for key in keys)


def _compare(key: str, found: Sequence[MetricValue | None], evaluated: Sequence[Mapping[str, int]]) -> MetricComparison:
    known = next(metric for metric in found if metric is not None)
    images = tuple(
        None if metric is None else counts.get(metric.split) for metric, counts in zip(found, evaluated, strict=True)
    )
    return MetricComparison(
        key=key,
        unit=known.unit,
        higher_is_better=known.higher_is_better,
        values=tuple(None if metric is None else metric.value for metric in found),
        verdicts=tuple(_judge(metric, found[0]) for metric in found),
        differences=tuple(_difference(metric, found[0]) for metric in found),
        images=images,
        standard_errors=tuple(_error(metric, count) for metric, count in zip(found, images, strict=True)),
    )


def _judge(metric: MetricValue | None, reference: MetricValue | None) -> Verdict:
    if _difference(metric, reference) is None or metric is None or reference is None:
        return "unknown"
    if metric.value == reference.value:
        return "same"
    return "better" if (metric.value > reference.value) == metric.higher_is_better else "worse"


def _difference(metric: MetricValue | None, reference: MetricValue | None) -> float | None:
    if metric is None or reference is None:
        return None
    difference = metric.value - reference.value
    return difference if isfinite(difference) else None


def _error(metric: MetricValue | None, images: int | None) -> float | None:
    if metric is None or images is None or metric.unit != "%" or not SHARE_OF_IMAGES.fullmatch(metric.name):
        return None
    return standard_error(metric.value, images)


def _sizes(record: RunRecord) -> tuple[MetricValue, ...]:
    """Return the sizes of the ONNX files of a run: as its quantization states them, else those of its files."""
    sizes: dict[str, int] = {}
    for stage in record.results:
        made = stage.artifact
        if isinstance(made, FloatOnnx | QuantizedOnnx) and made.path.is_file():
            sizes[FLOAT if isinstance(made, FloatOnnx) else INT8] = made.path.stat().st_size
        if isinstance(stage.result, QuantizationResult):
            sizes |= {FLOAT: stage.result.float_bytes, INT8: stage.result.quantized_bytes}
    return tuple(
        MetricValue(name=SIZE, value=float(sizes[model]), unit=BYTES, higher_is_better=False, model=model)
        for model in (FLOAT, INT8)
        if model in sizes
    )


def _times(records: Sequence[RunRecord]) -> tuple[TimeComparison, ...]:
    by_run = [_seconds(record.results) for record in records]
    stages = dict.fromkeys(name for seconds in by_run for name in seconds)
    rows = [TimeComparison(stage=name, seconds=tuple(seconds.get(name) for seconds in by_run)) for name in stages]
    totals = tuple(sum(seconds.values()) if seconds else None for seconds in by_run)
    return (*rows, TimeComparison(stage="total", seconds=totals)) if rows else ()


def _seconds(results: Sequence[StageRecord]) -> dict[str, float]:
    """Return the seconds of each stage by its service; the second of a kind is `evaluation 2`."""
    seen: Counter[str] = Counter()
    seconds: dict[str, float] = {}
    for record in results:
        service = record.stage.service
        seen[service] += 1
        seconds[service if seen[service] == 1 else f"{service} {seen[service]}"] = record.seconds
    return seconds
