"""Own progress as lines for log files: now and then while an operation moves, and a sign of life while it does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from zoo_core.cli._count import NOTICEABLE_S, Count

if TYPE_CHECKING:
    from zoo_core.protocols import ProgressTask

INTERVAL_S = 5.0
"""Seconds between two lines of one operation that moves."""
HEARTBEAT_S = 10.0
"""Seconds without any line after which one says what is under way."""
SHORTEST_WAIT_S = 0.01
LONGEST_JOIN_S = 1.0


class PlainProgress:
    """Write lines that suit a log file: now and then while an operation runs, and one at its end.

    A thread, alive while an operation is, writes a line when none was written for some time.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        interval: float = INTERVAL_S,
        heartbeat: float = HEARTBEAT_S,
        first_beat: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare the writing.

        Args:
            stream: Takes the lines.
            interval: Seconds between two lines of an operation that moves.
            heartbeat: Seconds without any line after which one says what is under way.
            first_beat: The same for the first line after the outermost operation begins; a shorter one leaves no line.
            clock: Gives the time in seconds.
        """
        self._stream = stream
        self._interval = interval
        self._heartbeat = heartbeat
        self._first_beat = heartbeat if first_beat is None else first_beat
        self._noticeable = NOTICEABLE_S if first_beat is None else first_beat
        self._clock = clock
        self._lock = threading.RLock()
        self._open: list[_PlainTask] = []
        self._written = clock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def say(self, line: str) -> None:
        """Write a line; those of several threads do not mix."""
        with self._lock:
            self._stream.write(f"{line}\n")
            self._stream.flush()
            self._written = self._clock()

    @contextmanager
    def track(self, description: str, total: int | None) -> Iterator[ProgressTask]:
        """Count an operation; its last line is left out when it fails."""
        task = _PlainTask(self, Count(description, total, self._clock, noticeable=self._noticeable), self._interval)
        self._begin(task)
        finished = False
        try:
            yield task
            finished = True
        finally:
            self._end(task)
            if finished and task.count.leaves_a_line:
                self.say(task.count.end())

    def show(self, count: Count) -> None:
        """Write how far an operation is."""
        with self._lock:
            self.say(count.now())
            count.moved = False

    def beat(self) -> float:
        """Show the innermost operation when the screen stood still for long; return when to look again, in seconds."""
        with self._lock:
            left = self._written + self._heartbeat - self._clock()
            if left > 0 or not self._open:
                return max(left, SHORTEST_WAIT_S)
            self.show(self._open[-1].count)
            return self._heartbeat

    def _begin(self, task: _PlainTask) -> None:
        with self._lock:
            self._open.append(task)
            if len(self._open) > 1:
                return
            self._written = self._clock() + self._first_beat - self._heartbeat
            self._ended = threading.Event()
            self._thread = threading.Thread(target=self._watch, args=(self._ended,), name="zoo heartbeat", daemon=True)
            self._thread.start()

    def _end(self, task: _PlainTask) -> None:
        with self._lock:
            self._open.remove(task)
            if self._open:
                return
            self._ended.set()
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(LONGEST_JOIN_S)

    def _watch(self, ended: threading.Event) -> None:
        delay = self._first_beat
        with suppress(OSError, ValueError):  # nobody reads the stream any more
            while not ended.wait(delay):
                delay = self.beat()


class _PlainTask:
    def __init__(self, progress: PlainProgress, count: Count, interval: float) -> None:
        self.count = count
        self._progress = progress
        self._interval = interval
        self._next = count.started + interval

    def advance(self, steps: int = 1, **values: float) -> None:
        """Move on, and write a line when the last one is some seconds old.

        The last step gets the line of the end instead; a sign of life without steps and values gets none.
        """
        self.count.advance(steps, values)
        if self.count.moved and not self.count.finished and self.count.clock() >= self._next:
            self._progress.show(self.count)
            self._next = self.count.clock() + self._interval
