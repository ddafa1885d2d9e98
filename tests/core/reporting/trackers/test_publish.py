"""A finished run is sent later: everything once, the rest after a failure, all of it again when asked."""

from __future__ import annotations

import pytest

from zoo_core.errors import MissingError, UserError
from zoo_core.reporting.trackers.publish import configuration, publish_run
from zoo_core.runs.manifest import RunManifest

SAVED = {
    "operation_mode": "training",
    "use_case": "classification",
    "training": {"epochs": 1, "batch_size": 2, "own_key": 3},
    "dataset": {"training_path": "/gone/since"},
    "general": {"project_name": "parts"},
}


def manifest() -> RunManifest:
    return RunManifest(
        operation_mode="training", use_case="classification", project_name="parts", model_name="net", config=SAVED,
        config_file="/x/user.yaml", base_dir="/x", overrides=(), config_hash="", seed=1, created="2026-01-01",
    )  # fmt: skip


def test_everything_is_sent_once(tmp_path, installed, recording, told) -> None:
    count, made = len(told(tmp_path).events), []

    def build(config, run_dir):
        made.append(recording())
        return made[-1]

    tracker = installed(build)
    assert publish_run(tracker, tmp_path, manifest()).events == count
    assert publish_run(tracker, tmp_path, manifest()).events == 0
    assert publish_run(tracker, tmp_path, manifest(), again=True).events == count
    assert [len(tracker.calls) for tracker in made] == [8, 1, 8]


def test_after_a_failure_the_rest_is_sent(tmp_path, installed, recording, told, warnings_of_zoo) -> None:
    class Failing(recording):
        def log_file(self, path):
            raise ConnectionError("no route")

    told(tmp_path)
    with pytest.raises(MissingError, match=r"Tracker acme of zoo-acme 0\.3: ConnectionError: no route"):
        publish_run(installed(Failing), tmp_path, manifest())
    later = recording()
    publish_run(installed(lambda *_: later), tmp_path, manifest())
    assert later.calls[0] == ("file", "net.onnx")
    assert warnings_of_zoo() == [], "told twice"


def test_replaced_epochs_are_not_sent(tmp_path, installed, recording, told) -> None:
    from zoo_core.protocols import Stage

    recorder, tracker = told(tmp_path), recording()
    recorder.epoch(Stage(1, "training"), 1, {"val_top1": 50.0})
    publish_run(installed(lambda *_: tracker), tmp_path, manifest())
    epochs = [call for call in tracker.calls if call[0] == "metrics" and call[1] is not None]
    assert epochs == [("metrics", 1, {"val_top1": 50.0})]


def test_a_run_without_events_is_refused(tmp_path, installed, recording) -> None:
    with pytest.raises(UserError, match="holds no events"):
        publish_run(installed(recording), tmp_path, manifest())


def test_a_tracker_that_is_not_asked_for_says_so(tmp_path, installed, told) -> None:
    told(tmp_path)
    with pytest.raises(UserError, match="does not take this run"):
        publish_run(installed(lambda *_: None), tmp_path, manifest())


def test_the_configuration_needs_nothing_that_is_gone_and_takes_overrides() -> None:
    found = configuration(SAVED, "tensorboard", ["mlflow.uri=http://127.0.0.1:1"])
    assert found.training.log_tb is True
    assert found.training.own_key == 3
    assert found.mlflow.uri == "http://127.0.0.1:1"
    assert found.general.project_name == "parts"


@pytest.mark.parametrize("override", ["mlflow.uri", "=1", "mlflow=http://x", "operation_mode.x=1"])
def test_overrides_are_key_and_value(override) -> None:
    with pytest.raises(UserError):
        configuration(SAVED, "acme", [override])


def test_an_address_with_a_login_is_refused() -> None:
    with pytest.raises(UserError, match=r"mlflow\.uri.*holds a login"):
        configuration(SAVED, "mlflow", ["mlflow.uri=http://ada:lovelace@host"])
