"""Own what a deployment is given and what it reports: job, tools, limits, outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from zoo_core.protocols import Progress
from zoo_stm32.boards import Board
from zoo_stm32.headers import HeaderValues
from zoo_stm32.reports import ToolReport
from zoo_stm32.stedgeai import Options

CHECK = "check"
GENERATE = "generate"
PLACE = "place"
BUILD = "build"
SIZE = "size"
SIGN = "sign"
FLASH = "flash"
VERIFY = "verify"
LAUNCH = "launch"
MCU_STEPS = (CHECK, GENERATE, PLACE, BUILD, SIZE, SIGN, FLASH, VERIFY)
MPU_STEPS = (CHECK, PLACE, VERIFY, LAUNCH)

H7 = "STM32H7"
N6 = "STM32N6"
MPU = ("STM32MP1", "STM32MP2")


class GeneratedCode(Protocol):
    """Name the C files of a network and what they cost."""

    @property
    def folder(self) -> Path:
        """Return the folder of the C files."""
        ...

    @property
    def report(self) -> ToolReport:
        """Return the footprint."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """Return every file that was written."""
        ...


class CodeGenerator(Protocol):
    """Turn a model into C, such as `zoo_stm32.stedgeai.StEdgeAi` does."""

    def generate(self, model: Path, board: Board, options: Options, folder: Path, progress: Progress) -> GeneratedCode:
        """Write the C code of a model for a board."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployTools:
    """Name the programs of this computer; nothing where one was not found."""

    cube_ide: Path | None = None
    make: Path | None = None
    compiler: Path | None = None
    """`arm-none-eabi-gcc`."""
    programmer: Path | None = None
    """`STM32_Programmer_CLI`."""
    signing: Path | None = None
    """`STM32_SigningTool_CLI`."""
    ssh: Path | None = None
    scp: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bound the time of every program, in seconds."""

    build_s: float = 1800.0
    flash_s: float = 900.0
    sign_s: float = 120.0
    probe_s: float = 60.0
    connect_s: float = 15.0
    copy_s: float = 900.0
    launch_grace_s: float = 3.0
    """How long a launched application must keep running."""
    poll_s: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Say where a board with an application processor is reached."""

    address: str
    path: str
    """Absolute folder on the board."""
    user: str = "root"
    port: int = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployJob:
    """Carry all that a deployment needs."""

    board: Board
    model: Path
    folder: Path
    """Folder of the run for generated files, logs and the state; `generated/` of a run directory."""
    headers: Path
    """Folder of the run for C headers; `C_header/` of a run directory."""
    tools: DeployTools
    project: Path | None = None
    """The user's C project, `deployment.c_project_path`."""
    values: HeaderValues | None = None
    """What the headers say; needed for microcontrollers."""
    generator: CodeGenerator | None = None
    options: Options = field(default_factory=Options)
    runtime: Path | None = None
    """Folder `Middlewares/ST/AI` of the installed tool; the project's own runtime stays when absent."""
    serial: str | None = None
    """Serial number of the probe, `deployment.hardware_setup.stlink_serial_number`."""
    configuration: str | None = None
    """Build configuration of the C project."""
    application_bytes: int | None = None
    """Flash that the application needs beside the weights; from the board's file in the project when absent."""
    host: Host | None = None
    class_names: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """Report one step that ended well or was not needed."""

    name: str
    status: Literal["done", "skipped", "kept"]
    """`kept` was done by an earlier, interrupted run."""
    detail: str
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployOutcome:
    """Report a deployment."""

    steps: tuple[StepOutcome, ...]
    notes: tuple[str, ...]
    report: ToolReport | None
    """Footprint as the code generator states it."""
    sizes: Mapping[str, int]
    """Memory of the board -> bytes of the image in it."""
    state: Path
    """File that says how far the deployment is."""
