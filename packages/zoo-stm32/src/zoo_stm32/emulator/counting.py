"""Own the counting of executed instructions inside the network: in total and by the function of each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from unicorn import arm_const

from zoo_stm32.emulator.elf import FirmwareFile
from zoo_stm32.emulator.native_hook import CounterState, HookUnavailableError, install_hook

NETWORK = "zoo_network_run"
NETWORK_SLOT = 0
WIDEST_RANGE = 64 << 20
"""Bytes of code that the tables cover; blocks beyond are counted without a table, which is slower."""


class Counter:
    """Count the instructions between the call of `zoo_network_run` and its return.

    A layer owns what runs from the entry of its function until control is back in `zoo_network_run`, so library code
    that it calls is counted for it. A conditional instruction whose condition is false counts: the core takes time for
    it. Functions that the linker merged share an address; the first of them gets all.
    Where the native hook is not available nothing is counted, because a hook in Python is too slow for a network;
    `note` then says why.

    Raises:
        EmulationError: When a function is no symbol of the firmware.
    """

    def __init__(self, firmware: FirmwareFile, functions: Sequence[str]) -> None:
        self.note = ""
        network = firmware.symbol(NETWORK)
        self._functions = tuple(dict.fromkeys(functions))
        entries = [firmware.symbol(name).address for name in self._functions]
        base, size = firmware.code[0], min(firmware.code[1] - firmware.code[0], WIDEST_RANGE)
        self._blocks = np.zeros(size // 2 + 1, np.uint32)
        self._owners = np.zeros(size // 2 + 1, np.uint16)
        self._totals = np.zeros(1 + len(self._functions), np.uint64)
        start = (network.address - base) // 2
        self._owners[start : start + max(network.size, 2) // 2] = 1 + NETWORK_SLOT
        for slot, entry in reversed(list(enumerate(entries, start=1))):
            self._owners[(entry - base) // 2] = 1 + slot
        self._state = CounterState(
            base=base,
            size=size,
            blocks=self._blocks.ctypes.data,
            owners=self._owners.ctypes.data,
            totals=self._totals.ctypes.data,
            entry=network.address,
            link_register=arm_const.UC_ARM_REG_LR,
        )

    def install(self, uc: Any) -> None:
        """Count what an engine executes from now on, or note why it cannot be counted."""
        try:
            install_hook(uc, self._state)
        except HookUnavailableError as error:
            self.note = f"Instructions were not counted: {error}."

    def reset(self) -> None:
        """Start again at zero."""
        self._totals[:] = 0
        self._state.active = self._state.runs = self._state.slot = 0

    def total(self) -> int | None:
        """Return the instructions of the network, or nothing when they were not counted."""
        return None if self._missing() else int(self._totals.sum())

    def by_function(self) -> Mapping[str, int]:
        """Return the instructions by function of a layer, in the order of the layers; empty when not counted."""
        if self._missing():
            return {}
        return {name: int(count) for name, count in zip(self._functions, self._totals[1:], strict=True)}

    def _missing(self) -> bool:
        if not self.note and self._state.runs != 1:
            times = "was not called; the compiler may have inlined it" if not self._state.runs else "ran more than once"
            self.note = f"Instructions were not counted: {NETWORK} {times}."
        return bool(self.note)
