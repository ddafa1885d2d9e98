"""Own running a build tool: no input, a time limit, the whole output in a log, its last lines in the error."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from zoo_core.errors import ZooError

TIMEOUT_SECONDS = 900
SHOWN_LINES = 12


class ToolError(ZooError):
    """Report that a build tool failed; `output` holds everything that it said."""

    def __init__(self, message: str, *, output: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.output = output


def run_tool(
    command: Sequence[str], *, what: str, folder: Path, log: Path, environment: Mapping[str, str] | None = None
) -> str:
    """Run a build tool in a folder and return what it printed, which is appended to the log as well.

    Raises:
        ToolError: When it cannot be started, takes too long, or ends with another status than 0.
    """
    try:
        done = subprocess.run(  # noqa: S603 - a list, with no shell in between
            list(command),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        output = _text(error.output)
        _append(log, command, output)
        raise _failure(f"{what} took longer than {TIMEOUT_SECONDS} s and was ended", output, log) from error
    except OSError as error:
        raise _failure(f"{what} cannot be started: {error.strerror or error}", "", log) from error
    output = _text(done.stdout)
    _append(log, command, output)
    if done.returncode != 0:
        raise _failure(f"{what} failed with status {done.returncode}", output, log)
    return output


def _failure(message: str, output: str, log: Path) -> ToolError:
    lines = output.rstrip().splitlines()[-SHOWN_LINES:]
    shown = ":\n" + "\n".join(f"  {line}" for line in lines) if lines else "."
    return ToolError(f"{message}{shown}", output=output, hint=f"Its whole output is in {log}.")


def _append(log: Path, command: Sequence[str], output: str) -> None:
    with log.open("a", encoding="utf-8") as stream:
        stream.write(f"$ {' '.join(command)}\n{output}\n")


def _text(output: bytes | None) -> str:
    return (output or b"").decode("utf-8", errors="replace")
