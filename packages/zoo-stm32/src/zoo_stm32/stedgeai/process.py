"""Own running one vendor program: no standard input, a time limit for it and its children, output kept in a log."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zoo_core.errors import UserError

TAIL_LINES = 40
_KEPT_BYTES = 1_000_000
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Report how a program ended. `output` is its last megabyte as text, without colour codes."""

    returncode: int
    """Exit status; negative where a signal ended it."""
    output: str
    timed_out: bool
    limit_s: float

    @property
    def failed(self) -> bool:
        """Tell whether the program did not end well."""
        return self.timed_out or self.returncode != 0

    def tail(self, lines: int = TAIL_LINES) -> str:
        """Return the last lines that say something."""
        return "\n".join([line for line in self.output.splitlines() if line.strip()][-lines:])


def run_program(
    arguments: Sequence[str],
    output: BinaryIO,
    *,
    limit_s: float,
    poll_s: float = 0.2,
    tick: Callable[[], None] | None = None,
) -> Finished:
    """Run a program until it ends or its time is over; then it and all its children are killed.

    Args:
        arguments: The program and its arguments, never a shell line.
        output: File, open for reading and writing, that takes standard output and standard error.
        limit_s: Longest time that the program may take.
        poll_s: How often `tick` is called.
        tick: Called while the program runs, to show progress.

    Raises:
        OSError: If the program cannot be started.
    """
    output.flush()
    start = output.tell()
    deadline = time.monotonic() + limit_s
    process = subprocess.Popen(  # noqa: S603 - a list of arguments, without a shell
        list(arguments), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
    )
    timed_out = False
    try:
        while True:
            try:
                process.wait(timeout=max(0.0, min(poll_s, deadline - time.monotonic())))
                break
            except subprocess.TimeoutExpired:
                timed_out = time.monotonic() >= deadline
                if timed_out:
                    break
                if tick is not None:
                    tick()
    finally:
        if process.poll() is None:
            _kill_group(process)
    return Finished(
        returncode=process.returncode, output=_read_end(output, start), timed_out=timed_out, limit_s=limit_s
    )


def open_log(path: Path, heading: str) -> BinaryIO:
    """Create a log file whose first line is the heading; folders that lack are made.

    Raises:
        UserError: If it cannot be written.
    """
    try:
        log = _create(path)
        log.write(f"{heading}\n".encode())
        log.flush()
    except OSError as error:
        raise cannot_write(path, error) from error
    return log


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w+b")


def cannot_write(path: Path, error: OSError) -> UserError:
    """Return the error for a file or folder that cannot be written."""
    cause = error.strerror or str(error)
    return UserError(
        f"Cannot write {path}: {cause}.",
        hint="Free space on that disk, or choose another output folder with hydra.run.dir.",
    )


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            subprocess.run(  # noqa: S603
                ["taskkill", "/F", "/T", "/PID", str(process.pid)],  # noqa: S607
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _read_end(output: BinaryIO, start: int) -> str:
    end = output.seek(0, os.SEEK_END)
    output.seek(max(start, end - _KEPT_BYTES))
    return _ANSI.sub("", output.read().decode("utf-8", errors="replace"))
