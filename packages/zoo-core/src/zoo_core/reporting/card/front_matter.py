"""Own the YAML at the top of a card, by which model hubs file it and list its results."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any

import yaml

from zoo_core.names import is_name
from zoo_core.reporting.card.subject import Subject
from zoo_core.results import BenchmarkResult, DeploymentResult, EvaluationResult, MetricValue
from zoo_core.runs.store import RunRecord

LIBRARY = "zoo"
PIPELINES = {
    "classification": "image-classification",
    "detection": "object-detection",
    "reid": "image-feature-extraction",
    "pose": "keypoint-detection",
}
"""Use case -> what hubs call it."""
HUB_METRICS = {
    "top1": "accuracy",
    "macro_precision": "precision",
    "macro_recall": "recall",
    "macro_f1": "f1",
    "map": "mean_average_precision",
}
"""Metric -> what hubs call it; any other keeps its name."""
HOST = "host"
DIGITS = 4
UNKNOWN_DATA = "unnamed"


def front_matter(record: RunRecord, subject: Subject, license_id: str | None) -> dict[str, Any]:
    """Return the front matter, without what is not known."""
    metrics = [metric for _, metric in _evaluated(record)]
    pipeline = PIPELINES.get(subject.use_case)
    found = {
        "library_name": LIBRARY,
        "pipeline_tag": pipeline,
        "license": license_id,
        "tags": _tags(record, subject),
        "datasets": [subject.dataset] if subject.dataset_named else [],
        "metrics": list(dict.fromkeys(_hub_name(metric) for metric in metrics)),
        "model-index": _model_index(record, subject, pipeline) if metrics else [],
    }
    return {key: value for key, value in found.items() if value}


def as_yaml(data: dict[str, Any]) -> str:
    """Return the block with its rules, as it stands at the top of a card."""
    return f"---\n{yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=1000)}---"


def _tags(record: RunRecord, subject: Subject) -> list[str]:
    tags = ["stm32"]
    if subject.main.path.suffix == ".onnx":
        tags.append("onnx")
    if subject.quantized:
        tags += ["int8", "quantized"]
    tags += [
        stage.result.target
        for stage in record.results
        if isinstance(stage.result, BenchmarkResult | DeploymentResult) and stage.result.target != HOST
    ]
    tags += [name for name in (subject.use_case, subject.architecture) if is_name(name)]
    return list(dict.fromkeys(tags))


def _model_index(record: RunRecord, subject: Subject, pipeline: str | None) -> list[dict[str, Any]]:
    """Return one result per split, with one metric per model and name."""
    task = {"type": pipeline or subject.use_case or "other"}
    name = subject.dataset or UNKNOWN_DATA
    by_split: dict[str, dict[str, dict[str, Any]]] = {}
    for split, metric in _evaluated(record):
        unit = f", {metric.unit}" if metric.unit else ""
        label = f"{metric.name} ({metric.model}{unit})"
        entry = {"type": _hub_name(metric), "value": round(metric.value, DIGITS), "name": label}
        by_split.setdefault(split, {})[label] = entry
    results = [
        {"task": task, "dataset": {"type": name, "name": name, "split": split}, "metrics": list(metrics.values())}
        for split, metrics in by_split.items()
    ]
    return [{"name": subject.name, "results": results}]


def _evaluated(record: RunRecord) -> Iterator[tuple[str, MetricValue]]:
    for stage in record.results:
        if isinstance(stage.result, EvaluationResult):
            for metric in stage.result.metrics:
                if isfinite(metric.value):
                    yield stage.result.split, metric


def _hub_name(metric: MetricValue) -> str:
    return HUB_METRICS.get(metric.name, metric.name)
