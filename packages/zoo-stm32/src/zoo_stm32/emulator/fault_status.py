"""Own the fault status registers of a Cortex-M: which bit says what."""

from __future__ import annotations

from dataclasses import dataclass

CFSR_ADDRESS = 0xE000_ED28
REGISTER_BYTES = 4
CFSR_BITS = {
    0: "instruction fetch refused",
    1: "data access refused",
    3: "stacked registers could not be read back",
    4: "registers could not be stacked",
    5: "lazy saving of FPU registers failed",
    7: "MMFAR holds the address",
    8: "instruction fetch failed",
    9: "data access failed at a known instruction",
    10: "data access failed at an unknown instruction",
    11: "unstacking failed on the bus",
    12: "stacking failed on the bus",
    13: "lazy saving of FPU registers failed on the bus",
    15: "BFAR holds the address",
    16: "undefined instruction",
    17: "no Thumb state",
    18: "wrong value of an exception return",
    19: "coprocessor or FPU not enabled",
    20: "stack limit passed",
    24: "unaligned access",
    25: "division by zero",
}
"""Bits of the Configurable Fault Status Register; Armv7-M Architecture Reference Manual B3.2.15, bit 20 Armv8-M."""
HFSR_BITS = {1: "the vector table could not be read", 30: "escalated from another fault", 31: "debug event"}
"""Bits of the HardFault Status Register; Armv7-M Architecture Reference Manual B3.2.16."""


@dataclass(frozen=True, slots=True)
class FaultStatus:
    """Hold CFSR and HFSR; an emulator that takes no exceptions leaves both 0."""

    cfsr: int = 0
    hfsr: int = 0

    @property
    def text(self) -> str:
        """Return the bits that are set in words, or an empty text."""
        parts = (("CFSR", self.cfsr, CFSR_BITS), ("HFSR", self.hfsr, HFSR_BITS))
        return "; ".join(f"{name} {value:#x} ({_words(value, bits)})" for name, value, bits in parts if value)


def read_status(content: bytes) -> FaultStatus:
    """Read the two registers from the eight bytes at the address of CFSR."""
    low, high = content[:REGISTER_BYTES], content[REGISTER_BYTES : 2 * REGISTER_BYTES]
    return FaultStatus(int.from_bytes(low, "little"), int.from_bytes(high, "little"))


def _words(value: int, bits: dict[int, str]) -> str:
    return ", ".join(text for bit, text in bits.items() if value >> bit & 1) or "no known bit"
