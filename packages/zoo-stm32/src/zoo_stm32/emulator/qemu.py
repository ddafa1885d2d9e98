"""Own the running of firmware on QEMU instead of unicorn, for those who ask for it and have it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Literal

from zoo_core.errors import MissingError, UserError
from zoo_stm32.artifacts import Execution, FirmwareImage
from zoo_stm32.boards import FLASH, KIB, RAM, Board, Memory
from zoo_stm32.emulator.errors import EmulationError, FaultKind
from zoo_stm32.emulator.inputs import check_inputs

EXECUTABLE = "qemu-system-arm"
TIMEOUT_S = 600.0
STACK_FILE = "zoo_stack.bin"
MIB = 1024 * KIB
SHOWN_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class QemuMachine:
    """Describe a machine of QEMU that runs the code of a core; docs/system/arm/mps2.rst and hw/arm/mps2*.c of QEMU."""

    name: str
    cores: tuple[str, ...]
    core: str
    fpu: Literal["none", "single", "double"]
    clock_hz: int
    memories: tuple[Memory, ...]


def _memories(code: int, data: int, psram: int) -> tuple[Memory, ...]:
    """Return 4 MiB for code, which plays the flash, 4 MiB for data and 16 MiB outside of the chip."""
    return (
        Memory(name="SSRAM 1", kind=FLASH, origin=code, size=4 * MIB),
        Memory(name="SSRAM 2", kind=RAM, origin=data, size=4 * MIB),
        Memory(name="PSRAM", kind=RAM, origin=psram, size=16 * MIB, external=True),
    )


MACHINES = (
    QemuMachine(
        name="mps2-an385",
        cores=("cortex-m0", "cortex-m0plus", "cortex-m0+", "cortex-m3"),
        core="cortex-m3",
        fpu="none",
        clock_hz=25_000_000,
        memories=_memories(0, 0x2000_0000, 0x2100_0000),
    ),
    QemuMachine(
        name="mps2-an386",
        cores=("cortex-m4",),
        core="cortex-m4",
        fpu="single",
        clock_hz=25_000_000,
        memories=_memories(0, 0x2000_0000, 0x2100_0000),
    ),
    QemuMachine(
        name="mps2-an500",
        cores=("cortex-m7",),
        core="cortex-m7",
        fpu="double",
        clock_hz=25_000_000,
        memories=_memories(0, 0x2000_0000, 0x6000_0000),
    ),
    QemuMachine(
        name="mps2-an505",
        cores=("cortex-m33", "cortex-m55"),
        core="cortex-m33",
        fpu="single",
        clock_hz=20_000_000,
        memories=_memories(0x1000_0000, 0x3800_0000, 0x8000_0000),  # starts in the secure state, at these aliases
    ),
)


def find_machine(core: str) -> QemuMachine:
    """Return the machine that runs the code of a core.

    Raises:
        UserError: When there is none.
    """
    found = next((machine for machine in MACHINES if core in machine.cores), None)
    if found is None:
        known = ", ".join(core for machine in MACHINES for core in machine.cores)
        raise UserError(f'QEMU has no machine here that runs code for "{core}".', hint=f"Expected one of {known}.")
    return found


def qemu_board(core: str) -> Board:
    """Return the machine that QEMU has for a core as a board that firmware can be built for.

    Raises:
        UserError: When there is none.
    """
    machine = find_machine(core)
    return Board(
        name=f"QEMU {machine.name}",
        series="MPS2",
        core=machine.core,
        clock_hz=machine.clock_hz,
        fpu=machine.fpu,
        memories=machine.memories,
        sources={"memories": "QEMU, hw/arm/mps2.c and hw/arm/mps2-tz.c", "core": "QEMU, docs/system/arm/mps2.rst"},
    )


def find_qemu(executable: str = EXECUTABLE) -> str:
    """Return the path of QEMU for Arm.

    Raises:
        MissingError: When it is not installed.
    """
    found = shutil.which(executable)
    if found is None:
        raise MissingError(
            f"{executable} is not on the PATH.",
            hint="Install QEMU for Arm (Debian, Ubuntu: qemu-system-arm; Fedora: qemu-system-arm; Homebrew: qemu), "
            "or leave QEMU out: the built-in emulator needs nothing installed.",
        )
    return found


def qemu_command(executable: str, machine: QemuMachine, elf: Path) -> list[str]:
    """Return the command that runs a firmware without display, with semihosting onto the folder it is started in."""
    return [
        executable,
        "-machine",
        machine.name,
        "-nographic",
        "-monitor",
        "none",
        "-serial",
        "none",
        "-semihosting-config",
        "enable=on,target=native",
        "-kernel",
        str(elf.resolve()),
    ]


def run_on_qemu(
    image: FirmwareImage, inputs: Sequence[bytes], *, executable: str = EXECUTABLE, timeout_s: float = TIMEOUT_S
) -> Execution:
    """Run one inference of a firmware that was built for `qemu_board(...)` with the semihosting application.

    The firmware reads `zoo_input_N.bin` and writes `zoo_output_N.bin` in its working folder, which is a fresh one, and
    leaves with status 0. Instructions are not counted. The stack is known when the firmware writes `zoo_stack.bin`,
    its high-water mark as a 32-bit little-endian number; otherwise `stack_bytes` is 0.

    Raises:
        UserError: When number or sizes of the inputs are not those of the network.
        MissingError: When QEMU is not installed.
        EmulationError: When the firmware fails, writes no outputs, or takes longer than `timeout_s` seconds.
    """
    check_inputs(image, inputs)
    command = qemu_command(find_qemu(executable), find_machine(image.board.core), image.elf)
    with tempfile.TemporaryDirectory(prefix="zoo-qemu-") as name:
        folder = Path(name)
        for index, content in enumerate(inputs):
            (folder / f"zoo_input_{index}.bin").write_bytes(content)
        started = perf_counter()
        _run(command, folder, timeout_s)
        seconds = perf_counter() - started
        stack = folder / STACK_FILE
        return Execution(
            outputs=tuple(_output(folder, index, image) for index in range(len(image.outputs))),
            instructions=None,
            layer_instructions={},
            stack_bytes=int.from_bytes(stack.read_bytes()[:4], "little") if stack.exists() else 0,
            seconds=seconds,
        )


def _run(command: list[str], folder: Path, timeout_s: float) -> None:
    try:
        done = subprocess.run(  # noqa: S603 # a list, the executable was looked up
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise EmulationError(
            f"The firmware was still running on QEMU after {timeout_s:g} s.",
            kind=FaultKind.TIMEOUT,
            hint="It hangs, was not built with the semihosting application, or needs more time.",
        ) from error
    except OSError as error:
        raise MissingError(f"{command[0]} cannot be started: {error}", hint="Install QEMU for Arm anew.") from error
    if done.returncode:
        said = (done.stderr + done.stdout).decode(errors="replace").strip() or "no message"
        lines = [f"QEMU ended with status {done.returncode}:", *said.splitlines()[:SHOWN_LINES]]
        raise EmulationError(
            "\n  ".join(lines),
            kind=FaultKind.HANDLER,
            hint="Run the same firmware on the built-in emulator: it says what failed and where.",
        )


def _output(folder: Path, index: int, image: FirmwareImage) -> bytes:
    tensor, path = image.outputs[index], folder / f"zoo_output_{index}.bin"
    content = path.read_bytes() if path.exists() else b""
    if len(content) != tensor.bytes:
        raise EmulationError(
            f"The firmware wrote {len(content)} bytes of output {tensor.name} to {path.name}; expected {tensor.bytes}.",
            kind=FaultKind.IMAGE,
            hint="Build it with the semihosting application, for the board of qemu_board(core).",
        )
    return content
