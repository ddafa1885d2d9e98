"""Summaries put float beside int8; comparisons judge each metric by its own direction."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from zoo_core.protocols import Stage
from zoo_core.reporting.compare import compare_runs, flatten, standard_error
from zoo_core.reporting.summary import summarize
from zoo_core.results import EvaluationResult, ExportResult, MetricValue
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


def test_differences_are_taken_from_the_first_run():
    runs = [record(name, {}, [metric("top1", value)]) for name, value in (("a", 90.0), ("b", 91.5), ("c", 88.0))]
    (row,) = compare_runs([*runs, record("d", {}, [])]).metrics
    assert row.differences == (0.0, 1.5, -2.0, None)
    assert row.values == (90.0, 91.5, 88.0, None)


def test_configuration_splits_into_what_differs_and_what_is_the_same():
    runs = [record("a", {"x": 1, "y": [1]}, []), record("b", {"x": 2, "y": [1]}, [])]
    comparison = compare_runs(runs)
    assert [row.key for row in comparison.configuration] == ["x"]
    assert comparison.same == {"y": [1]}


def test_folder_of_the_run_is_no_difference():
    runs = [record(name, {"hydra": {"run": {"dir": name}}}, []) for name in ("a", "b")]
    assert compare_runs(runs).configuration == ()


def test_second_stage_of_a_kind_has_a_row_of_its_own():
    once = record("a", {}, [])
    first = once.results[0]
    again = replace(first, stage=Stage(2, "export"), seconds=5.0)
    twice = replace(once, run_dir=Path("b"), results=(replace(first, seconds=2.0), again))
    rows = [(row.stage, row.seconds) for row in compare_runs([once, twice]).times]
    assert rows == [("export", (0.0, 2.0)), ("export 2", (None, 5.0)), ("total", (0.0, 7.0))]


def test_standard_error_is_that_of_a_binomial_share():
    """The spread of 10 right ones of 40 by the variance n p (1 - p) of the binomial distribution."""
    assert standard_error(25.0, 40) == pytest.approx(100 * math.sqrt(40 * 0.25 * 0.75) / 40)
    assert standard_error(100.0, 40) is None
    assert standard_error(0.0, 40) is None


@pytest.mark.parametrize(("name", "known"), [("top1", True), ("top5", True), ("map", False), ("macro_f1", False)])
def test_standard_error_is_given_of_shares_of_images_alone(name, known):
    base = record("a", {}, [])
    evaluated = EvaluationResult(metrics=(metric(name, 50.0),), split="test", images=25)
    runs = [
        replace(base, run_dir=Path(folder), results=(replace(base.results[0], result=evaluated),)) for folder in "ab"
    ]
    (row,) = compare_runs(runs).metrics
    assert row.images == (25, 25)
    assert row.standard_errors == ((pytest.approx(10.0),) * 2 if known else (None, None))


def test_value_that_is_no_number_is_not_judged():
    runs = [record(name, {}, [metric("loss", value)]) for name, value in (("a", 1.0), ("b", math.nan), ("c", math.inf))]
    (row,) = compare_runs(runs).metrics
    assert row.verdicts == ("same", "unknown", "unknown")
    assert row.differences == (0.0, None, None)
