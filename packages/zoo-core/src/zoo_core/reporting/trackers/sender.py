"""Own the thread that tells one tracker of a run: events in order, a limit on every call, one line when it fails."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from zoo_core.config.sections import RunConfig
from zoo_core.errors import ZooError
from zoo_core.plugins.guard import describe_error
from zoo_core.plugins.registry import Resolved
from zoo_core.protocols import Tracker
from zoo_core.reporting.trackers.delivery import bytes_to_send, deliver
from zoo_core.runs.events import Event, current
from zoo_core.runs.secrets import without_secrets
from zoo_core.runs.tracker_state import TrackerState

log = logging.getLogger("zoo")

CALL_SECONDS = 60.0
"""Longest time a tracker may take for one event, files apart."""
SLOWEST_BYTES_PER_SECOND = 100_000.0
"""Speed below which the sending of files counts as stuck."""
NOTICE_SECONDS = 5.0
"""Time of waiting at the end after which the user is told what is waited for."""
_POLL_SECONDS = 0.02


class Sender:
    """Tell one tracker of a run from a thread of its own, so that no slow tracker holds up the computing."""

    def __init__(
        self,
        resolved: Resolved[Any],
        config: RunConfig,
        run_dir: Path,
        *,
        call_seconds: float = CALL_SECONDS,
        warns: bool = True,
        leisure: float = 1.0,
    ) -> None:
        """Prepare the telling.

        Args:
            resolved: The tracker.
            config: Configuration of the run.
            run_dir: Folder of the run.
            call_seconds: Longest time that one call may take, files apart.
            warns: Whether a failure is logged here; otherwise `failure` says it.
            leisure: How many times as long calls may take until `hurry` is called.
        """
        self.resolved = resolved
        self.failure: str | None = None
        """What ended the telling."""
        self.state = TrackerState(run_dir, resolved.spec.name)
        self.sent = self.state.sent
        self._config = config
        self._warns = warns
        self._run_dir = run_dir
        self._call_seconds = call_seconds
        self._queue: SimpleQueue[tuple[int, Event] | None] = SimpleQueue()
        self._tracker: Tracker | None = None
        self._lock = threading.Lock()
        self._ended = False
        self._leisure = leisure
        self._call: tuple[float, float, str] | None = None
        """Start of the call under way, its limit, what it does."""
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"zoo tracker {resolved.spec.name}", daemon=True)

    @property
    def name(self) -> str:
        """Return the name of the tracker."""
        return str(self.resolved.spec.name)

    def open(self) -> bool:
        """Build the tracker and tell whether it wants to be told of this run."""
        self.begin()
        while not self.is_open():
            if not self.works():
                return False
            time.sleep(_POLL_SECONDS)
        return self.takes_part()

    def begin(self) -> None:
        """Begin to build the tracker; the call returns at once."""
        self._begin("its start", 0)
        self._thread.start()

    def is_open(self) -> bool:
        """Tell whether the building is over."""
        return self._opened.is_set()

    def takes_part(self) -> bool:
        """Tell, once the building is over, whether the tracker wants to be told of this run."""
        self.sent = self.state.sent  # a tracker that begins a new record starts at the first event
        return self.failure is None and self._tracker is not None

    def hurry(self) -> None:
        """Let no call take longer than is usual from now on, since somebody waits."""
        if self._leisure != 1.0:
            self._leisure = 1.0
            if (call := self._call) is not None:
                self._call = (time.monotonic(), *call[1:])

    def catch_up(self, events: Iterable[Event]) -> int:
        """Take those events of a run, told from its beginning, that hold and were not sent; return their number."""
        waiting = [(place, event) for place, event in current(events) if place >= self.sent]
        for place, event in waiting:
            self.give(place, event)
        return len(waiting)

    def give(self, place: int, event: Event) -> None:
        """Take one event, which stands at a place of the event file; the call returns at once."""
        if self.works():
            self._queue.put((place, event))

    def works(self) -> bool:
        """Tell whether the tracker takes events still; one whose call takes too long does not."""
        return not self._is_stuck() and self.failure is None

    def is_busy(self) -> bool:
        """Tell whether the thread still works."""
        return self._thread.is_alive()

    def end(self) -> None:
        """Say that no more events come; the call returns at once."""
        if not self._ended:
            self._ended = True
            self._queue.put(None)

    def close(self, patience: float | None = None) -> None:
        """Send what is left and end the thread; wait at most `patience` seconds where that is given."""
        self.end()
        begin, noticed = time.monotonic(), False
        while self._thread.is_alive() and self.works():
            self._thread.join(_POLL_SECONDS)
            waited = time.monotonic() - begin
            if patience is not None and waited > patience:
                self._fail(f"it was not told of everything within {patience:g} s")
            elif waited > NOTICE_SECONDS and not noticed:
                noticed = True
                tell_waiting(self.name)

    def _work(self) -> None:
        try:
            build = self.resolved.load(self.resolved.spec.build)
            self._tracker = build(self._config, self._run_dir)
            self._call = None
            self._opened.set()
            if self._tracker is not None:
                self._send_all(self._tracker)
        except (Exception, SystemExit) as error:  # the code of a plugin may raise anything
            log.debug("Traceback of tracker %s", self.name, exc_info=error)
            self._fail(cause_of(error))
        finally:
            self._call = None
            self._opened.set()

    def _send_all(self, tracker: Tracker) -> None:
        while (taken := self._queue.get()) is not None and self.failure is None:
            place, event = taken
            self._begin(f"event {event['event']}", bytes_to_send(event, self._run_dir))
            deliver(event, tracker, self._run_dir)
            self._call = None
            if self.failure is None:
                self.sent = place + 1
                self.state.update(sent=self.sent)
        if self.failure is None:
            self._begin("its end", 0)
            tracker.close()

    def _begin(self, what: str, size: int) -> None:
        self._call = (time.monotonic(), self._call_seconds + size / SLOWEST_BYTES_PER_SECOND, what)

    def _is_stuck(self) -> bool:
        """Give up a tracker whose present call takes too long."""
        call = self._call
        if call is None or time.monotonic() - call[0] <= (limit := call[1] * self._leisure):
            return False
        self._fail(f"{call[2]} was not finished within {limit:g} s")
        return True

    def _fail(self, cause: str) -> None:
        """Say once, in one line, what ended the telling."""
        with self._lock:
            if self.failure is not None:
                return
            failure = without_secrets(" ".join(cause.split()))
            if self._warns:
                tell_left_out(self.resolved, self._run_dir, failure)
            self.failure = failure


def tell_waiting(*names: str) -> None:
    """Tell the user that the end of a run waits for trackers."""
    who = f"tracker {names[0]}" if len(names) == 1 else f"trackers {', '.join(names)}"
    log.info("Waiting for %s to take what is left.", who)


def tell_left_out(resolved: Resolved[Any], run_dir: Path, failure: str) -> None:
    """Warn in one line that a tracker is not told any more, and how to send it the events later."""
    name = resolved.spec.name
    how = f"zoo runs publish {run_dir} --to {name}"
    told = without_secrets(" ".join(failure.split())).removesuffix(".")
    who = f"Tracker {name} of {resolved.provider}"
    log.warning("%s is left out: %s. The run goes on; send its events later with: %s", who, told, how)


def cause_of(error: BaseException) -> str:
    """Return what an exception of a tracker says, as users read it."""
    return str(error) if isinstance(error, ZooError) else describe_error(error)
