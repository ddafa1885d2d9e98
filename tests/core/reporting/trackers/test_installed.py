"""What the libraries themselves read back, where they are installed."""

from __future__ import annotations

import contextlib
import importlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from zoo_core.plugins import PluginSelection, build_catalog
from zoo_core.reporting.trackers.feed import TrackerFeed
from zoo_core.runs.tracker_state import TrackerState

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLEARML_CONFIG_FILE", str(tmp_path / "absent.conf"))
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_ALLOW_FILE_STORE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def send(name, config, run_dir, events):
    """Tell a tracker of core as a run does: in its own process, unless it is light."""
    saved = {
        "general": {"project_name": "parts"},
        "mlflow": {"uri": config.mlflow.uri},
        "training": vars(config.training),
    }
    path = run_dir / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "config": {"operation_mode": "training", **saved}}))
    tracker = build_catalog(PluginSelection(only=())).trackers.resolve(name)
    feed = TrackerFeed.open([tracker], config, run_dir, events)
    assert len(feed.followers) == 1
    feed.close()
    assert TrackerState(run_dir, name).sent == len(events)


def read_back(folder: Path):
    accumulators = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    events = accumulators.EventAccumulator(str(folder))
    events.Reload()
    return events


def test_tensorboard_reads_the_curves(tmp_path, config, told) -> None:
    send("tensorboard", config(log_tb=True), tmp_path, told(tmp_path).events)
    recorder = told(tmp_path, epochs=3)  # the run goes on
    send("tensorboard", config(log_tb=True), tmp_path, recorder.events)
    events = read_back(tmp_path / "logs")
    assert sorted(events.Tags()["scalars"]) == ["eval/top1", "int8/test/top1", "lr/0", "train/loss"]
    assert [(point.step, point.value) for point in events.Scalars("eval/top1")] == [(1, 41.0), (2, 42.0), (3, 43.0)]
    assert [(point.step, point.value) for point in events.Scalars("int8/test/top1")][-1] == (0, 91.0)


def records(address: str, run_dir: Path):
    mlflow = importlib.import_module("mlflow")
    client = mlflow.MlflowClient(tracking_uri=address)
    number = json.loads((run_dir / "trackers" / "mlflow.json").read_text())["run_id"]
    return client, client.get_run(number)


def check_record(client, run, run_dir: Path) -> None:
    number = run.info.run_id
    assert (run.info.status, run.info.run_name) == ("FINISHED", run_dir.name)
    assert client.get_experiment(run.info.experiment_id).name == "parts"
    assert run.data.params["training.epochs"] == "2"
    assert run.data.metrics["int_acc_test_set"] == run.data.metrics["int8/test/top1"] == 91.0
    assert [(point.step, point.value) for point in client.get_metric_history(number, "val_top1")] == [
        (1, 41.0),
        (2, 42.0),
    ]
    assert {file.path for file in client.list_artifacts(number)} == {"saved_models", "curves.png", "table.csv"}


@pytest.mark.slow
def test_mlflow_folder_is_read_back(tmp_path, config, told) -> None:
    pytest.importorskip("mlflow")
    run_dir = tmp_path / "run"
    send("mlflow", config(uri="outputs/mlruns"), run_dir, told(run_dir).events)
    database = tmp_path / "outputs" / "mlflow.db"
    address = f"sqlite:///{database}" if database.exists() else (tmp_path / "outputs" / "mlruns").as_uri()
    check_record(*records(address, run_dir), run_dir)


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run an MLflow server on a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    database, files = f"sqlite:///{folder}/server.db", str(folder / "files")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", database, "--artifacts-destination", files]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=2):  # noqa: S310
                break
            time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.slow
def test_mlflow_server_is_queried(tmp_path, config, told) -> None:
    pytest.importorskip("mlflow")
    run_dir = tmp_path / "run"
    with server(tmp_path) as address:
        send("mlflow", config(uri=address), run_dir, told(run_dir).events)
        client, run = records(address, run_dir)
        check_record(client, run, run_dir)
        recorder = told(run_dir, epochs=3)
        send("mlflow", config(uri=address), run_dir, recorder.events)
        steps = [point.step for point in client.get_metric_history(run.info.run_id, "val_top1")]
        assert steps == [1, 2, 3]


@pytest.mark.slow
def test_mlflow_server_that_is_absent_is_one_line(tmp_path, config, told, warnings_of_zoo) -> None:
    pytest.importorskip("mlflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    events = told(tmp_path).events
    with pytest.raises(AssertionError):
        send("mlflow", config(uri=address), tmp_path, events)
    lines = [line for line in warnings_of_zoo() if line.startswith("Tracker")]
    assert len(lines) == 1
    assert "Tracker mlflow of zoo-core" in lines[0]


@pytest.mark.slow
def test_clearml_archive_holds_the_run(tmp_path, config, told, monkeypatch, caplog) -> None:
    pytest.importorskip("clearml")
    monkeypatch.setenv("CLEARML_OFFLINE_MODE", "1")
    monkeypatch.setenv("CLEARML_CACHE_DIR", str(tmp_path / "cache"))
    run_dir = tmp_path / "run"
    caplog.set_level("INFO", "zoo")
    send("clearml", config(), run_dir, told(run_dir).events)
    (line,) = [record.getMessage() for record in caplog.records if "ClearML session" in record.getMessage()]
    with zipfile.ZipFile(line.removeprefix("The ClearML session is in ")) as archive:
        task = json.loads(archive.read("task.json"))
        lines = archive.read("metrics.jsonl").decode().splitlines()
        names = archive.namelist()
    assert task["hyperparams"]["configuration"]["training.epochs"]["value"] == "2"
    scalars = {
        (event["metric"], event["variant"], event["iter"]): event["value"]
        for text in lines
        for event in json.loads(text)
        if event["type"] == "training_stats_scalar"
    }
    assert scalars["top1", "val", 2] == 42.0
    assert scalars["loss", "train", 2] == 0.5
    assert any(name.endswith("net.onnx") for name in names)
    assert any("curves.png" in name for name in names)


@pytest.mark.slow
def test_wandb_offline_record_is_written(tmp_path, config, told, monkeypatch) -> None:
    pytest.importorskip("wandb")
    pytest.importorskip("PIL").Image.new("L", (4, 4)).save(tmp_path / "picture.png")
    monkeypatch.setenv("WANDB_MODE", "offline")
    run_dir = tmp_path / "run"
    recorder = told(run_dir)
    (run_dir / "curves.png").write_bytes((tmp_path / "picture.png").read_bytes())
    send("wandb", config(log_wandb=True), run_dir, recorder.events)
    (record,) = (run_dir / "wandb").glob("offline-run-*/run-*.wandb")
    content = record.read_bytes()
    assert b"val_top1" in content
    assert b"int_acc_test_set" in content
    assert not list((run_dir / "wandb").glob("*/files/wandb-metadata.json"))
