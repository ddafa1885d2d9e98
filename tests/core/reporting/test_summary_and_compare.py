"""Summaries put float beside int8; comparisons judge each metric by its own direction."""

from pathlib import Path

import pytest

from zoo_core.protocols import Stage
from zoo_core.reporting.compare import compare_runs, flatten
from zoo_core.reporting.summary import summarize
from zoo_core.results import ExportResult, MetricValue
from zoo_core.runs.manifest import RunManifest
from zoo_core.runs.store import RunRecord, StageRecord


def metric(name, value, model="", split="test", *, higher=True):
    return MetricValue(name=name, value=value, unit="%", model=model, split=split, higher_is_better=higher)


def record(name, config, metrics):
    manifest = RunManifest(
        operation_mode="chain_tqe",
        use_case="classification",
        project_name="",
        model_name=None,
        config=config,
        config_file="",
        base_dir="",
        overrides=(),
        config_hash="",
        seed=0,
        created="",
    )
    result = ExportResult(
        opset=17, batch="1", parity_max_abs=0.0, parity_tolerance=0.0, parameters=0, metrics=tuple(metrics)
    )
    stage = StageRecord(stage=Stage(1, "export"), fingerprint="", seconds=0.0, result=result, artifact=None)
    return RunRecord(run_dir=Path(name), manifest=manifest, results=(stage,))


def test_summary_subtracts_float_from_int8():
    rows = summarize([metric("top1", 98.0, "int8"), metric("top1", 98.5, "float"), metric("top5", 100.0, "float")])
    assert [(row.name, row.float_value, row.int8_value) for row in rows] == [
        ("top1", 98.5, 98.0),
        ("top5", 100.0, None),
    ]
    assert rows[0].difference == pytest.approx(-0.5)
    assert rows[1].difference is None


def test_summary_keeps_splits_apart():
    rows = summarize([metric("top1", 1.0, "float", "validation"), metric("top1", 2.0, "float", "test")])
    assert [(row.split, row.float_value) for row in rows] == [("validation", 1.0), ("test", 2.0)]


def test_comparison_lists_only_keys_that_differ():
    runs = [
        record("a", {"training": {"epochs": 3, "lr": 1}}, []),
        record("b", {"training": {"epochs": 5, "lr": 1}}, []),
    ]
    assert [(row.key, row.values) for row in compare_runs(runs).configuration] == [("training.epochs", (3, 5))]


def test_comparison_judges_by_direction():
    runs = [
        record("a", {}, [metric("top1", 90.0), metric("latency", 5.0, higher=False), metric("x", 1.0)]),
        record("b", {}, [metric("top1", 91.0), metric("latency", 6.0, higher=False)]),
    ]
    rows = {row.key: row.verdicts for row in compare_runs(runs).metrics}
    assert rows == {
        "test/top1": ("same", "better"),
        "test/latency": ("same", "worse"),
        "test/x": ("same", "unknown"),
    }


def test_flatten_joins_keys_by_dots():
    assert flatten({"a": {"b": {"c": 1}}, "d": [1]}) == {"a.b.c": 1, "d": [1]}
