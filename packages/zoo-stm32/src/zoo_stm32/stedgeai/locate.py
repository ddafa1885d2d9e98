"""Own finding ST Edge AI Core on this computer and reading its version from the program itself."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from pathlib import Path

from zoo_core.errors import MissingError, UserError
from zoo_stm32.stedgeai.errors import TOOL, asks_a_question, question_error
from zoo_stm32.stedgeai.process import Finished, run_program
from zoo_stm32.stedgeai.tool import StEdgeAi

COMMAND = "stedgeai"
VARIABLE = "STM32_AI_EXE"
SETTING = "tools.stedgeai.path_to_stedgeai"
KNOWN_MAJORS = (2, 3, 4)

_CORE = re.compile(r"ST Edge AI Core v(\d+\.\d+\.\d+\S*(?: [0-9a-f]{6,})?)")
_COMPONENT = re.compile(r"^\s+(\w[\w .-]*?)\s+(\d+\.\d+\S*)\s*$", re.MULTILINE)
_PREDECESSOR = re.compile(r"Neural Network Tools for STM32|STM\.ai v", re.IGNORECASE)


def find_stedgeai(path: Path | None, *, expected_version: str = "", limit_s: float = 60.0) -> StEdgeAi:
    """Return the installed tool: `path` first, then the PATH, then the environment variable `STM32_AI_EXE`.

    Args:
        path: Value of `tools.stedgeai.path_to_stedgeai`.
        expected_version: Value of `tools.stedgeai.version`; another version found is noted.
        limit_s: Time in which the program must state its version.

    Raises:
        MissingError: If it is nowhere, or wants an answer before it runs.
        UserError: If what was found is not this tool or cannot run.
    """
    executable, notes = _find(path)
    finished = _ask_version(executable, limit_s)
    version, components = _read_version(executable, finished)
    return StEdgeAi(
        executable=executable,
        version=version,
        components=components,
        notes=(*notes, *_version_notes(version, components, expected_version)),
    )


def _find(path: Path | None) -> tuple[Path, tuple[str, ...]]:
    tried = []
    notes: list[str] = []
    if path is not None:
        path = path.expanduser()
        if path.exists():
            return _runnable(path, SETTING), ()
        tried.append(f"{SETTING}: {path} (no such file)")
        notes.append(f"{SETTING} names {path}, which does not exist")
    else:
        tried.append(f"{SETTING}: not set")
    on_path = shutil.which(COMMAND)
    if on_path is not None:
        return Path(on_path), _note(notes, f"took {on_path} from the PATH")
    tried.append(f"PATH: no program {COMMAND}")
    named = os.environ.get(VARIABLE)
    if named and Path(named).exists():
        return _runnable(Path(named), VARIABLE), _note(notes, f"took {named} from {VARIABLE}")
    tried.append(f"{VARIABLE}: {named} (no such file)" if named else f"{VARIABLE}: not set")
    places = "\n".join(f"  {place}" for place in tried)
    raise MissingError(
        f"{TOOL} was not found. Tried:\n{places}",
        hint=f"Download it from the page STEDGEAI-CORE on st.com (free, with an ST account) and set {SETTING}; "
        "or set benchmarking.engine: emulator, which needs no tool of ST.",
    )


def _note(notes: list[str], taken: str) -> tuple[str, ...]:
    return (f"{notes[0]}: {taken}.",) if notes else ()


def _runnable(path: Path, origin: str) -> Path:
    if path.is_dir():
        inside = sorted(path.glob(f"Utilities/*/{COMMAND}*")) + sorted(path.glob(f"{COMMAND}*"))
        names = next((str(found) for found in inside if found.is_file()), "")
        raise UserError(
            f"{origin} names the folder {path}, and the program itself is needed.",
            hint=f"Use {names}." if names else f"It is in Utilities/<system>/{COMMAND} of the installation.",
        )
    if not os.access(path, os.X_OK):
        raise UserError(
            f"{origin} names {path}, which may not be executed.",
            hint=f"Run `chmod +x {path}`, or name the program {COMMAND} of the installation.",
        )
    return path.absolute()


def _ask_version(executable: Path, limit_s: float) -> Finished:
    try:
        with tempfile.TemporaryFile() as output:
            return run_program([str(executable), "--version"], output, limit_s=limit_s)
    except OSError as error:
        cause = "it is no program for this computer" if error.errno == errno.ENOEXEC else (error.strerror or str(error))
        raise UserError(
            f"{executable} cannot be started: {cause}.",
            hint=f"{SETTING} must name the program {COMMAND} of an installation of {TOOL} for this system.",
        ) from error


def _read_version(executable: Path, finished: Finished) -> tuple[str, dict[str, str]]:
    match = _CORE.search(finished.output)
    if match is not None and not finished.failed:
        return match.group(1), dict(_COMPONENT.findall(finished.output))
    if asks_a_question(finished):
        raise question_error(str(executable), finished)
    if finished.timed_out:
        raise UserError(
            f"`{executable} --version` did not answer within {finished.limit_s:g} s.",
            hint="Start it once by hand in a terminal: a first start may unpack files or ask something.",
        )
    if _PREDECESSOR.search(finished.output):
        raise UserError(
            f"{executable} is stm32ai, the predecessor of {TOOL}.",
            hint=f"Install {TOOL} 2.x, 3.x or 4.x (page STEDGEAI-CORE on st.com).",
        )
    first = finished.tail(1) or "(nothing)"
    raise UserError(
        f"`{executable} --version` does not state a version of {TOOL}: exit status {finished.returncode}, {first}",
        hint=f"{SETTING} must name the program {COMMAND} of the installation.",
    )


def _version_notes(version: str, components: dict[str, str], expected: str) -> tuple[str, ...]:
    notes = []
    if int(version.split(".", maxsplit=1)[0]) not in KNOWN_MAJORS:
        notes.append(f"{TOOL} is version {version}; zoo-stm32 was written for 2.x, 3.x and 4.x.")
    if expected and not any(_same(expected, found) for found in (version, *components.values())):
        notes.append(f"tools.stedgeai.version is {expected}, but version {version} of {TOOL} is installed and used.")
    return tuple(notes)


def _same(expected: str, found: str) -> bool:
    wanted = expected.strip().lower().removeprefix("v").split(".")
    return re.split(r"[.\-\s]", found)[: len(wanted)] == wanted
