"""Own how the user sees a long operation: live bars on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from zoo_core.protocols import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from zoo_core.protocols import ProgressTask

INTERVAL_S = 5.0
"""Seconds between two plain lines of one operation."""
SECONDS_PER_MINUTE = 60
SMALL = 1e-3
LARGE = 1e5


class Reporter(Progress, Protocol):
    """Show progress, and lines of text between the bars."""

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        ...


@contextmanager
def open_progress(stream: TextIO | None = None, *, quiet: bool = False) -> Iterator[Progress]:
    """Give the progress that fits the stream, and show what is logged under `zoo` through it; nothing when quiet."""
    reporter = _QuietProgress() if quiet else _reporter(stream or sys.stderr)
    handler = _ReporterHandler(reporter)
    logger = logging.getLogger("zoo")
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield reporter
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def _reporter(stream: TextIO) -> Reporter:
    live = stream.isatty() and os.environ.get("TERM") != "dumb"
    return TerminalProgress(stream) if live else PlainProgress(stream)


@dataclass(slots=True)
class _Count:
    """Count the steps of one operation and keep the latest values."""

    description: str
    total: int | None
    clock: Callable[[], float]
    done: int = 0
    values: dict[str, float] = field(default_factory=dict)
    started: float = 0.0

    def __post_init__(self) -> None:
        self.started = self.clock()

    def advance(self, steps: int, values: Mapping[str, float]) -> None:
        self.done += steps
        self.values.update(values)

    @property
    def elapsed(self) -> float:
        """Return the seconds since the operation began."""
        return self.clock() - self.started

    def now(self) -> str:
        """Return one line: how much is done, how long the rest will take, the latest values."""
        if self.total is None:
            parts = [f"{self.done} done in {duration(self.elapsed)}"]
        else:
            parts = [f"{self.done}/{self.total}"]
            if 0 < self.done < self.total:
                parts.append(f"{duration(self.elapsed * (self.total - self.done) / self.done)} left")
        return f"{self.description}: {', '.join(parts + self._values())}"

    def end(self) -> str:
        """Return one line about the whole operation."""
        return f"{self.description}: {', '.join([duration(self.elapsed), *self._values()])}"

    def _values(self) -> list[str]:
        return [f"{name} {number(value)}" for name, value in self.values.items()]


class PlainProgress:
    """Write lines that suit a log file: now and then while an operation runs, and one at its end."""

    def __init__(
        self, stream: TextIO, *, interval: float = INTERVAL_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._interval = interval
        self._clock = clock

    def say(self, line: str) -> None:
        """Write a line."""
        self._stream.write(f"{line}\n")
        self._stream.flush()

    @contextmanager
    def track(self, description: str, total: int | None) -> Iterator[ProgressTask]:
        """Count an operation; its last line is left out when it fails."""
        task = _PlainTask(self, _Count(description, total, self._clock), self._interval)
        yield task
        self.say(task.count.end())


class _PlainTask:
    def __init__(self, progress: PlainProgress, count: _Count, interval: float) -> None:
        self.count = count
        self._progress = progress
        self._interval = interval
        self._next = count.started + interval

    def advance(self, steps: int = 1, **values: float) -> None:
        """Move on, and write a line when the last one is some seconds old."""
        self.count.advance(steps, values)
        if self.count.clock() >= self._next:
            self._progress.say(self.count.now())
            self._next = self.count.clock() + self._interval


class TerminalProgress:
    """Draw live bars with the time left and the latest values; a finished bar becomes one line."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False, no_color="NO_COLOR" in os.environ or None)
        self._clock = clock
        self._live: RichProgress | None = None
        self._open = 0

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def track(self, description: str, total: int | None) -> Iterator[ProgressTask]:
        """Show a bar; the last of several open bars takes the display with it."""
        live = self._enter()
        count = _Count(description, total, self._clock)
        task = _LiveTask(live, live.add_task(description, total=total, values=""), count)
        finished = False
        try:
            yield task
            finished = True
        finally:
            live.remove_task(task.id)
            self._leave()
            if finished:
                self.say(count.end())

    def _enter(self) -> RichProgress:
        if self._live is None:
            self._live = _bars(self._console)
            self._live.start()
        self._open += 1
        return self._live

    def _leave(self) -> None:
        self._open -= 1
        if self._open == 0 and self._live is not None:
            self._live.stop()
            self._live = None


class _LiveTask:
    def __init__(self, live: RichProgress, task_id: TaskID, count: _Count) -> None:
        self.id = task_id
        self._live = live
        self._count = count

    def advance(self, steps: int = 1, **values: float) -> None:
        """Move the bar on and show the latest values behind it."""
        self._count.advance(steps, values)
        shown = "  ".join(f"{name} {number(value)}" for name, value in self._count.values.items())
        self._live.update(self.id, advance=steps, values=shown)


class _QuietProgress:
    """Show nothing, for processes that leave the screen to another one."""

    def say(self, line: str) -> None:
        """Drop the line."""

    @contextmanager
    def track(self, description: str, total: int | None) -> Iterator[ProgressTask]:
        """Count without showing it."""
        yield _QuietTask()


class _QuietTask:
    def advance(self, steps: int = 1, **values: float) -> None:
        """Do nothing."""


def _bars(console: Any) -> RichProgress:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
        TextColumn("{task.fields[values]}", markup=False),
    )
    return Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)


class _ReporterHandler(logging.Handler):
    """Show log records as lines; those of the level `warning` and above say so.

    A record with `extra={"screen": False}` is for the log file only, because the screen says the same otherwise.
    """

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.INFO)
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        if not getattr(record, "screen", True):
            return
        try:
            text = record.getMessage()
            self._reporter.say(text if record.levelno < logging.WARNING else f"{record.levelname.lower()}: {text}")
        except Exception:  # noqa: BLE001 - logging must never end a run; the handler's own report takes over
            self.handleError(record)


def duration(seconds: float) -> str:
    """Return a time span as `0.8 s`, `12 s`, `3:07` or `1:02:03`."""
    if seconds < SECONDS_PER_MINUTE:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004 - two digits are enough
    minutes, rest = divmod(round(seconds), SECONDS_PER_MINUTE)
    hours, minutes = divmod(minutes, SECONDS_PER_MINUTE)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def number(value: float) -> str:
    """Return a number with four significant digits."""
    if value and not SMALL <= abs(value) < LARGE:
        return f"{value:.3e}"
    return f"{value:.4g}"
