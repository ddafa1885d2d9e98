"""A tracker in a process of its own takes everything; whatever becomes of that process is one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zoo_core.plugins import PluginSelection, build_catalog
from zoo_core.protocols import Stage
from zoo_core.reporting.trackers.feed import TrackerFeed
from zoo_core.runs.files import write_json
from zoo_core.runs.recorder import RunRecorder
from zoo_core.runs.tracker_state import TrackerState
from zoo_core.testing.isolation import write_plugin

PLUGIN = """
from zoo_core import LazyRef, TrackerSpec, hookimpl

@hookimpl
def zoo_trackers():
    yield TrackerSpec(name="acme", summary="A tracker.", build=LazyRef("zoo_acme.tracker:build"))
    yield TrackerSpec(
        name="steady", summary="Another.", build=LazyRef("zoo_acme.tracker:build_steady"),
        warm_up=LazyRef("zoo_acme.tracker:warm_up"),
    )
    yield TrackerSpec(
        name="unwanted", summary="Nobody asks.", build=LazyRef("zoo_acme.tracker:build"),
        asked_for=LazyRef("zoo_acme.tracker:refuse"),
    )
    yield TrackerSpec(
        name="lacking", summary="Its library is absent.", build=LazyRef("zoo_acme.tracker:build"),
        asked_for=LazyRef("zoo_acme.tracker:lack"),
    )
"""
TRACKER = """
import json, logging, os, sys, time
from zoo_core.errors import MissingError

def build(config, run_dir):
    return None if os.environ.get("ACME") == "declines" else Tracker(config, run_dir)

def warm_up():
    with open(os.environ["ACME_WARM"], "w") as file:
        file.write(str(os.getpid()))
    if os.environ.get("ACME") == "cold":
        raise ImportError("half of it is absent")
    while os.environ.get("ACME") == "endless":
        time.sleep(0.1)

def build_steady(config, run_dir):
    return Steady(config, run_dir)

def refuse(config):
    return False

def lack(config):
    raise MissingError("The configuration needs acme_board, which is not installed.")

class Tracker:
    file = "told.jsonl"

    def __init__(self, config, run_dir):
        self.lines = (run_dir / self.file).open("a")
        scheduler = os.sched_getscheduler(0) if sys.platform == "linux" else os.nice(0)
        self.note("build", config.general.project_name, os.getppid(), scheduler, os.environ["OMP_NUM_THREADS"])
        print("a library prints")
        print("and complains", file=sys.stderr)
        logging.getLogger("zoo").info("Acme shows the run at http://acme")
        self.do("build")

    def note(self, *what):
        self.lines.write(json.dumps(what) + "\\n")
        self.lines.flush()

    def do(self, place):
        where, _, what = os.environ.get("ACME", "").partition(":")
        if where == place:
            exec(what, {"time": time, "os": os})

    def log_parameters(self, parameters):
        self.note("parameters", parameters)

    def log_metrics(self, metrics, step=None):
        self.do("metrics")
        self.note("metrics", step, metrics)

    def log_histograms(self, histograms, step):
        self.note("histograms", step, histograms)

    def log_file(self, path):
        self.note("file", path.name)

    def close(self):
        self.do("close")
        self.note("close")

class Steady(Tracker):
    file = "steady.jsonl"

    def do(self, place):
        pass
"""
SAVED = {"operation_mode": "training", "general": {"project_name": "parts"}}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install a plugin with trackers into a folder on the search path of this process."""
    folder = tmp_path / "site"
    write_plugin(folder, "zoo-acme", "0.3", "acme", PLUGIN, files={"tracker.py": TRACKER})
    monkeypatch.setenv("ACME_WARM", str(tmp_path / "warm"))
    monkeypatch.syspath_prepend(folder)
    _forget_plugin()
    yield folder
    _forget_plugin()


def _forget_plugin() -> None:
    """Let the next plugin of this name be imported from its own folder."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "zoo_acme"]:
        del sys.modules[name]


@pytest.fixture
def start(site, tmp_path, config, told) -> Callable[..., tuple[TrackerFeed, RunRecorder]]:
    """Return a function that starts a tracker of the plugin on a run that has been told something."""

    def make(*names: str, **limits: float) -> tuple[TrackerFeed, RunRecorder]:
        run_dir = tmp_path / "run"
        recorder = RunRecorder(run_dir) if run_dir.exists() else told(run_dir)
        manifest = {"status": "done", "base_dir": "/x", "config_file": "/x/user.yaml", "config": SAVED}
        write_json(run_dir / "run.json", manifest)
        installed = build_catalog(PluginSelection(only=("zoo-acme",))).trackers
        trackers = [installed.resolve(name) for name in names or ("acme",)]
        feed = TrackerFeed.open(trackers, config(), run_dir, recorder.events, **limits)
        recorder.listener = feed.forward
        return feed, recorder

    return make


def calls_of(run_dir: Path, file: str = "told.jsonl") -> list[list[object]]:
    path = run_dir / file
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def until(reached: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_everything_is_told_in_order_by_a_process_that_stands_back(start, tmp_path, caplog, warnings_of_zoo) -> None:
    caplog.set_level("INFO", "zoo")
    feed, recorder = start()
    bars = {"conv.weight": {"edges": [0.0, 1.0], "counts": [4]}}
    recorder.epoch(Stage(1, "training"), 3, {"loss": 0.25})
    recorder.histograms(Stage(1, "training"), 3, bars)
    until(lambda: len(calls_of(tmp_path / "run")) == 10)
    recorder.epoch(Stage(1, "training"), 4, {"loss": 0.125})
    feed.close()
    (built, *calls) = calls_of(tmp_path / "run")
    assert built[:3] == ["build", "parts", os.getpid()]
    assert built[3] == (os.SCHED_IDLE if sys.platform == "linux" else min(os.nice(0) + 10, 19))
    assert built[4] == "1"
    assert [call[:2] for call in calls] == [
        ["parameters", {"training.epochs": 2, "model.model_path": "/x/net.pt", "model.names": ["a", "b"]}],
        ["metrics", 1], ["metrics", 2], ["file", "net.onnx"], ["file", "curves.png"], ["file", "table.csv"],
        ["metrics", None], ["metrics", 3], ["histograms", 3], ["metrics", 4], ["close"],
    ]  # fmt: skip
    assert calls[8][2] == bars
    assert TrackerState(tmp_path / "run", "acme").sent == len(recorder.events)
    assert "Acme shows the run at http://acme" in caplog.messages
    assert warnings_of_zoo() == []


def test_a_run_that_goes_on_is_told_the_rest(start, tmp_path) -> None:
    start()[0].close()
    first = len(calls_of(tmp_path / "run"))
    feed, recorder = start()
    recorder.epoch(Stage(1, "training"), 3, {"loss": 0.25})
    feed.close()
    assert [call[0] for call in calls_of(tmp_path / "run")[first:]] == ["build", "metrics", "close"]


def test_a_tracker_nobody_asked_for_gets_no_process(start, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    feed, _ = start("unwanted")
    feed.close()
    assert feed.followers == []


def test_an_absent_library_is_told_at_once(start, monkeypatch, warnings_of_zoo) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    start("lacking")
    (line,) = warnings_of_zoo()
    assert line.startswith("Tracker lacking of zoo-acme 0.3 is left out: The configuration needs acme_board")


def test_a_tracker_that_declines_when_it_is_built_is_no_failure(start, tmp_path, monkeypatch, warnings_of_zoo) -> None:
    monkeypatch.setenv("ACME", "declines")
    start()[0].close()
    assert calls_of(tmp_path / "run") == []
    assert warnings_of_zoo() == []


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [
        ("build:raise RuntimeError('server\\nsays no for http://ada:lovelace@host')", "RuntimeError: server says no"),
        ("metrics:raise SystemExit('bye')", "SystemExit: bye"),
        ("metrics:time.sleep(60)", "event metrics was not finished within 0.5 s"),
        ("close:time.sleep(60)", "its end was not finished within 0.5 s"),
        ("build:os._exit(3)", "its process ended unexpectedly (exit status 3)"),
        ("metrics:os.kill(os.getpid(), 9)", "its process ended unexpectedly (killed by signal 9)"),
    ],
)
def test_a_failure_is_one_line(behaviour, cause, start, tmp_path, monkeypatch, warnings_of_zoo) -> None:  # noqa: PLR0917
    monkeypatch.setenv("ACME", behaviour)
    begin = time.monotonic()
    feed, _ = start(call_seconds=0.5)
    feed.close()
    assert time.monotonic() - begin < 20
    (line,) = warnings_of_zoo()
    assert line.startswith(f"Tracker acme of zoo-acme 0.3 is left out: {cause}")
    assert line.endswith(f"zoo runs publish {tmp_path / 'run'} --to acme")
    assert "lovelace" not in line
    assert feed.followers[0].failures["acme"]


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [("build:raise OSError('gone')", "OSError: gone"), ("metrics:time.sleep(60)", "event metrics was not finished")],
)
def test_trackers_share_a_process_and_no_failure(  # noqa: PLR0917
    behaviour, cause, start, tmp_path, monkeypatch, warnings_of_zoo
) -> None:
    monkeypatch.setenv("ACME", behaviour)
    feed, recorder = start("acme", "steady", call_seconds=0.5)
    recorder.epoch(Stage(1, "training"), 3, {"loss": 0.25})
    feed.close()
    (built, *calls) = calls_of(tmp_path / "run", "steady.jsonl")
    assert [call[0] for call in calls] == ["parameters", "metrics", "metrics", *["file"] * 3, *["metrics"] * 2, "close"]
    assert calls_of(tmp_path / "run")[0][:3] == built[:3]
    (line,) = warnings_of_zoo()
    assert line.startswith(f"Tracker acme of zoo-acme 0.3 is left out: {cause}")
    assert len(feed.followers) == 1


def test_a_process_that_crashes_is_a_line_for_each_tracker(start, monkeypatch, warnings_of_zoo) -> None:
    monkeypatch.setenv("ACME", "metrics:os._exit(3)")
    start("acme", "steady")[0].close()
    assert [line.split(" is left out: ")[1][:59] for line in warnings_of_zoo()] == [
        "its process ended unexpectedly (exit status 3). The run goe"
    ] * 2
    assert [line.rpartition(" ")[2] for line in warnings_of_zoo()] == ["acme", "steady"]


def test_a_failure_is_told_while_the_run_goes_on(start, monkeypatch, warnings_of_zoo) -> None:
    monkeypatch.setenv("ACME", "build:raise OSError('gone')")
    feed, _ = start()
    until(warnings_of_zoo)
    feed.close()
    assert len(warnings_of_zoo()) == 1


def test_a_slow_call_has_more_time_while_the_run_goes_on(start, tmp_path, monkeypatch, warnings_of_zoo) -> None:
    monkeypatch.setenv("ACME", "build:time.sleep(1.5)")
    feed, _ = start(call_seconds=0.5)
    until(lambda: len(calls_of(tmp_path / "run")) == 8)
    feed.close()
    assert warnings_of_zoo() == []


def test_the_start_waits_for_nothing(start, monkeypatch) -> None:
    monkeypatch.setenv("ACME", "build:time.sleep(30)")
    begin = time.monotonic()
    feed, recorder = start()
    recorder.epoch(Stage(1, "training"), 3, {"loss": 0.25})
    assert time.monotonic() - begin < 5
    feed.close(patience=0.3)


def test_patience_ends_the_process(start, tmp_path, monkeypatch, warnings_of_zoo) -> None:
    monkeypatch.setenv("ACME", "metrics:time.sleep(60)")
    feed, _ = start()
    until(lambda: calls_of(tmp_path / "run"))
    begin = time.monotonic()
    feed.close(patience=0.5)
    assert time.monotonic() - begin < 5
    (line,) = warnings_of_zoo()
    assert "was not told of everything within 0.5 s" in line


def test_an_interpreter_that_cannot_be_started_is_one_line(start, monkeypatch, warnings_of_zoo) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    feed, _ = start()
    feed.close()
    (line,) = warnings_of_zoo()
    assert "its process could not be started" in line


@pytest.fixture
def early(site, config) -> Callable[..., TrackerFeed]:
    """Return a function that starts a tracker for a run that has no folder yet."""

    def make(name: str) -> TrackerFeed:
        tracker = build_catalog(PluginSelection(only=("zoo-acme",))).trackers.resolve(name)
        return TrackerFeed([tracker], config())

    return make


def test_what_is_large_is_imported_before_the_run_exists(early, tmp_path, told) -> None:
    feed = early("steady")
    until((tmp_path / "warm").exists)
    run_dir = tmp_path / "run"
    events = told(run_dir).events
    write_json(run_dir / "run.json", {"status": "done", "config": SAVED})
    feed.follow(run_dir, events)
    feed.close()
    assert [call[0] for call in calls_of(run_dir, "steady.jsonl")][-2:] == ["metrics", "close"]


def test_an_import_that_fails_is_left_to_the_building(start, tmp_path, monkeypatch, warnings_of_zoo) -> None:
    monkeypatch.setenv("ACME", "cold")
    start("steady")[0].close()
    assert calls_of(tmp_path / "run", "steady.jsonl")[-1] == ["close"]
    assert warnings_of_zoo() == []


def test_a_run_that_does_not_take_place_ends_its_process_without_a_word(
    early, tmp_path, monkeypatch, warnings_of_zoo
) -> None:
    monkeypatch.setenv("ACME", "endless")
    feed = early("steady")
    until(lambda: (tmp_path / "warm").exists() and (tmp_path / "warm").read_text())
    number = int((tmp_path / "warm").read_text())
    os.kill(number, 0)
    feed.dismiss()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
    assert warnings_of_zoo() == []


def test_a_process_that_dies_early_is_told_once_the_run_has_begun(
    early, tmp_path, told, monkeypatch, warnings_of_zoo
) -> None:
    monkeypatch.setenv("ACME", "endless")
    feed = early("steady")
    until(lambda: (tmp_path / "warm").exists() and (tmp_path / "warm").read_text())
    os.kill(int((tmp_path / "warm").read_text()), signal.SIGKILL)
    time.sleep(0.3)
    assert warnings_of_zoo() == []
    feed.follow(tmp_path / "run", told(tmp_path / "run").events)
    feed.close()
    (line,) = warnings_of_zoo()
    assert "its process ended unexpectedly (killed by signal 9)" in line
    assert line.endswith(f"zoo runs publish {tmp_path / 'run'} --to steady")


PARENT = """
import pathlib, sys, time
from zoo_core.config.sections import GeneralSection, MlflowSection, RunConfig
from zoo_core.plugins import PluginSelection, build_catalog
from zoo_core.protocols import Stage
from zoo_core.reporting.trackers.feed import TrackerFeed
from zoo_core.runs.recorder import RunRecorder

run_dir = pathlib.Path(sys.argv[1])
tracker = build_catalog(PluginSelection(only=("zoo-acme",))).trackers.resolve("acme")
recorder = RunRecorder(run_dir)
feed = TrackerFeed.open([tracker], RunConfig.model_construct(), run_dir, recorder.events)
try:
    while not (run_dir / "told.jsonl").exists():
        time.sleep(0.05)
    recorder.epoch(Stage(1, "training"), 1, {"loss": 1.0})
    print("ready", flush=True)
    time.sleep(60)
finally:
    feed.close(patience=10)
"""


@pytest.fixture
def parent(site, tmp_path):
    """Start a process of a run, in a session of its own as a terminal gives it."""
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    write_json(run_dir / "run.json", {"status": "running", "config": SAVED})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(run_dir)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, start_new_session=True, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stdout.close()


def test_the_rest_is_sent_when_the_run_is_killed(parent, tmp_path) -> None:
    parent.kill()
    parent.wait()
    until(lambda: calls_of(tmp_path / "run")[-1] == ["close"])
    assert ["metrics", 1, {"loss": 1.0}] in calls_of(tmp_path / "run")


def test_an_interruption_on_the_keyboard_reaches_the_run_only(parent, tmp_path) -> None:
    os.killpg(parent.pid, signal.SIGINT)
    assert parent.wait(20) != 0
    assert [call[0] for call in calls_of(tmp_path / "run")] == ["build", "metrics", "close"]
