"""Own the thread that tells one tracker of a run: events in order, a limit on every call, one line when it fails."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from zoo_core.config.sections import RunConfig
from zoo_core.errors import ZooError
from zoo_core.plugins.guard import describe_error
from zoo_core.plugins.registry import Resolved
from zoo_core.protocols import Tracker
from zoo_core.reporting.trackers.delivery import bytes_to_send, deliver
from zoo_core.runs.events import Event
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
    ) -> None:
        """Prepare the telling.

        Args:
            resolved: The tracker.
            config: Configuration of the run.
            run_dir: Folder of the run.
            call_seconds: Longest time that one call may take, files apart.
            warns: Whether a failure is logged here; otherwise `failure` says it.
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
        self._begin("its start", 0)
        self._thread.start()
        while not self._opened.wait(_POLL_SECONDS):
            if self._is_stuck():
                return False
        self.sent = self.state.sent  # a tracker that begins a new record starts at the first event
        return self.failure is None and self._tracker is not None

    def give(self, place: int, event: Event) -> None:
        """Take one event, which stands at a place of the event file; the call returns at once."""
        if not self._is_stuck() and self.failure is None:
            self._queue.put((place, event))

    def close(self, patience: float | None = None) -> None:
        """Send what is left and end the thread; wait at most `patience` seconds where that is given."""
        self._queue.put(None)
        begin, noticed = time.monotonic(), False
        while self._thread.is_alive() and self.failure is None and not self._is_stuck():
            self._thread.join(_POLL_SECONDS)
            waited = time.monotonic() - begin
            if patience is not None and waited > patience:
                self._fail(f"it was not told of everything within {patience:g} s")
            elif waited > NOTICE_SECONDS and not noticed:
                noticed = True
                log.info("Waiting for tracker %s to take what is left.", self.name)

    def _work(self) -> None:
        try:
            build = self.resolved.load(self.resolved.spec.build)
            self._tracker = build(self._config, self._run_dir)
            self._call = None
            self._opened.set()
            if self._tracker is not None:
                self._send_all(self._tracker)
        except (Exception, SystemExit) as error:  # the code of a plugin may raise anything
            cause = str(error) if isinstance(error, ZooError) else describe_error(error)
            log.debug("Traceback of tracker %s", self.name, exc_info=error)
            self._fail(cause)
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
        if call is None or time.monotonic() - call[0] <= call[1]:
            return False
        self._fail(f"{call[2]} was not finished within {call[1]:g} s")
        return True

    def _fail(self, cause: str) -> None:
        """Say once, in one line, what ended the telling."""
        with self._lock:
            if self.failure is not None:
                return
            self.failure = without_secrets(" ".join(cause.split()))
        if self._warns:
            how = f"zoo runs publish {self._run_dir} --to {self.name}"
            told = self.failure.removesuffix(".")
            who = f"Tracker {self.name} of {self.resolved.provider}"
            log.warning("%s is left out: %s. The run goes on; send its events later with: %s", who, told, how)
