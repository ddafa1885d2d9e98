"""`zoo runs` reads run folders back for people and programs."""

import json
from pathlib import Path

import pytest

from zoo_core.protocols import Stage
from zoo_core.results import EvaluationResult, MetricValue
from zoo_core.runs.layout import RunLayout
from zoo_core.runs.manifest import RunManifest, StageEntry
from zoo_core.runs.store import Run


def write_run(root: Path, *, epochs: int, top1: float, latency: float, created: str, status: str = "done") -> Path:
    stage = Stage(1, "evaluation")
    manifest = RunManifest(
        operation_mode="evaluation",
        use_case="counting",
        project_name="beans",
        model_name="counter_net",
        config={"training": {"epochs": epochs, "batch_size": 8}},
        config_file="/files/user_config.yaml",
        base_dir="/files",
        overrides=(f"training.epochs={epochs}",),
        config_hash="0",
        seed=42,
        created=created,
        stages=(StageEntry(id=stage.id, service="evaluation"), StageEntry(id="2_benchmarking", service="benchmarking")),
    )
    run = Run.create(RunLayout(root), manifest)
    metrics = (
        MetricValue(name="top1", value=top1, unit="%", split="test", model="float"),
        MetricValue(name="latency_median", value=latency, unit="ms", higher_is_better=False),
    )
    result = EvaluationResult(metrics=metrics, split="test", images=10)
    run.finish_stage(stage, result, None, fingerprint="f", seconds=3.2)
    if status == "done":
        run.set_stage(StageEntry(id="2_benchmarking", service="benchmarking", status="done", seconds=75.0))
    else:
        run.set_stage(StageEntry(id="2_benchmarking", service="benchmarking", status="failed", error="no board"))
    run.set_status(status)
    return root


@pytest.fixture
def two_runs(tmp_path: Path) -> tuple[Path, Path]:
    first = write_run(tmp_path / "a", epochs=3, top1=90.0, latency=2.0, created="2026-11-20T10:00:00+00:00")
    second = write_run(
        tmp_path / "deep" / "b", epochs=6, top1=95.0, latency=4.0, created="2026-11-21T10:00:00+00:00", status="failed"
    )
    return first, second


def test_list_is_oldest_first_and_finds_runs_at_any_depth(cli, two_runs, tmp_path: Path) -> None:
    answer = cli("runs", "list", str(tmp_path))
    lines = answer.out.splitlines()
    assert lines[0].split() == ["RUN", "STARTED", "STATUS", "MODE", "MODEL", "STAGES"]
    assert [line.split()[0] for line in lines[1:]] == [str(path) for path in two_runs]
    assert "2026-11-20 10:00" in lines[1]
    assert lines[1].endswith("2/2")
    assert "failed" in lines[2]
    assert lines[2].endswith("1/2")


def test_list_json_has_stable_keys(cli, two_runs, tmp_path: Path) -> None:
    runs = cli("runs", "list", str(tmp_path), "--json").document["runs"]
    assert runs[1] == {
        "run_dir": str(two_runs[1]),
        "created": "2026-11-21T10:00:00+00:00",
        "status": "failed",
        "operation_mode": "evaluation",
        "use_case": "counting",
        "model_name": "counter_net",
        "project_name": "beans",
        "stages": [{"id": "1_evaluation", "status": "done"}, {"id": "2_benchmarking", "status": "failed"}],
    }


def test_list_of_an_empty_or_absent_folder(cli, tmp_path: Path) -> None:
    answer = cli("runs", "list", str(tmp_path))
    assert (answer.code, answer.out) == (0, "")
    assert "No run" in answer.err
    answer = cli("runs", "list", str(tmp_path / "absent"))
    assert answer.code == 2
    assert str(tmp_path / "absent") in answer.err


def test_show_tells_stages_metrics_and_how_to_continue(cli, two_runs) -> None:
    answer = cli("runs", "show", str(two_runs[1]))
    assert answer.code == 0
    words = [line.split() for line in answer.out.splitlines()]
    assert ["1_evaluation", "done", "3.2", "s"] in words
    assert ["2_benchmarking", "failed", "-", "no", "board"] in words
    assert ["1_evaluation", "float/test/top1", "95.00", "%"] in words
    assert ["overrides", "training.epochs=6"] in words
    assert answer.out.splitlines()[-1] == f"Continue it with: zoo run --resume {two_runs[1]}"


def test_show_of_a_finished_run_offers_no_continuation(cli, two_runs) -> None:
    answer = cli("runs", "show", str(two_runs[0]))
    assert "--resume" not in answer.out
    assert ["2_benchmarking", "done", "1:15"] in [line.split() for line in answer.out.splitlines()]


def test_show_json_holds_manifest_and_results(cli, two_runs) -> None:
    run = cli("runs", "show", str(two_runs[0]), "--json").document["run"]
    assert run["seed"] == 42
    assert run["stages"][1]["seconds"] == 75.0
    assert run["results"][0]["stage"] == "1_evaluation"
    assert run["results"][0]["metrics"][0]["value"] == 90.0


def test_show_of_a_folder_without_a_run_is_the_users_mistake(cli, tmp_path: Path) -> None:
    answer = cli("runs", "show", str(tmp_path))
    assert answer.code == 2
    assert "is not a run" in answer.err


def test_damaged_result_says_what_to_delete(cli, two_runs) -> None:
    path = two_runs[0] / "stages" / "1_evaluation" / "result.json"
    data = json.loads(path.read_text())
    del data["result"]["split"]
    path.write_text(json.dumps(data))
    answer = cli("runs", "show", str(two_runs[0]))
    assert answer.code == 2
    assert "Delete this file" in answer.err
