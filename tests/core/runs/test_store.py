"""A run folder is written whole or not at all, and read back as it was."""

import json
import os

import pytest

from zoo_core.artifacts import FloatOnnx, hash_file
from zoo_core.errors import RunStoreError
from zoo_core.protocols import Stage
from zoo_core.results import RESULT_TYPES, ExportResult, MetricValue, SkippedFile
from zoo_core.runs.files import write_json, write_text
from zoo_core.runs.layout import RunLayout
from zoo_core.runs.manifest import RunManifest, StageEntry
from zoo_core.runs.store import Run, list_runs, read_run

STAGE = Stage(1, "export")


def manifest(**changes):
    values = {
        "operation_mode": "training",
        "use_case": "classification",
        "project_name": "p",
        "model_name": "resnet8",
        "config": {"training": {"epochs": 3}},
        "config_file": "a.yaml",
        "base_dir": ".",
        "overrides": ("training.epochs=3",),
        "config_hash": "00",
        "seed": 1,
        "created": "2026-11-20T12:00:00+00:00",
        "stages": (StageEntry(id=STAGE.id, service=STAGE.service),),
    }
    return RunManifest(**{**values, **changes})


def export_result(**changes):
    values = {"opset": 17, "batch": "dynamic", "parity_max_abs": 1e-6, "parity_tolerance": 1e-4, "parameters": 7}
    return ExportResult(**{**values, **changes})


@pytest.fixture
def run(tmp_path):
    return Run.create(RunLayout(tmp_path / "run"), manifest())


def finish(run, *, metrics=()):
    model = run.layout.saved_models / "m.onnx"
    model.parent.mkdir(exist_ok=True)
    model.write_bytes(b"onnx")
    artifact = FloatOnnx(path=model, sha256=hash_file(model), made_by=STAGE.id)
    run.finish_stage(STAGE, export_result(metrics=metrics), artifact, fingerprint="f", seconds=1.5)
    return artifact


def test_finished_stage_reads_back_equal(run):
    metric = MetricValue(name="top1", value=97.5, unit="%", split="test", model="int8")
    artifact = finish(run, metrics=(metric,))
    record = read_run(run.layout.root).results[0]
    assert record.artifact == artifact
    assert record.result == export_result(metrics=(metric,))
    assert record.fingerprint == "f"
    assert read_run(run.layout.root).manifest.stages[0].status == "done"


def test_metrics_json_holds_every_metric_under_its_stage(run):
    finish(run, metrics=(MetricValue(name="top1", value=97.5, unit="%"),))
    data = json.loads(run.layout.metrics.read_text())
    assert data["stages"][STAGE.id][0]["value"] == 97.5


def test_stage_with_changed_artifact_is_not_finished(run):
    artifact = finish(run)
    assert run.finished(STAGE) is not None
    artifact.path.write_bytes(b"other")
    assert run.finished(STAGE) is None
    artifact.path.unlink()
    assert run.finished(STAGE) is None


def test_create_refuses_a_folder_that_holds_a_run(run):
    with pytest.raises(RunStoreError, match="already holds a run") as caught:
        Run.create(run.layout, manifest())
    assert "--resume" in caught.value.hint


def test_damaged_result_says_which_file_to_delete(run):
    finish(run)
    path = run.layout.result(STAGE)
    path.write_text(path.read_text()[:40])
    with pytest.raises(RunStoreError, match=r"result\.json"):
        run.finished(STAGE)


def test_result_of_another_schema_version_is_refused(run):
    finish(run)
    path = run.layout.result(STAGE)
    data = json.loads(path.read_text())
    data["result"]["schema_version"] = 99
    path.write_text(json.dumps(data))
    with pytest.raises(RunStoreError, match="schema version 99"):
        run.finished(STAGE)


def test_manifest_survives_json(run):
    assert read_run(run.layout.root).manifest == run.manifest


def test_list_runs_orders_by_time_and_leaves_out_damaged(tmp_path):
    for name, day in (("b", "02"), ("a", "03"), ("c", "01")):
        Run.create(RunLayout(tmp_path / name), manifest(created=f"2026-11-{day}T00:00:00+00:00"))
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "run.json").write_text("{")
    assert [record.run_dir.name for record in list_runs(tmp_path)] == ["c", "b", "a"]


def test_read_run_of_an_ordinary_folder_says_so(tmp_path):
    with pytest.raises(RunStoreError, match=r"is not a run: it has no run\.json"):
        read_run(tmp_path)


def test_interrupted_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_text(path, "old")

    def fail(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RunStoreError, match="the disk is full"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_unwritable_place_is_named_with_its_reason(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunStoreError, match="a part of the path is a file"):
        write_json(tmp_path / "file" / "below" / "a.json", {})


@pytest.mark.parametrize("kind", RESULT_TYPES.values(), ids=lambda kind: kind.__name__)
def test_every_result_type_survives_json(kind, tmp_path):
    from dataclasses import MISSING, fields
    from typing import get_type_hints

    from zoo_core.results import result_from_dict

    samples = {int: 3, float: 0.25, str: "text", bool: True}
    hints = get_type_hints(kind)
    required = {
        f.name: samples[hints[f.name]] for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING
    }
    original = kind(**required, notes=("n",), skipped=(SkippedFile("a.jpg", "empty"),))
    again = result_from_dict(json.loads(json.dumps(original.to_dict())))
    assert again == original
