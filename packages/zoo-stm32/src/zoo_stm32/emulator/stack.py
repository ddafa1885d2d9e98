"""Own the high-water mark of the stack: paint it before the reset, see afterwards how far down it was written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo_stm32.emulator.elf import FirmwareFile
from zoo_stm32.emulator.errors import EmulationError, FaultKind

PATTERN = 0x5AFE_57AC
WORD = 4


@dataclass(frozen=True, slots=True)
class Stack:
    """State the range of addresses reserved for the stack: it grows from `top` down to `bottom`."""

    bottom: int
    top: int

    @property
    def size(self) -> int:
        """Return the reserved bytes."""
        return self.top - self.bottom

    def paint(self) -> bytes:
        """Return the content of an unused stack."""
        return np.full(self.size // WORD, PATTERN, np.dtype("<u4")).tobytes()

    def used(self, content: bytes) -> int:
        """Return the bytes between the top and the lowest word that was ever written.

        A function that reserves space and leaves the lowest words of it untouched uses more than is seen here.
        """
        written = np.flatnonzero(np.frombuffer(content, np.dtype("<u4")) != PATTERN)
        return self.size - int(written[0]) * WORD if len(written) else 0


def find_stack(firmware: FirmwareFile) -> Stack:
    """Return the stack of a firmware.

    Raises:
        EmulationError: When its symbols `_sstack` and `_estack` are absent or make no sense.
    """
    stack = Stack(firmware.symbol("_sstack").address, firmware.symbol("_estack").address)
    if stack.size <= 0 or stack.bottom % WORD or stack.top % WORD:
        raise EmulationError(
            f"{firmware.path} reserves no usable stack: _sstack is {stack.bottom:#x} and _estack is {stack.top:#x}.",
            kind=FaultKind.IMAGE,
            hint="Expected _sstack below _estack, both multiples of 4; mend the linker script.",
        )
    return stack
