"""Own running a tool for one step: log file, progress, and one message with the last 40 lines when it fails."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo_core.errors import MissingError, UserError, ZooError
from zoo_core.protocols import Progress
from zoo_stm32.stedgeai.process import TAIL_LINES, Finished, open_log, run_program

NO_SPACE = re.compile(r"No space left on device|not enough space on the disk|disk (?:is )?full", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cause:
    """Pair a pattern of a tool's output with what it means and what to do."""

    pattern: re.Pattern[str]
    text: str
    cure: str


def cause(pattern: str, text: str, cure: str) -> Cause:
    """Return a cause whose pattern ignores case and matches in any line."""
    return Cause(re.compile(pattern, re.IGNORECASE | re.MULTILINE), text, cure)


DISK_FULL = Cause(NO_SPACE, "the disk is full", "Free space on the disk of the project and of the run directory.")


def execute(
    arguments: Sequence[str | Path],
    log: Path,
    *,
    what: str,
    limit_s: float,
    progress: Progress,
    poll_s: float = 0.2,
    causes: Sequence[Cause] = (),
) -> Finished:
    """Run a tool and return how it ended.

    Args:
        arguments: The program and its arguments.
        log: File that takes all it prints.
        what: What is done, such as `Building Demo/Release`; starts the message of a failure.
        limit_s: Longest time it may take.
        progress: Where to show that it is running.
        poll_s: How often the tool is looked at.
        causes: What known messages of the tool mean; the first that matches gives the cause.

    Raises:
        MissingError: When the program cannot be started.
        ZooError: When it fails or takes too long, with its last 40 lines.
    """
    words = [str(argument) for argument in arguments]
    with open_log(log, shlex.join(words)) as file, progress.track(what, None) as task:
        try:
            finished = run_program(words, file, limit_s=limit_s, poll_s=poll_s, tick=lambda: task.advance(0))
        except OSError as error:
            raise MissingError(f"{words[0]} cannot be started: {error.strerror or error}.") from error
    if finished.failed:
        raise failure(what, finished, log, causes)
    return finished


def failure(what: str, finished: Finished, log: Path, causes: Sequence[Cause] = ()) -> ZooError:
    """Return the error of a tool that failed: the cause where it is known, then the last 40 lines."""
    known = next((one for one in (DISK_FULL, *causes) if one.pattern.search(finished.output)), None)
    tail = finished.tail() or "(nothing)"
    if finished.timed_out:
        reason = f"it did not end within {finished.limit_s:g} s and was stopped"
    elif known is not None:
        reason = known.text
    elif finished.returncode < 0:
        reason = f"it was ended by signal {-finished.returncode}"
    else:
        reason = f"exit status {finished.returncode}"
    hint = f"{known.cure} " if known is not None else ""
    kind = UserError if known is not None else ZooError
    return kind(f"{what} failed: {reason}. Last {TAIL_LINES} lines:\n{tail}", hint=f"{hint}All it printed: {log}")
