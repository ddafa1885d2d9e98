"""Own how the user sees a long operation: live bars on a terminal, plain lines elsewhere, warnings alone when quiet."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from zoo_core.cli._progress_live import TerminalProgress
from zoo_core.cli._progress_plain import PlainProgress
from zoo_core.protocols import Progress

if TYPE_CHECKING:
    from zoo_core.protocols import ProgressTask

PATIENCE_S = 2.0
"""Seconds that a command may take before the user is told what it does."""


class Reporter(Progress, Protocol):
    """Show progress, and lines of text between the bars."""

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        ...


@contextmanager
def open_progress(stream: TextIO | None = None, *, quiet: bool = False, silent: bool = False) -> Iterator[Progress]:
    """Give the progress that fits the stream, and show through it what is logged under `zoo`.

    Args:
        stream: Takes the lines; standard error when not given.
        quiet: Whether to show warnings and errors alone.
        silent: Whether to show nothing at all, for processes that leave the screen to another one.
    """
    target = stream or sys.stderr
    reporter = _UnseenProgress(None if silent else target) if quiet or silent else _reporter(target)
    handler = _ReporterHandler(reporter, logging.WARNING if quiet else logging.INFO)
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


@contextmanager
def waiting(what: str, *, quiet: bool = False) -> Iterator[None]:
    """Say what a command does when that takes more than some seconds, and that it goes on; without bars."""
    reporter = _UnseenProgress(None) if quiet else PlainProgress(sys.stderr, first_beat=PATIENCE_S)
    with reporter.track(what, None):
        yield


def _reporter(stream: TextIO) -> Reporter:
    live = stream.isatty() and os.environ.get("TERM") != "dumb"
    return TerminalProgress(stream) if live else PlainProgress(stream)


class _UnseenProgress:
    """Show no progress; write lines where there is a stream for them."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def say(self, line: str) -> None:
        """Write a line, or drop it."""
        if self._stream is not None:
            self._stream.write(f"{line}\n")
            self._stream.flush()

    @contextmanager
    def track(self, description: str, total: int | None) -> Iterator[ProgressTask]:
        """Count without showing it."""
        yield _UnseenTask()


class _UnseenTask:
    def advance(self, steps: int = 1, **values: float) -> None:
        """Do nothing."""


class _ReporterHandler(logging.Handler):
    """Show log records as lines; those of the level `warning` and above say so.

    A record with `extra={"screen": False}` is for the log file only, because the screen says the same otherwise.
    """

    def __init__(self, reporter: Reporter, level: int) -> None:
        super().__init__(level)
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
