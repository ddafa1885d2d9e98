"""Own the running of firmware on an emulated Cortex-M: outputs, stack use, executed instructions, faults in words."""

from __future__ import annotations

from zoo_stm32.emulator.errors import EmulationError, FaultKind
from zoo_stm32.emulator.machine import Machine
from zoo_stm32.emulator.qemu import qemu_board, run_on_qemu
from zoo_stm32.emulator.session import EmulatorSession

__all__ = ["EmulationError", "EmulatorSession", "FaultKind", "Machine", "qemu_board", "run_on_qemu"]
