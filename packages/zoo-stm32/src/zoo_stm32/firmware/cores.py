"""Own what compilers must be told about the core of a board: instruction set, floating point, alignment."""

from __future__ import annotations

from dataclasses import dataclass

from zoo_core.errors import UserError
from zoo_stm32.boards import Board

DEVICE_MEMORY = range(0xA000_0000, 0xE000_0000)
"""Addresses that the architecture makes device memory at reset, where unaligned accesses fault (Arm DDI 0403, B3.1)."""

_BUILT_AS = {"cortex-m55": "cortex-m33"}
"""Cores that are built as another one, all of whose instructions they have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """Describe the core that code is built for."""

    name: str
    """Core as compilers call it, such as `cortex-m7`."""
    fpu: str
    """Floating-point instructions by their name in GCC, such as `fpv5-sp-d16`; empty for none."""
    strict_alignment: bool
    has_vector_offset: bool
    """Tell whether the address of the vector table can be set (register VTOR)."""


_UNITS = {
    ("cortex-m0", "none"): "",
    ("cortex-m0plus", "none"): "",
    ("cortex-m3", "none"): "",
    ("cortex-m4", "none"): "",
    ("cortex-m4", "single"): "fpv4-sp-d16",
    ("cortex-m7", "none"): "",
    ("cortex-m7", "single"): "fpv5-sp-d16",
    ("cortex-m7", "double"): "fpv5-d16",
    ("cortex-m33", "none"): "",
    ("cortex-m33", "single"): "fpv5-sp-d16",
    ("cortex-m33", "double"): "fpv5-sp-d16",
}


def core_of(board: Board, *, strict_alignment: bool = False) -> Core:
    """Return what compilers must be told about a board's core.

    Raises:
        UserError: When firmware cannot be built for the core, or the core has no such floating-point unit.
    """
    check_runs_firmware(board)
    written = board.core.replace("m0+", "m0plus")
    name = _BUILT_AS.get(written, written)
    if (name, board.fpu) not in _UNITS:
        known = sorted({core for core, _ in _UNITS} | set(_BUILT_AS))
        raise UserError(
            f"{board.name}: no firmware can be built for a {board.core} with FPU '{board.fpu}'.",
            hint=f"Known cores: {', '.join(known)}; FPU: none, single, double, as far as the core has it.",
        )
    return Core(
        name=name,
        fpu=_UNITS[name, board.fpu],
        strict_alignment=strict_alignment,
        has_vector_offset=name != "cortex-m0",
    )


def check_runs_firmware(board: Board) -> None:
    """Refuse a board without a microcontroller core.

    Raises:
        UserError: When the board has an application processor or no memories.
    """
    if board.runs_firmware:
        return
    raise UserError(
        f"{board.name} cannot run firmware: its core is a {board.core}, and firmware is built for Cortex-M only.",
        hint="Choose a board with a Cortex-M core; under Linux on this board, run the ONNX file with onnxruntime.",
    )
