"""Own the run's side of the process that tells trackers: start it, hear what it says, end it in time."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from zoo_core.plugins.registry import Resolved
from zoo_core.reporting.trackers.child import ENDED, SAID, Assignment, Installed
from zoo_core.reporting.trackers.sender import CALL_SECONDS, NOTICE_SECONDS, tell_left_out, tell_waiting
from zoo_core.runs.events import Event
from zoo_core.specs import TrackerSpec

log = logging.getLogger("zoo")

START = """\
import json, sys
sys.path[:] = json.loads(sys.argv[1])["search"]
from {module} import main
main(sys.argv[1])
"""
"""Code of the process: it looks for modules where this one does."""
SILENCE_SECONDS = 30.0
"""Time beyond the longest call after which a process without a sign of life is given up."""
EXIT_SECONDS = 5.0
"""Time a process has to be gone after its last word."""
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_POLL_SECONDS = 0.25


class TrackerProcess:
    """Have trackers told of a run by a process of low priority, which reads the event file itself."""

    def __init__(self, trackers: Sequence[Resolved[TrackerSpec]], *, call_seconds: float = CALL_SECONDS) -> None:
        """Start the process, which imports what its trackers need; nothing is waited for.

        Args:
            trackers: The trackers.
            call_seconds: Longest time that one call of a tracker may take, files apart.
        """
        self.failures: dict[str, str] = {}
        """Name of a tracker -> what ended its telling."""
        self._run_dir = Path()
        self._call_seconds = call_seconds
        self._heard = time.monotonic()
        self._lock = threading.Lock()
        self._told = {tracker.spec.name: tracker for tracker in trackers}
        """Trackers that take events still."""
        self._following = threading.Event()
        self._finished = threading.Event()
        self._unstarted: str | None = None
        self._process = self._start(trackers)
        self._thread = threading.Thread(target=self._listen, name="zoo trackers", daemon=True)
        self._thread.start()

    def follow(self, run_dir: Path) -> None:
        """Have the trackers told of a run, whose folder holds `run.json` and the events."""
        self._run_dir = run_dir
        if self._unstarted is not None:
            self._fail_all(self._unstarted)
        self._following.set()
        self._write(f"{json.dumps(str(run_dir.absolute()))}\n")

    def dismiss(self) -> None:
        """End the process whatever it does; nothing is told of it."""
        with self._lock:
            self._told.clear()
            self._finished.set()
        self._following.set()
        self._kill()
        self.end()
        self._see_off()

    def give(self, place: int, event: Event) -> None:
        """Leave an event to the process, which finds it in the event file."""

    def end(self) -> None:
        """Say that the run has ended; the call returns at once."""
        stream = None if self._process is None else self._process.stdin
        if stream is not None:
            with suppress(OSError):  # the process is gone already
                stream.close()

    def close(self, patience: float | None = None) -> None:
        """Wait until everything is sent, at most `patience` seconds where that is given, and see the process end."""
        self.end()
        begin, noticed = time.monotonic(), False
        while not self._finished.wait(_POLL_SECONDS):
            moment = time.monotonic()
            if patience is not None and moment - begin > patience:
                self._give_up(f"it was not told of everything within {patience:g} s")
            elif moment - max(begin, self._heard) > self._call_seconds + SILENCE_SECONDS:
                self._give_up("its process does not answer")
            elif moment - begin > NOTICE_SECONDS and not noticed:
                noticed = True
                tell_waiting(*self._told)
        self._see_off()

    def _start(self, trackers: Sequence[Resolved[TrackerSpec]]) -> subprocess.Popen[bytes] | None:
        search = tuple(str(Path(place).absolute()) if place else str(Path.cwd()) for place in sys.path)
        assignment = Assignment(
            trackers=tuple(map(Installed.of, trackers)),
            call_seconds=self._call_seconds,
            search=search,
        )
        code = START.format(module=Assignment.__module__)
        command = [sys.executable, "-P", "-c", code, assignment.to_json()]
        try:
            return subprocess.Popen(  # noqa: S603 - this interpreter with code of ours, no shell
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **dict.fromkeys(ONE_THREAD, "1")},
                **_apart(),
            )
        except OSError as error:
            self._unstarted = f"its process could not be started: {error}"
            return None

    def _write(self, line: str) -> None:
        stream = None if self._process is None else self._process.stdin
        if stream is not None:
            with suppress(OSError):  # the process is gone, which the listening thread says
                stream.write(line.encode())
                stream.flush()

    def _listen(self) -> None:
        """Take what the process says until it ends."""
        process = self._process
        if process is not None and process.stdout is not None:
            with process.stdout as lines:
                for line in lines:
                    self._heard = time.monotonic()
                    self._take(_parsed(line))
            self._following.wait()
            if not self._finished.is_set():
                self._fail_all(f"its process ended unexpectedly ({_how(process.wait())})")

    def _take(self, message: Mapping[str, Any]) -> None:
        if message.get("kind") == SAID:
            log.info("%s", message.get("text"))
        elif message.get("kind") == ENDED:
            self._finish(str(message.get("tracker")), message.get("failure"))

    def _give_up(self, cause: str) -> None:
        self._fail_all(cause)
        self._kill()

    def _see_off(self) -> None:
        """Wait until the process is gone, and make sure of it."""
        process = self._process
        if process is None:
            return
        try:
            process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill()
            process.wait()
        self._thread.join(EXIT_SECONDS)

    def _kill(self) -> None:
        """End the process with all that it started."""
        if self._process is None:
            return
        with suppress(OSError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)

    def _fail_all(self, cause: str) -> None:
        """Say of every tracker that takes events still what ended the telling."""
        for name in tuple(self._told):
            self._finish(name, cause)

    def _finish(self, name: str, failure: str | None) -> None:
        """Note that a tracker needs nothing any more, and say once, in one line, what went wrong."""
        with self._lock:
            resolved = self._told.pop(name, None)
            if resolved is not None and failure:
                tell_left_out(resolved, self._run_dir, failure)
                self.failures[name] = failure
            if not self._told:
                self._finished.set()


def _apart() -> dict[str, Any]:
    """Return what keeps an interruption on the keyboard from the process.

    A group of its own does; in a session of its own, Linux would share the processor between both sessions evenly,
    whatever the priority of the process.
    """
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.BELOW_NORMAL_PRIORITY_CLASS}
    return {"process_group": 0}


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _how(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"
