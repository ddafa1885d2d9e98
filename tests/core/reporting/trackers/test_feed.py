"""Every event reaches every tracker once; one that fails or hangs is named in one line and disturbs nobody."""

from __future__ import annotations

import threading
import time

import pytest

from zoo_core.protocols import Stage
from zoo_core.reporting.trackers.delivery import MOST_FIGURES, files_to_send
from zoo_core.reporting.trackers.feed import TrackerFeed
from zoo_core.runs.events import read_events
from zoo_core.runs.recorder import RunRecorder
from zoo_core.runs.tracker_state import TrackerState

PARAMETERS = {"training.epochs": 2, "model.model_path": "/x/net.pt", "model.names": ["a", "b"]}
WHOLE = [
    ("parameters", PARAMETERS),
    ("metrics", 1, {"lr": 0.1, "train_loss": 1.0, "val_top1": 41.0}),
    ("metrics", 2, {"lr": 0.1, "train_loss": 0.5, "val_top1": 42.0}),
    ("file", "net.onnx"),
    ("file", "curves.png"),
    ("file", "table.csv"),
    ("metrics", None, {"int8/test/top1": 91.0, "int_acc_test_set": 91.0}),
    ("close",),
]


def feed_of(resolved, config, run_dir, recorder, seconds=5.0):
    feed = TrackerFeed.open(resolved, config(), run_dir, recorder.events, call_seconds=seconds)
    recorder.listener = feed.forward
    return feed


def test_trackers_take_all_that_is_told_in_order(tmp_path, installed, recording, config, told) -> None:
    one, other = recording(), recording()
    trackers = [installed(lambda *_: one, "one"), installed(lambda *_: other, "other")]
    recorder = RunRecorder(tmp_path)
    feed = feed_of(trackers, config, tmp_path, recorder)
    told_recorder = told(tmp_path)  # a second writer: what it wrote comes from the disk
    recorder.events[:] = told_recorder.events
    feed.forward()
    feed.close()
    assert one.calls == WHOLE
    assert other.calls == WHOLE


def test_calls_come_while_the_run_goes_on(tmp_path, installed, recording, config) -> None:
    arrived = threading.Event()

    class Noticing(recording):
        def log_metrics(self, metrics, step=None):
            arrived.set()

    recorder = RunRecorder(tmp_path)
    feed = feed_of([installed(lambda *_: Noticing())], config, tmp_path, recorder)
    recorder.epoch(Stage(1, "training"), 1, {"loss": 1.0})
    assert arrived.wait(5)
    feed.close()


def test_a_tracker_that_is_not_asked_for_gets_no_thread_and_no_file(tmp_path, installed, config, told) -> None:
    feed = TrackerFeed.open([installed(lambda *_: None)], config(), tmp_path, told(tmp_path).events)
    feed.close()
    assert feed.followers == []
    assert not (tmp_path / "trackers").exists()


def test_numbers_that_are_not_finite_are_left_out(tmp_path, installed, recording, config) -> None:
    tracker, recorder = recording(), RunRecorder(tmp_path)
    feed = feed_of([installed(lambda *_: tracker)], config, tmp_path, recorder)
    recorder.epoch(Stage(1, "training"), 1, {"loss": float("nan"), "top1": 3.0})
    feed.close()
    assert tracker.calls == [("metrics", 1, {"top1": 3.0}), ("close",)]


@pytest.mark.parametrize("where", ["build", "log_parameters", "log_metrics", "log_file", "close"])
@pytest.mark.parametrize("error", [RuntimeError("server\nsays no"), SystemExit("bye"), KeyError("x")])
def test_a_failure_is_one_line_and_the_others_go_on(  # noqa: PLR0917
    where, error, tmp_path, installed, recording, config, told, warnings_of_zoo
) -> None:
    class Failing(recording):
        def __init__(self, *args):
            super().__init__()
            self.fail("build")

        def fail(self, place):
            if place == where:
                raise error

        def __getattribute__(self, name):
            if name in ("log_parameters", "log_metrics", "log_file", "close"):
                self.fail(name)
            return super().__getattribute__(name)

    good = recording()
    trackers = [installed(Failing, "bad"), installed(lambda *_: good, "good")]
    feed = TrackerFeed.open(trackers, config(), tmp_path, told(tmp_path).events)
    feed.close()
    assert good.calls == WHOLE
    (line,) = warnings_of_zoo()
    assert line.startswith(f"Tracker bad of zoo-acme 0.3 is left out: {type(error).__name__}")
    assert line.endswith(f"zoo runs publish {tmp_path} --to bad")
    assert "\n" not in line


def test_a_failed_tracker_is_not_asked_again(tmp_path, installed, recording, config) -> None:
    calls = []

    class Failing(recording):
        def log_metrics(self, metrics, step=None):
            calls.append(step)
            raise OSError("gone")

        def close(self):
            calls.append("close")

    recorder = RunRecorder(tmp_path)
    feed = feed_of([installed(lambda *_: Failing())], config, tmp_path, recorder)
    for epoch in (1, 2, 3):
        recorder.epoch(Stage(1, "training"), epoch, {"loss": 1.0})
    feed.close()
    assert calls == [1]


@pytest.mark.parametrize("where", ["build", "log_metrics", "close"])
def test_a_tracker_that_hangs_is_given_up(where, tmp_path, installed, recording, config, told, warnings_of_zoo) -> None:  # noqa: PLR0917
    release = threading.Event()

    class Hanging(recording):
        def __init__(self, *args):
            super().__init__()
            self.hang("build")

        def hang(self, place):
            if place == where:
                release.wait(20)

        def log_metrics(self, metrics, step=None):
            self.hang("log_metrics")

        def close(self):
            self.hang("close")

    begin = time.monotonic()
    feed = TrackerFeed.open([installed(Hanging)], config(), tmp_path, told(tmp_path).events, call_seconds=0.3)
    feed.close()
    release.set()
    assert time.monotonic() - begin < 10
    (line,) = warnings_of_zoo()
    assert "was not finished within 0.3 s" in line


def test_a_slow_tracker_does_not_hold_up_the_run(tmp_path, installed, recording, config) -> None:
    class Slow(recording):
        def log_metrics(self, metrics, step=None):
            time.sleep(0.1)
            super().log_metrics(metrics, step)

    tracker, recorder = Slow(), RunRecorder(tmp_path)
    feed = feed_of([installed(lambda *_: tracker)], config, tmp_path, recorder)
    begin = time.monotonic()
    for epoch in range(1, 11):
        recorder.epoch(Stage(1, "training"), epoch, {"loss": 1.0})
    told_in = time.monotonic() - begin
    feed.close()
    assert told_in < 0.5
    assert len(tracker.calls) == 11


def test_after_an_interruption_waiting_ends(tmp_path, installed, recording, config, told, warnings_of_zoo) -> None:  # noqa: PLR0917
    release = threading.Event()

    class Slow(recording):
        def log_metrics(self, metrics, step=None):
            release.wait(20)

    feed = TrackerFeed.open([installed(Slow)], config(), tmp_path, told(tmp_path).events)
    feed.close(patience=0.2)
    release.set()
    assert len(warnings_of_zoo()) == 1


def test_secrets_of_a_message_are_hidden(tmp_path, installed, config, told, warnings_of_zoo, monkeypatch) -> None:  # noqa: PLR0917
    monkeypatch.setenv("ACME_API_KEY", "k-4711-0815")

    def build(*_):
        raise RuntimeError("401 for https://ada:lovelace@acme.org with k-4711-0815")

    TrackerFeed.open([installed(build)], config(), tmp_path, told(tmp_path).events).close()
    (line,) = warnings_of_zoo()
    assert "lovelace" not in line
    assert "4711" not in line


def test_a_run_that_goes_on_sends_only_what_is_new(tmp_path, installed, recording, config, told) -> None:
    first, second = recording(), recording()
    TrackerFeed.open([installed(lambda *_: first)], config(), tmp_path, told(tmp_path).events).close()
    recorder = RunRecorder(tmp_path)
    feed = feed_of([installed(lambda *_: second)], config, tmp_path, recorder)
    recorder.epoch(Stage(1, "training"), 3, {"loss": 0.2})
    feed.close()
    assert first.calls == WHOLE
    assert second.calls == [("metrics", 3, {"loss": 0.2}), ("close",)]


def test_what_a_tracker_missed_is_sent_when_the_run_goes_on(tmp_path, installed, recording, config, told) -> None:
    class Failing(recording):
        def log_metrics(self, metrics, step=None):
            if step == 2:
                raise OSError("gone")

    events = told(tmp_path).events
    TrackerFeed.open([installed(lambda *_: Failing())], config(), tmp_path, events).close()
    later = recording()
    TrackerFeed.open([installed(lambda *_: later)], config(), tmp_path, list(read_events(tmp_path))).close()
    assert later.calls == WHOLE[2:]


def test_a_tracker_that_begins_a_new_record_gets_everything(tmp_path, installed, recording, config, told) -> None:
    events, tracker = told(tmp_path).events, recording()
    TrackerState(tmp_path, "acme").update(sent=len(events))

    def build(config, run_dir):
        TrackerState(run_dir, "acme").update(sent=0)
        return tracker

    TrackerFeed.open([installed(build)], config(), tmp_path, events).close()
    assert tracker.calls == WHOLE


def test_only_some_figures_of_a_stage_are_sent(tmp_path) -> None:
    paths = [f"{number}.png" for number in range(MOST_FIGURES + 5)]
    for path in (*paths, "table.csv"):
        (tmp_path / path).write_bytes(b"")
    files = [{"path": path, "kind": "figure"} for path in paths] + [{"path": "table.csv", "kind": "table"}]
    found = files_to_send({"event": "files", "files": files}, tmp_path)
    assert [path.name for path in found] == [*paths[:MOST_FIGURES], "table.csv"]
