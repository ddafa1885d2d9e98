"""Own the comparison of runs: what differs in configuration, and which metric is better by its own direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from zoo_core.results import MetricValue
from zoo_core.runs.store import RunRecord

Verdict = Literal["better", "worse", "same", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDifference:
    """Hold one key whose value is not the same in all runs; an absent key is `None`."""

    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricComparison:
    """Hold one metric of several runs, each judged against the first."""

    key: str
    unit: str
    higher_is_better: bool
    values: tuple[float | None, ...]
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Hold what differs between runs."""

    runs: tuple[str, ...]
    configuration: tuple[ConfigDifference, ...]
    metrics: tuple[MetricComparison, ...]


def compare_runs(records: Sequence[RunRecord]) -> Comparison:
    """Compare runs with the first of them."""
    return Comparison(
        runs=tuple(record.run_dir.name for record in records),
        configuration=_configuration([record.manifest.config for record in records]),
        metrics=_metrics([record.metrics for record in records]),
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


def _configuration(configs: Sequence[Mapping[str, Any]]) -> tuple[ConfigDifference, ...]:
    flat = [flatten(config) for config in configs]
    keys = dict.fromkeys(key for config in flat for key in config)
    rows = (ConfigDifference(key=key, values=tuple(config.get(key) for config in flat)) for key in keys)
    return tuple(row for row in rows if any(value != row.values[0] for value in row.values))


def _metrics(runs: Sequence[Sequence[MetricValue]]) -> tuple[MetricComparison, ...]:
    by_key = [{metric.key: metric for metric in metrics} for metrics in runs]
    keys = dict.fromkeys(key for metrics in by_key for key in metrics)
    return tuple(_compare(key, [metrics.get(key) for metrics in by_key]) for key in keys)


def _compare(key: str, found: Sequence[MetricValue | None]) -> MetricComparison:
    known = next(metric for metric in found if metric is not None)
    return MetricComparison(
        key=key,
        unit=known.unit,
        higher_is_better=known.higher_is_better,
        values=tuple(None if metric is None else metric.value for metric in found),
        verdicts=tuple(_judge(metric, found[0]) for metric in found),
    )


def _judge(metric: MetricValue | None, reference: MetricValue | None) -> Verdict:
    if metric is None or reference is None:
        return "unknown"
    if metric.value == reference.value:
        return "same"
    return "better" if (metric.value > reference.value) == metric.higher_is_better else "worse"
