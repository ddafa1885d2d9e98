"""What happens in a run stands on disk, once, in order, whatever ends the process."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zoo_core.protocols import Stage
from zoo_core.runs.events import EVENTS, EventLog, EventTail, current, read_events
from zoo_core.runs.recorder import RunRecorder
from zoo_core.runs.secrets import has_password, plain_parameters, without_secrets
from zoo_core.runs.tracker_state import TrackerState

TRAINING = Stage(1, "training")


def kinds(run_dir: Path) -> list[str]:
    return [event["event"] for event in read_events(run_dir)]


def steps(run_dir: Path) -> list[tuple[int, float]]:
    events = [event for _, event in current(read_events(run_dir)) if event["event"] == "metrics"]
    return [(event["step"], event["metrics"]["loss"]) for event in events]


def test_a_run_is_told_in_order(tmp_path: Path) -> None:
    (tmp_path / "best.pt").write_bytes(b"12345")
    (tmp_path / "last.pt").write_bytes(b"1")
    (tmp_path / "curves.png").write_bytes(b"")
    recorder = RunRecorder(tmp_path)
    recorder.begin({"name": "one"}, {"training.epochs": 1})
    recorder.begin_stage(TRAINING)
    recorder.epoch(TRAINING, 1, {"loss": 0.5})
    files = ["best.pt", "last.pt", "curves.png", "absent.csv"]
    recorder.end_stage(TRAINING, metrics={"top1": 90.0}, files=files, model="best.pt", seconds=1.25)
    recorder.end("done")
    wanted = ["run", "parameters", "stage_begin", "metrics", "metrics", "files", "stage_end", "run_end"]
    assert kinds(tmp_path) == wanted
    (described,) = [event["files"] for event in read_events(tmp_path) if event["event"] == "files"]
    assert described == [
        {"path": "best.pt", "kind": "model", "bytes": 5},
        {"path": "last.pt", "kind": "state", "bytes": 1},
        {"path": "curves.png", "kind": "figure", "bytes": 0},
    ]


def test_numbers_that_are_not_finite_are_valid_json(tmp_path: Path) -> None:
    recorder = RunRecorder(tmp_path)
    recorder.epoch(TRAINING, 1, {"loss": math.nan, "top1": 1.0})
    recorder.epoch(TRAINING, 1, {"loss": math.nan, "top1": 1.0})
    recorder.end("failed")
    first, *rest = (tmp_path / EVENTS).read_text().splitlines()
    assert json.loads(first)["metrics"] == {"loss": None, "top1": 1.0}
    assert [json.loads(line)["event"] for line in rest] == ["run_end"], "the same epoch came twice"


@pytest.mark.parametrize("rest", [b'{"event": "metrics", "st', b"\x00\xff\xfe", b"[1, 2]\n", b"no json\n"])
def test_a_line_cut_by_a_kill_is_tolerated_and_removed(tmp_path: Path, rest: bytes) -> None:
    recorder = RunRecorder(tmp_path)
    recorder.begin({"name": "one"}, {"a": 1})
    recorder.end("done")
    with (tmp_path / EVENTS).open("ab") as stream:
        stream.write(rest)
    assert kinds(tmp_path) == ["run", "parameters", "run_end"]
    again = RunRecorder(tmp_path)
    again.epoch(TRAINING, 1, {"loss": 1.0})
    assert kinds(tmp_path) == ["run", "parameters", "run_end", "metrics"]


def test_events_survive_a_kill_of_their_process(tmp_path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from zoo_core.protocols import Stage
from zoo_core.runs.recorder import RunRecorder
recorder = RunRecorder(Path({str(tmp_path)!r}))
for epoch in range(1, 51):
    recorder.epoch(Stage(1, "training"), epoch, {{"loss": 1 / epoch}})
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    assert steps(tmp_path) == [(epoch, 1 / epoch) for epoch in range(1, 51)]


def test_a_run_that_goes_on_repeats_nothing(tmp_path: Path) -> None:
    for epochs in (2, 3):
        recorder = RunRecorder(tmp_path)
        recorder.begin({"name": "one"}, {"training.epochs": 3})
        for epoch in range(1, epochs + 1):
            recorder.epoch(TRAINING, epoch, {"loss": 0.1 * epoch})
        recorder.end("interrupted")
    assert kinds(tmp_path).count("metrics") == 3
    assert kinds(tmp_path).count("parameters") == kinds(tmp_path).count("run") == 1


def test_other_parameters_are_written_again_and_replace_the_first(tmp_path: Path) -> None:
    for epochs in (2, 3):
        RunRecorder(tmp_path).begin({"name": "one"}, {"training.epochs": epochs})
    found = [event["parameters"] for _, event in current(read_events(tmp_path)) if event["event"] == "parameters"]
    assert found == [{"training.epochs": 3}]


def test_epochs_that_are_trained_again_replace_the_old_ones(tmp_path: Path) -> None:
    recorder = RunRecorder(tmp_path)
    for epoch, loss in [(1, 3.0), (2, 2.0), (3, 1.0), (1, 3.0), (2, 2.5)]:
        recorder.epoch(TRAINING, epoch, {"loss": loss})
    assert steps(tmp_path) == [(1, 3.0), (2, 2.5)]


def test_a_stage_is_recorded_until_it_begins_again(tmp_path: Path) -> None:
    recorder = RunRecorder(tmp_path)
    recorder.begin_stage(TRAINING)
    assert not recorder.is_recorded(TRAINING)
    recorder.end_stage(TRAINING, metrics={}, files=(), model=None, seconds=1)
    assert recorder.is_recorded(TRAINING)
    assert RunRecorder(tmp_path).is_recorded(TRAINING), "another process does not know"
    recorder.begin_stage(TRAINING)
    recorder.fail_stage(TRAINING, "failed")
    assert not recorder.is_recorded(TRAINING)


def test_histograms_of_epochs_that_are_trained_again_replace_the_old_ones(tmp_path: Path) -> None:
    recorder = RunRecorder(tmp_path)
    for epoch, count in [(1, 1), (2, 2), (1, 3)]:
        recorder.histograms(TRAINING, epoch, {"w": {"edges": [0.0, 1.0], "counts": [count]}})
    held = [(event["step"], event["histograms"]["w"]["counts"]) for _, event in current(read_events(tmp_path))]
    assert held == [(1, [3])]


def test_another_process_reads_what_is_added_and_waits_for_whole_lines(tmp_path: Path) -> None:
    tail = EventTail(tmp_path)
    assert tail.read() == [], "there is no file yet"
    recorder = RunRecorder(tmp_path)
    recorder.epoch(TRAINING, 1, {"loss": 3.0})
    recorder.epoch(TRAINING, 2, {"loss": 2.0})
    assert [(place, event["step"]) for place, event in tail.read()] == [(0, 1), (1, 2)]
    line = b'{"event": "metrics", "stage": "1_training", "step": 3, "metrics": {}}\n'
    with (tmp_path / EVENTS).open("ab") as stream:
        stream.write(b"damaged\n" + line[:20])
        stream.flush()
        assert tail.read() == []
        stream.write(line[20:])
    assert [(place, event["step"]) for place, event in tail.read()] == [(2, 3)]
    assert len(read_events(tmp_path)) == 3, "places are those of the whole file"


def test_every_event_reaches_the_disk_before_the_listener(tmp_path: Path) -> None:
    seen: list[int] = []
    recorder = RunRecorder(tmp_path, lambda: seen.append(len(read_events(tmp_path))))
    recorder.begin({"name": "one"}, {"a": 1})
    recorder.begin_stage(TRAINING)
    assert seen == [1, 2, 3]


def test_a_log_without_a_place_to_write_says_so(tmp_path: Path) -> None:
    from zoo_core.errors import RunStoreError

    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(RunStoreError, match=EVENTS):
        EventLog(blocked).append("run")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("http://ada:lovelace@host:5000/x", "http://***@host:5000/x"),
        ("no route to https://token@host.org, retry", "no route to https://***@host.org, retry"),
        ("http://host/path@2", "http://host/path@2"),
        ("sqlite:////home/a@b/m.db", "sqlite:////home/a@b/m.db"),
        ("mail ada@host.org", "mail ada@host.org"),
    ],
)
def test_logins_in_addresses_are_hidden(text: str, wanted: str) -> None:
    assert without_secrets(text, {}) == wanted
    assert has_password(text) == (text != wanted)


def test_values_of_secret_variables_are_hidden() -> None:
    environment = {"MLFLOW_TRACKING_TOKEN": "tok-123456", "WANDB_API_KEY": "abcdef", "HOME": "/srv/me", "TOKEN": "ab"}
    text = without_secrets("header tok-123456 for abcdef in /srv/me, tab", environment)
    assert text == "header *** for *** in /srv/me, tab"


def test_parameters_are_flat_and_hold_no_secret() -> None:
    section = {"epochs": 3, "names": ["a", "b"], "none": None, "inner": {"lr": 0.1, "amp": False}}
    found = plain_parameters(
        {
            "operation_mode": "training",
            "training": section,
            "tools": {"password": "x", "api_key": "y", "path": Path("/x"), "max_tokens": 5},
            "model": {"model_url": "https://me:pw@host/m.onnx"},
        }
    )
    assert found == {
        "operation_mode": "training",
        "training.epochs": 3,
        "training.names": ["a", "b"],
        "training.inner.lr": 0.1,
        "training.inner.amp": False,
        "tools.password": "***",
        "tools.api_key": "***",
        "tools.path": os.fspath(Path("/x")),
        "tools.max_tokens": 5,
        "model.model_url": "https://***@host/m.onnx",
    }


def test_a_tracker_state_is_kept_and_a_damaged_one_starts_anew(tmp_path: Path) -> None:
    state, other = TrackerState(tmp_path, "acme"), TrackerState(tmp_path, "acme")
    state.update(run_id="7")
    other.update(sent=3)
    assert (TrackerState(tmp_path, "acme").get("run_id"), TrackerState(tmp_path, "acme").sent) == ("7", 3)
    state.path.write_text('{"sent": ')
    assert (TrackerState(tmp_path, "acme").get("run_id"), TrackerState(tmp_path, "acme").sent) == (None, 0)
