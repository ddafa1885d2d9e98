"""Own what `zoo doctor` says of STM32: compilers, emulators, ST's tools, probes, serial ports, the cloud."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from threading import Thread
from typing import Final

from zoo_core.errors import MissingError, ZooError
from zoo_core.protocols import ProgressTask
from zoo_core.specs import Finding
from zoo_stm32.board_link import list_ports
from zoo_stm32.cloud import CloudClient, Credentials, Limits
from zoo_stm32.cloud.credentials import HOW_TO_LOG_IN, TOKEN_VARIABLE, USER_VARIABLE, load_token
from zoo_stm32.deployment import DeployTools, Programmer, find_tools
from zoo_stm32.deployment import Limits as DeployLimits
from zoo_stm32.deployment.programs import COMPILER, IDE_VARIABLE, PROGRAMMER, PROGRAMMER_VARIABLE, SIGNING_TOOL
from zoo_stm32.stedgeai import find_stedgeai
from zoo_stm32.stedgeai.locate import COMMAND, VARIABLE
from zoo_stm32.stedgeai.process import run_program

PROGRAM_S: Final = 15.0
"""Longest time in which a program must state its version or list its probes."""
CLOUD_S: Final = 5.0
"""Longest time of the look whether the cloud answers."""

CLOUD_SHARE: Final = 0.9
"""Part of that time in which the client itself gives up, since it knows why."""

IDE: Final = "STM32CubeIDE"
STEDGEAI: Final = "ST Edge AI Core"
PROBES: Final = "ST-LINK probes"
PORTS: Final = "serial ports"
LOGIN: Final = "ST cloud login"
SERVICE: Final = "ST cloud"

STEDGEAI_WRITTEN_FOR: Final = "2.x, 3.x and 4.x"
PROGRAMMER_WRITTEN_FOR: Final = ("2.14", "2.20")
IDE_WRITTEN_FOR: Final = ("1.14", "1.19")
"""First and last version that the adapter in `zoo_stm32.deployment` was written for."""

_PACKAGES: Final = ("emx-onnx-cgen", "pyelftools")
_VERSION: Final = re.compile(r"\d+\.\d+[\w.+-]*")
_PROGRAMMER_VERSION: Final = re.compile(r"STM32CubeProgrammer v(\d+\.\d+[\w.-]*)")
_IDE_VERSION: Final = re.compile(r"cubeide[_-](\d+\.\d+[\w.-]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Program:
    """Name a program that is looked for on the PATH, and how to get it."""

    name: str
    hint: str


_PROGRAMS: Final = (
    _Program(
        name=COMPILER,
        hint="Only for tools.firmware.compiler: gcc and projects with a makefile. "
        "Debian, Ubuntu: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi",
    ),
    _Program(
        name="qemu-system-arm",
        hint="Only for tools.firmware.emulator: qemu. Debian, Ubuntu: apt install qemu-system-arm; Homebrew: qemu",
    ),
    _Program(
        name="cmake", hint="Only to build an exported firmware folder. Install: pip install cmake, or apt install cmake"
    ),
)


def examine(*, program_s: float = PROGRAM_S, cloud_s: float = CLOUD_S) -> Iterator[Finding]:
    """Look for everything that STM32 targets need or can use; only a configured cloud login leads to the network.

    Args:
        program_s: Seconds in which each program must answer.
        cloud_s: Seconds in which the cloud must answer.
    """
    tools = find_tools()
    yield from _guarded("zig", lambda: _zig(program_s))
    yield _unicorn()
    yield from (_package(name) for name in _PACKAGES)
    for program in _PROGRAMS:
        yield from _guarded(program.name, partial(_on_path, program, program_s))
    yield from _guarded(STEDGEAI, lambda: _stedgeai(program_s))
    yield _cube_ide(tools)
    yield from _programmer(tools, program_s)
    yield _signing_tool(tools)
    yield from _guarded(PORTS, _serial_ports)
    yield from _cloud(cloud_s)


def _guarded(name: str, look: Callable[[], Finding]) -> Iterator[Finding]:
    """Turn an error that already says what to do into a finding."""
    try:
        yield look()
    except ZooError as error:
        yield _broken(name, error.message, error.hint)


def _broken(name: str, detail: str, hint: str | None) -> Finding:
    return Finding(name=name, status="broken", detail=_one_line(detail), hint=None if hint is None else _joined(hint))


# ---------------------------------------------------------------- without vendor tools


def _zig(limit_s: float) -> Finding:
    try:
        wheel = metadata.version("ziglang")
    except metadata.PackageNotFoundError:
        return _absent_package("ziglang", "zig")
    said = _answer([sys.executable, "-m", "ziglang", "version"], limit_s)
    if said is None or _VERSION.match(said) is None:
        text = f"ziglang {wheel} is installed, but the compiler in it does not run"
        hint = "Install it again: pip install --force-reinstall ziglang"
        return Finding(name="zig", status="broken", detail=text, hint=hint)
    return Finding(name="zig", status="ok", detail=f"{said}, the C compiler for firmware", required=True)


def _unicorn() -> Finding:
    try:
        version = metadata.version("unicorn")
    except metadata.PackageNotFoundError:
        return _absent_package("unicorn")
    try:
        import unicorn  # noqa: F401 - only to see that its native library loads
    except (ImportError, OSError) as error:
        hint = "Install it again: pip install --force-reinstall unicorn"
        return _broken("unicorn", f"{version} is installed, but cannot be loaded: {error}", hint)
    return Finding(name="unicorn", status="ok", detail=f"{version}, the built-in emulator", required=True)


def _package(name: str) -> Finding:
    try:
        return Finding(name=name, status="ok", detail=metadata.version(name), required=True)
    except metadata.PackageNotFoundError:
        return _absent_package(name)


def _absent_package(package: str, name: str | None = None) -> Finding:
    hint = f"Install: pip install {package}"
    return Finding(name=name or package, status="missing", detail="not installed", hint=hint, required=True)


def _on_path(program: _Program, limit_s: float) -> Finding:
    found = shutil.which(program.name)
    if found is None:
        return Finding(name=program.name, status="missing", detail="not on the PATH", hint=program.hint)
    said = _answer([found, "--version"], limit_s)
    version = None if said is None else _VERSION.search(said)
    if version is None:
        return _broken(program.name, f"{found} does not state a version", "Install it again, or take it off the PATH.")
    return Finding(name=program.name, status="ok", detail=f"{version.group()} at {found}")


def _answer(command: Sequence[str], limit_s: float) -> str | None:
    """Return the first line that a program prints, or nothing when it fails."""
    try:
        with tempfile.TemporaryFile() as output:
            finished = run_program(command, output, limit_s=limit_s)
    except OSError:
        return None
    return None if finished.failed else next(iter(finished.output.splitlines()), "").strip()


# ---------------------------------------------------------------- ST's tools


def _stedgeai(limit_s: float) -> Finding:
    if shutil.which(COMMAND) is None and not os.environ.get(VARIABLE):
        return Finding(
            name=STEDGEAI,
            status="missing",
            detail=f"no {COMMAND} on the PATH, {VARIABLE} is not set; written for {STEDGEAI_WRITTEN_FOR}",
            hint="Only for benchmarking.engine: local and deployment. Get STEDGEAI-CORE from st.com, and set "
            "tools.stedgeai.path_to_stedgeai in the configuration file",
        )
    tool = find_stedgeai(None, limit_s=limit_s)
    detail = f"{tool.version} at {tool.executable}; written for {STEDGEAI_WRITTEN_FOR}"
    return Finding(name=STEDGEAI, status="ok", detail=detail, hint=_joined("\n".join(tool.notes)) or None)


def _cube_ide(tools: DeployTools) -> Finding:
    if (wrong := _wrong_variable(IDE, IDE_VARIABLE)) is not None:
        return wrong
    if tools.cube_ide is None:
        hint = f"Only for deployment. Get it from st.com, and set tools.path_to_cubeIDE or {IDE_VARIABLE}"
        return _absent_tool(IDE, IDE_WRITTEN_FOR, hint)
    stated = _IDE_VERSION.search(str(tools.cube_ide.resolve()))
    return _found_tool(IDE, tools.cube_ide, stated[1] if stated else "", IDE_WRITTEN_FOR)


def _programmer(tools: DeployTools, limit_s: float) -> Iterator[Finding]:
    """Examine the programmer and, through it, the probes."""
    if (wrong := _wrong_variable(PROGRAMMER, PROGRAMMER_VARIABLE)) is not None:
        yield wrong
        return
    if tools.programmer is None:
        hint = "Only for boards. Get STM32CubeProgrammer from st.com, and put its folder bin on the PATH, "
        yield _absent_tool(PROGRAMMER, PROGRAMMER_WRITTEN_FOR, f"{hint}or set {PROGRAMMER_VARIABLE}")
        return
    with tempfile.TemporaryDirectory(prefix="zoo-doctor-") as folder:
        logs = Path(folder)
        limits = DeployLimits(probe_s=limit_s)
        programmer = Programmer(executable=tools.programmer, limits=limits, logs=logs, progress=_Unseen())
        try:
            probes = programmer.probes()
        except ZooError as error:
            hint = f"Run it yourself: {tools.programmer} -l st-link"
            yield _broken(PROGRAMMER, error.message, hint)
            return
        said = "".join(path.read_text(encoding="utf-8", errors="replace") for path in logs.glob("*.log"))
    stated = _PROGRAMMER_VERSION.search(said)
    yield _found_tool(PROGRAMMER, tools.programmer, stated[1] if stated else "", PROGRAMMER_WRITTEN_FOR)
    if probes:
        shown = ", ".join(f"{probe.serial} ({probe.board or 'unknown board'})" for probe in probes)
        yield Finding(name=PROBES, status="ok", detail=shown)
    else:
        hint = "Connect a board by its ST-LINK USB port; on Linux, install the udev rules of STM32CubeProgrammer"
        yield Finding(name=PROBES, status="missing", detail="none connected", hint=hint)


def _signing_tool(tools: DeployTools) -> Finding:
    if tools.signing is None:
        hint = "Only for deployment on STM32N6; it comes with STM32CubeProgrammer"
        return _absent_tool(SIGNING_TOOL, PROGRAMMER_WRITTEN_FOR, hint)
    return Finding(name=SIGNING_TOOL, status="ok", detail=f"{tools.signing}; {_range(PROGRAMMER_WRITTEN_FOR)}")


def _wrong_variable(name: str, variable: str) -> Finding | None:
    value = os.environ.get(variable)
    if not value or Path(value).is_file():
        return None
    return _broken(name, f"{variable} names {value}, which is no file", f"Set {variable} to the program, or unset it.")


def _absent_tool(name: str, written_for: tuple[str, str], hint: str) -> Finding:
    return Finding(name=name, status="missing", detail=f"not found; {_range(written_for)}", hint=hint)


def _found_tool(name: str, path: Path, version: str, written_for: tuple[str, str]) -> Finding:
    hint = None
    if version and not _number(written_for[0]) <= _number(version) <= _number(written_for[1]):
        hint = f"Should it fail, take a version from {written_for[0]} to {written_for[1]}."
    detail = f"{version or 'version not stated'} at {path}; {_range(written_for)}"
    return Finding(name=name, status="ok", detail=detail, hint=hint)


def _range(versions: tuple[str, str]) -> str:
    return f"written for {versions[0]} to {versions[1]}"


def _number(version: str) -> tuple[int, int]:
    major, minor = re.findall(r"\d+", version)[:2]
    return int(major), int(minor)


class _Unseen:
    """Take progress that nobody sees: what is examined here ends within seconds."""

    def track(self, description: str, total: int | None) -> AbstractContextManager[ProgressTask]:
        return nullcontext(self)

    def advance(self, steps: int = 1, **values: float) -> None:
        """Do nothing."""


# ---------------------------------------------------------------- serial ports and cloud


def _serial_ports() -> Finding:
    try:
        ports = list_ports()
    except MissingError as error:
        hint = f"Only for boards. Install: {error.hint}"
        return Finding(name=PORTS, status="missing", detail="not looked for: pyserial is not installed", hint=hint)
    if not ports:
        hint = "Connect a board by its ST-LINK USB port; on Linux your user must be in the group dialout"
        return Finding(name=PORTS, status="missing", detail="none found", hint=hint)
    shown = ", ".join(device if text in ("n/a", "", device) else f"{device} ({text})" for device, text in ports)
    return Finding(name=PORTS, status="ok", detail=shown)


def _cloud(limit_s: float) -> Iterator[Finding]:
    """Examine the login, which needs no network, and only with one whether the service answers."""
    login = next(_guarded(LOGIN, _login))
    yield login
    if login.status == "ok":
        yield from _guarded(SERVICE, lambda: _service(limit_s))


def _login() -> Finding:
    credentials = Credentials.from_environment()
    if credentials.token is not None:
        return Finding(name=LOGIN, status="ok", detail=f"token in {TOKEN_VARIABLE}")
    if credentials.can_sign_in:
        return Finding(name=LOGIN, status="ok", detail=f"name and password, from {USER_VARIABLE}")
    kept = load_token(credentials.file)
    if kept is None:
        return Finding(name=LOGIN, status="missing", detail="none is configured", hint=HOW_TO_LOG_IN)
    if kept.expired and kept.refresh is None:
        hint = f"Log in again, or set a new {TOKEN_VARIABLE}."
        return Finding(name=LOGIN, status="missing", detail=f"that in {credentials.file} has expired", hint=hint)
    return Finding(name=LOGIN, status="ok", detail=f"kept in {credentials.file}")


def _service(limit_s: float) -> Finding:
    client = CloudClient.from_environment(limits=Limits(check=CLOUD_SHARE * limit_s))
    host = client.routes.host
    try:
        reasons = _within(limit_s, client.check)
    except TimeoutError:
        reasons = (f"{host} did not answer within {limit_s:g} s.",)
    if not reasons:
        detail = f"{host} answers; written for {STEDGEAI} {STEDGEAI_WRITTEN_FOR} on it"
        return Finding(name=SERVICE, status="ok", detail=detail)
    first, _, cure = reasons[0].partition("\n")
    hint = _joined(cure) or "Check the network and its proxy; benchmarking.engine: emulator needs none."
    return Finding(name=SERVICE, status="missing", detail=first, hint=hint)


def _within(limit_s: float, look: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    """Return what a look finds, and stop waiting at the limit even where the system still looks up a name.

    Raises:
        TimeoutError: When it takes longer.
    """
    outcome: Future[tuple[str, ...]] = Future()

    def work() -> None:
        try:
            outcome.set_result(look())
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits
            outcome.set_exception(error)

    Thread(target=work, daemon=True).start()
    return outcome.result(timeout=limit_s)


# ---------------------------------------------------------------- words


def _one_line(text: str) -> str:
    """Return the first line of a message, with the last one where the first only announces it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    return f"{lines[0]} {lines[-1]}" if len(lines) > 1 and lines[0].endswith(":") else lines[0]


def _joined(text: str) -> str:
    return " ".join(text.split())
