"""Own the process that tells trackers of a run: it follows the event file until the run ends or is killed.

It starts while the run is still being checked, imports what its trackers need, and waits for a line with the folder of
the run; the end of its input is the end of the run. Messages to the process that computes are lines of JSON on the
standard output, which nothing else gets to; what libraries print is dropped.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from zoo_core.config.sections import RunConfig
from zoo_core.lazy import LazyRef
from zoo_core.plugins.registry import Resolved
from zoo_core.reporting.trackers.publish import configuration
from zoo_core.reporting.trackers.sender import Sender, cause_of
from zoo_core.runs.events import Event, EventTail
from zoo_core.runs.files import read_json
from zoo_core.runs.layout import MANIFEST
from zoo_core.specs import TrackerSpec

POLL_SECONDS = 0.2
"""Time between two looks at the event file."""
BEAT_SECONDS = 5.0
"""Time between two signs of life."""
NICENESS = 10
"""How far the process stands back behind the one that computes; on Linux it takes only what nobody else wants."""
LEISURE = 10.0
"""How many times as long calls may take while the run goes on: nobody waits, and the processor may be busy."""
SAID, BEAT, ENDED = "said", "beat", "ended"
"""Kinds of messages: a line for the user, a sign of life, the end of a tracker with what went wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """Name a tracker in plain values that go from one process to the other."""

    tracker: str
    build: str
    """Reference of the function that builds it, `package.module:attribute`."""
    extra: str | None
    warm_up: str | None
    """Reference of the function that imports what is large."""
    distribution: str
    version: str

    @classmethod
    def of(cls, resolved: Resolved[TrackerSpec]) -> Self:
        """Return the name of a tracker."""
        spec = resolved.spec
        return cls(
            tracker=spec.name,
            build=spec.build.path,
            extra=spec.build.extra,
            warm_up=None if spec.warm_up is None else spec.warm_up.path,
            distribution=resolved.distribution,
            version=resolved.version,
        )

    @property
    def resolved(self) -> Resolved[TrackerSpec]:
        """Return the tracker as it is built."""
        build: LazyRef[Any] = LazyRef(self.build, extra=self.extra)
        spec = TrackerSpec(name=self.tracker, summary="A tracker.", build=build)
        return Resolved(spec=spec, distribution=self.distribution, version=self.version, name=self.tracker)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Say which trackers are told, and how."""

    trackers: tuple[Installed, ...]
    call_seconds: float
    search: tuple[str, ...] = ()
    """Where modules are looked for."""

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what `to_json` wrote."""
        facts = json.loads(text)
        return cls(**{**facts, "trackers": tuple(Installed(**found) for found in facts["trackers"])})

    def to_json(self) -> str:
        """Return the form that `main` takes."""
        return json.dumps(asdict(self))


class Voice(logging.Handler):
    """Send messages to the process that computes; nobody is there to hear them once that is killed."""

    def __init__(self) -> None:
        """Take the standard output for messages alone, and lead whatever else is printed nowhere."""
        super().__init__(logging.INFO)
        self._stream = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        self._beaten = time.monotonic()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in (1, 2):
            os.dup2(nowhere, number)

    def say(self, kind: str, **facts: Any) -> None:
        """Send one message."""
        with self.lock or threading.Lock(), suppress(OSError):
            self._stream.write(f"{json.dumps({'kind': kind, **facts})}\n")

    def beat(self) -> None:
        """Give a sign of life when it is time for one."""
        if time.monotonic() - self._beaten >= BEAT_SECONDS:
            self._beaten = time.monotonic()
            self.say(BEAT)

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on a line for the user."""
        self.say(SAID, text=record.getMessage())


def main(text: str) -> None:
    """Tell the trackers of an assignment, given as JSON, of the run that the input names, and leave."""
    _stand_back()
    voice = Voice()
    told = logging.getLogger("zoo")
    told.addHandler(voice)
    told.setLevel(logging.INFO)
    assignment = Assignment.read(text)
    _warm_up(assignment.trackers)
    try:
        if run_dir := sys.stdin.readline():
            _follow(assignment, Path(json.loads(run_dir)), voice)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever happens becomes one line
        for tracker in assignment.trackers:
            voice.say(ENDED, tracker=tracker.tracker, failure=cause_of(error))
    os._exit(0)  # a call that hangs, or threads that a library left, do not keep the process


def _warm_up(trackers: Sequence[Installed]) -> None:
    """Import what is large, one after the other: threads that import what belongs together may see half of it."""
    for tracker in trackers:
        if tracker.warm_up is not None:
            warm_up: LazyRef[Any] = LazyRef(tracker.warm_up)
            with suppress(Exception, SystemExit):  # it is tried again, and said, when the tracker is built
                warm_up.load()()


def _follow(assignment: Assignment, run_dir: Path, voice: Voice) -> None:
    """Tell the trackers everything until the run ends, and say of each what went wrong."""
    over, tail, events = _end_of_run(), EventTail(run_dir), list[tuple[int, Event]]()
    started = [_started(tracker, run_dir, assignment.call_seconds, voice) for tracker in assignment.trackers]
    listeners = [listener for listener in started if listener is not None]
    while listeners:
        if last := over.wait(POLL_SECONDS):
            time.sleep(POLL_SECONDS / 10)
        events.extend(tail.read())
        for listener in tuple(listeners):
            if listener.is_done(events, last=last):
                listeners.remove(listener)
                voice.say(ENDED, tracker=listener.name, failure=listener.failure)
        voice.beat()


def _started(tracker: Installed, run_dir: Path, call_seconds: float, voice: Voice) -> _Listener | None:
    """Start one tracker; what prevents it is said."""
    try:
        config = configuration(read_json(run_dir / MANIFEST)["config"], tracker.tracker, ())
        return _Listener(tracker.resolved, config, run_dir, call_seconds)
    except Exception as error:  # noqa: BLE001 - whatever happens becomes one line
        voice.say(ENDED, tracker=tracker.tracker, failure=cause_of(error))
        return None


class _Listener:
    """Bring one tracker from its start to its end."""

    def __init__(self, resolved: Resolved[TrackerSpec], config: RunConfig, run_dir: Path, call_seconds: float) -> None:
        self.name = resolved.spec.name
        self._sender = Sender(resolved, config, run_dir, call_seconds=call_seconds, warns=False, leisure=LEISURE)
        self._given: int | None = None
        """How many events it was given; none before it is built."""
        self._sender.begin()

    @property
    def failure(self) -> str | None:
        """Return what ended the telling."""
        return self._sender.failure

    def is_done(self, events: Sequence[tuple[int, Event]], *, last: bool) -> bool:
        """Give what is new of all events so far, and tell whether the tracker needs nothing any more."""
        sender = self._sender
        if last:
            sender.hurry()
        if not sender.works():
            return True
        if self._given is None:
            if not sender.is_open():
                return False
            if not sender.takes_part():
                return True
            sender.catch_up(event for _, event in events)
        else:
            for place, event in events[self._given :]:
                sender.give(place, event)
        self._given = len(events)
        if last:
            sender.end()
        return last and not sender.is_busy()


def _end_of_run() -> threading.Event:
    """Return what is set once the process that computes says that the run has ended, or is no longer there."""
    over = threading.Event()

    def listen() -> None:
        with suppress(OSError):
            sys.stdin.read(1)
        over.set()

    threading.Thread(target=listen, name="zoo end of run", daemon=True).start()
    return over


def _stand_back() -> None:
    """Leave the processor to the process that computes, and interruptions by the user to it as well."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        if sys.platform == "linux":
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        elif hasattr(os, "nice"):
            os.nice(NICENESS)
