"""Own the way from an ONNX file to firmware that runs: lowering, C sources, build, and what runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from zoo_core.export.onnx_file import load_onnx, read_metadata
from zoo_stm32.artifacts import CNetwork, Execution, FirmwareImage, LoweredModel
from zoo_stm32.emulator import Machine
from zoo_stm32.emulator.cores import find_core
from zoo_stm32.emulator.qemu import find_qemu, qemu_board, run_on_qemu
from zoo_stm32.firmware import build, find_toolchain, place
from zoo_stm32.lowering import lower
from zoo_stm32.network import generate

if TYPE_CHECKING:
    from zoo_core.protocols import Progress
    from zoo_stm32.boards import Board
    from zoo_stm32.config import FirmwareSection

KIB = 1024
QEMU = "qemu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Hold a model in each of its forms on the way to firmware."""

    model: Path
    lowered: LoweredModel
    network: CNetwork
    class_names: tuple[str, ...]
    """Names of the classes that the model file states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Hold what runs a firmware on this machine."""

    name: str
    run: Callable[[Sequence[bytes]], Execution]
    notes: tuple[str, ...] = ()


def prepare(model: Path, board: Board, settings: FirmwareSection, progress: Progress) -> Prepared:
    """Turn an int8 ONNX file into C sources that fit a board.

    Raises:
        UserError: When the model is not quantized, has free dimensions, operators without a C form, or does not fit.
        MissingError: When the code generator is not there.
    """
    with progress.track(f"Turning {model.name} into integer operators", None):
        graph = load_onnx(model)
        lowered = lower(graph)
    network = generate(lowered, progress)
    place(network, board, stack_bytes=settings.stack_kib * KIB)
    return Prepared(model=model, lowered=lowered, network=network, class_names=_class_names(graph))


def build_firmware(
    network: CNetwork, board: Board, settings: FirmwareSection, folder: Path, progress: Progress
) -> FirmwareImage:
    """Compile and link the firmware of a network for a board.

    Raises:
        UserError: When the network does not fit the board.
        MissingError: When the compiler is not there.
    """
    toolchain = find_toolchain(settings.compiler)
    stack_bytes = settings.stack_kib * KIB
    return build(network, board, folder, toolchain=toolchain, progress=progress, stack_bytes=stack_bytes)


def start_engine(
    network: CNetwork, image: FirmwareImage, settings: FirmwareSection, folder: Path, progress: Progress
) -> Engine:
    """Start what the configuration chose to run firmware: the built-in emulator, or QEMU.

    QEMU has no such boards; the same sources are built once more for its machine with the same core.

    Raises:
        EmulationError: When the firmware does not boot.
        MissingError: When QEMU is not there.
    """
    if settings.emulator != QEMU:
        machine = Machine(image, count=True)
        core = find_core(image.board.core, image.board.fpu).name
        return Engine(name=f"unicorn, {core}", run=machine.run, notes=machine.notes)
    board = qemu_board(image.board.core)
    executable = find_qemu()
    toolchain = find_toolchain(settings.compiler)
    stack_bytes = settings.stack_kib * KIB
    twin = build(
        network,
        board,
        folder / QEMU,
        toolchain=toolchain,
        progress=progress,
        application="semihosting",
        stack_bytes=stack_bytes,
    )
    note = f"Run on {board.name}; memory is that of the build for {image.board.name}. QEMU counts no instructions."
    return Engine(name=board.name, run=partial(run_on_qemu, twin, executable=executable), notes=(note,))


def _class_names(model: onnx.ModelProto) -> tuple[str, ...]:
    names = read_metadata(model).get("class_names")
    return tuple(str(name) for name in names) if isinstance(names, list) else ()
