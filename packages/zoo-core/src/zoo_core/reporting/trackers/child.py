"""Own the process that tells one tracker of a run: it follows the event file until the run ends or is killed.

What a tracker imports and sends costs the process that computes nothing. Messages to that process are lines of JSON on
the standard output, which nothing else gets to; what libraries print is dropped.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from zoo_core.lazy import LazyRef
from zoo_core.plugins.registry import Resolved
from zoo_core.reporting.trackers.publish import configuration
from zoo_core.reporting.trackers.sender import Sender, cause_of
from zoo_core.runs.events import EventTail
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
"""Kinds of messages: a line for the user, a sign of life, the end with what went wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Name the tracker and the run, in plain values that go from one process to the other."""

    tracker: str
    build: str
    """Reference of the function that builds it, `package.module:attribute`."""
    extra: str | None
    distribution: str
    version: str
    run_dir: str
    call_seconds: float
    search: tuple[str, ...] = ()
    """Where modules are looked for."""

    @classmethod
    def of(
        cls, resolved: Resolved[TrackerSpec], run_dir: Path, *, call_seconds: float, search: tuple[str, ...]
    ) -> Self:
        """Return the assignment of an installed tracker."""
        build = resolved.spec.build
        return cls(
            tracker=resolved.spec.name,
            build=build.path,
            extra=build.extra,
            distribution=resolved.distribution,
            version=resolved.version,
            run_dir=str(run_dir),
            call_seconds=call_seconds,
            search=search,
        )

    @property
    def resolved(self) -> Resolved[TrackerSpec]:
        """Return the tracker as it is built."""
        spec = TrackerSpec(name=self.tracker, summary="A tracker.", build=LazyRef(self.build, extra=self.extra))
        return Resolved(spec=spec, distribution=self.distribution, version=self.version, name=self.tracker)

    def to_json(self) -> str:
        """Return the form that `main` takes."""
        return json.dumps(asdict(self))


class Voice(logging.Handler):
    """Send messages to the process that computes; nobody is there to hear them once that is killed."""

    def __init__(self) -> None:
        """Take the standard output for messages alone, and lead whatever else is printed nowhere."""
        super().__init__(logging.INFO)
        self._stream = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in (1, 2):
            os.dup2(nowhere, number)

    def say(self, kind: str, **facts: Any) -> None:
        """Send one message."""
        with self.lock or threading.Lock(), suppress(OSError):
            self._stream.write(f"{json.dumps({'kind': kind, **facts})}\n")

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on a line for the user."""
        self.say(SAID, text=record.getMessage())


def main(text: str) -> None:
    """Tell the tracker of an assignment, given as JSON, and leave."""
    _stand_back()
    voice = Voice()
    told = logging.getLogger("zoo")
    told.addHandler(voice)
    told.setLevel(logging.INFO)
    try:
        failure = _follow(json.loads(text), voice)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever happens becomes one line
        failure = cause_of(error)
    voice.say(ENDED, failure=failure)
    os._exit(0)  # a call that hangs, or threads that a library left, do not keep the process


def _follow(facts: Mapping[str, Any], voice: Voice) -> str | None:
    """Tell the tracker everything until the run ends, and return what went wrong."""
    assignment = Assignment(**facts)
    run_dir = Path(assignment.run_dir)
    config = configuration(read_json(run_dir / MANIFEST)["config"], assignment.tracker, ())
    seconds, over = assignment.call_seconds, _end_of_run()
    sender = Sender(assignment.resolved, config, run_dir, call_seconds=seconds, warns=False, leisure=LEISURE)
    pulse = _Pulse(voice, sender, over)
    sender.begin()
    while not sender.is_open() and pulse.beat():
        time.sleep(POLL_SECONDS / 10)
    if not sender.is_open() or not sender.takes_part():
        return sender.failure
    tail, last = EventTail(run_dir), False
    sender.catch_up(event for _, event in tail.read())
    while pulse.beat() and not last:
        last = over.wait(POLL_SECONDS)
        for place, event in tail.read():
            sender.give(place, event)
    sender.end()
    while sender.is_busy() and pulse.beat():
        time.sleep(POLL_SECONDS / 10)
    return sender.failure


class _Pulse:
    """Look after the tracker while it works."""

    def __init__(self, voice: Voice, sender: Sender, over: threading.Event) -> None:
        self._voice = voice
        self._sender = sender
        self._over = over
        self._beaten = time.monotonic()

    def beat(self) -> bool:
        """Give a sign of life when it is time for one, and tell whether the tracker still works."""
        if self._over.is_set():
            self._sender.hurry()
        moment = time.monotonic()
        if moment - self._beaten >= BEAT_SECONDS:
            self._beaten = moment
            self._voice.say(BEAT)
        return self._sender.works()


def _end_of_run() -> threading.Event:
    """Return what is set once the process that computes says that the run has ended, or is no longer there."""
    over = threading.Event()

    def listen() -> None:
        with suppress(OSError):
            os.read(0, 1)
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
