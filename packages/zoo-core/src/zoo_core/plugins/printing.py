"""Own standard output while plugins load: what they print is led to standard error, and is noticed."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import IO, Any

STDOUT = 1
"""Number of the file that C code and child processes know as standard output."""


class Detour(io.TextIOBase):
    """Write to standard error, whichever that is now, and remember that it was used.

    A plugin may keep it as its `sys.stdout` for ever; it goes on working.
    """

    def __init__(self) -> None:
        super().__init__()
        self.used = False

    def writable(self) -> bool:
        """Say that it takes text."""
        return True

    def write(self, text: str) -> int:
        """Pass text on."""
        self.used = True
        if sys.stderr is not None:
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush standard error."""
        _flush(sys.stderr)


class PrintWatch:
    """Tell of one plugin after the other whether it printed."""

    def __init__(self, detour: Detour, sink: int | None) -> None:
        self._detour = detour
        self._sink = sink

    def printed(self) -> bool:
        """Tell whether anything was printed since the last call, and show what bypassed `sys.stdout`."""
        late = b"" if self._sink is None else _drain(self._sink)
        if late and sys.stderr is not None:
            sys.stderr.write(late.decode(errors="replace"))
        found = self._detour.used or bool(late)
        self._detour.used = False
        return found


@contextlib.contextmanager
def led_to_stderr() -> Iterator[PrintWatch]:
    """Lead standard output to standard error: that of Python, and that of C code and child processes."""
    outer = sys.stdout
    detour = Detour()
    with _descriptor_kept(outer) as sink, contextlib.redirect_stdout(detour):
        watch = PrintWatch(detour, sink)
        try:
            yield watch
        finally:
            _flush(sys.__stdout__)
            watch.printed()


@contextlib.contextmanager
def _descriptor_kept(outer: IO[Any] | None) -> Iterator[int | None]:
    """Put a file in the place of standard output and give its number, or nothing where that is closed."""
    for stream in (outer, sys.__stdout__):
        _flush(stream)
    try:
        kept, sink = os.dup(STDOUT), _open_sink()
    except OSError:
        yield None
        return
    os.dup2(sink, STDOUT)
    try:
        yield sink
    finally:
        os.dup2(kept, STDOUT)
        os.close(kept)
        os.close(sink)


def _open_sink() -> int:
    if sys.platform == "linux":
        return os.memfd_create("zoo-plugins")
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _drain(sink: int) -> bytes:
    """Return what was written to the file, and empty it."""
    _flush(sys.__stdout__)
    size = os.fstat(sink).st_size
    if not size:
        return b""
    os.lseek(sink, 0, os.SEEK_SET)
    written = os.read(sink, size)
    os.ftruncate(sink, 0)
    os.lseek(sink, 0, os.SEEK_SET)
    return written


def _flush(stream: IO[Any] | None) -> None:
    """Flush a stream that may be absent, closed, or lead to nobody."""
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
