"""Real runs tell their trackers, whatever these do, and go on where they stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zoo_core.cli._progress import open_progress
from zoo_core.errors import ConfigError
from zoo_core.plugins import get_catalog
from zoo_core.plugins.catalog import Catalog
from zoo_core.runs.events import EVENTS, current, read_events
from zoo_core.services.run import resume_run, run_file

CONFIG = """\
operation_mode: chain_te
general: {seed: 7, project_name: parts}
model: {model_name: resnet8, input_shape: [1, 16, 16]}
dataset: {dataset_name: digits, workers: 0}
training:
  epochs: 2
  batch_size: 256
  optimizer: {opt: sgd, momentum: 0.9}
  lr_scheduler: {lr: 0.05, warmup_epochs: 0}
hydra: {run: {dir: RUN_DIR}}
"""


def write(folder: Path) -> Path:
    path = folder / "config.yaml"
    path.write_text(CONFIG.replace("RUN_DIR", str(folder / "run")))
    return path


def with_trackers(*trackers) -> Catalog:
    known = get_catalog()
    kinds = ("tasks", "models", "datasets", "trainers", "quantizers", "targets")
    entries = [entry for kind in kinds for entry in known.registry(kind)]
    return Catalog.assemble([*entries, *trackers], reports=known.reports)


def epochs_of(run_dir: Path) -> list[int]:
    events = [event for _, event in current(read_events(run_dir))]
    return [event["step"] for event in events if event["event"] == "metrics" and "step" in event]


def test_a_chain_is_told_while_another_tracker_fails(tmp_path, installed, recording) -> None:
    class Failing(recording):
        def log_metrics(self, metrics, step=None):
            raise ConnectionError("http://ada:lovelace@host is not reachable")

    tracker = recording()
    catalog = with_trackers(installed(lambda *_: tracker, "good"), installed(Failing, "bad"))
    with open_progress() as progress:
        summary = run_file(write(tmp_path), (), catalog=catalog, progress=progress)
    run_dir = summary.run_dir
    kinds = [call[0] for call in tracker.calls]
    assert kinds[0] == "parameters"
    assert kinds[-1] == "close"
    parameters = tracker.calls[0][1]
    assert (parameters["training.epochs"], parameters["general.project_name"]) == (2, "parts")
    epochs = {call[1]: call[2] for call in tracker.calls if call[0] == "metrics" and call[1] is not None}
    table = [line.split(",") for line in (run_dir / "saved_models" / "summary.csv").read_text().splitlines()]
    written = {int(row[0]): float(row[table[0].index("val_top1")]) for row in table[1:]}
    assert {step: pytest.approx(metrics["val_top1"]) for step, metrics in epochs.items()} == written
    final = [call[2] for call in tracker.calls if call[0] == "metrics" and call[1] is None]
    evaluated = {metric.key: metric.value for record in summary.records for metric in record.result.metrics}
    assert final[-1]["float/test/top1"] == final[-1]["float_acc_test_set"] == evaluated["float/test/top1"]
    assert {"model_best.pth.tar", "training_curves.png"} <= {call[1] for call in tracker.calls if call[0] == "file"}
    log = (run_dir / "stm32ai_main.log").read_text()
    assert log.count("is left out") == 1
    assert "Tracker bad of zoo-acme 0.3 is left out: ConnectionError: http://***@host is not reachable" in log
    everything = b"".join(path.read_bytes() for path in run_dir.rglob("*") if path.is_file())
    assert b"lovelace" not in everything


def test_a_run_goes_on_without_repeating_or_losing_epochs(tmp_path, installed, recording) -> None:
    path = write(tmp_path)
    with open_progress() as progress:
        catalog = with_trackers(installed(recording))
        run_dir = run_file(path, ["operation_mode=training"], catalog=catalog, progress=progress).run_dir
    lines = (run_dir / EVENTS).read_bytes().splitlines(keepends=True)
    (last,) = [place for place, line in enumerate(lines) if json.loads(line).get("step") == 2]
    (run_dir / EVENTS).write_bytes(b"".join(lines[:last]) + lines[last][:40])  # killed while the line was written
    for name in ("stages/1_training/result.json", "trackers/acme.json"):
        (run_dir / name).unlink()
    tracker = recording()
    with open_progress() as progress:
        resume_run(
            run_dir, ["training.epochs=3"], catalog=with_trackers(installed(lambda *_: tracker)), progress=progress
        )
    assert epochs_of(run_dir) == [1, 2, 3]
    assert [call[1] for call in tracker.calls if call[0] == "metrics" and call[1] is not None] == [1, 2, 3]
    steps = [event["step"] for event in read_events(run_dir) if "step" in event]
    assert steps == [1, 2, 3], "an epoch stands there twice"


def test_an_address_with_a_login_starts_nothing(tmp_path) -> None:
    address = "mlflow.uri=http://ada:lovelace@host:5000"
    with open_progress() as progress, pytest.raises(ConfigError, match=r"mlflow\.uri.*holds a login") as raised:
        run_file(write(tmp_path), [address], catalog=get_catalog(), progress=progress)
    assert "lovelace" not in str(raised.value)
    assert not (tmp_path / "run").exists()
