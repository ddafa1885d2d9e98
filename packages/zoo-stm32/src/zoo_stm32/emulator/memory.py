"""Own the emulated address space: which ranges exist, and where an address lies, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from zoo_stm32.boards import FLASH, KIB, RAM, Board, Memory

PAGE = 4 * KIB
"""Ranges are mapped in whole pages, which is what unicorn can do."""
SYSTEM_CONTROL_SPACE = Memory(name="the System Control Space", kind=RAM, origin=0xE000_E000, size=PAGE)
"""Registers of the core itself, such as CPACR; here it is plain memory. Armv7-M Architecture Reference Manual B3.2."""
PERIPHERALS = (0x4000_0000, 0x6000_0000)
"""Range of peripherals; Armv7-M Architecture Reference Manual B3.1."""
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class PageRange:
    """State pages to be mapped: first address, bytes, and whether code may write there."""

    start: int
    size: int
    writable: bool


def page_ranges(board: Board) -> tuple[PageRange, ...]:
    """Return the pages of a board's memories and of the System Control Space, none of them twice.

    A page that flash and RAM share is writable.
    """
    ram = _merged(memory for memory in (*board.memories, SYSTEM_CONTROL_SPACE) if memory.kind == RAM)
    flash = _merged(memory for memory in board.memories if memory.kind == FLASH)
    read_only = [piece for start, end in flash for piece in _without(start, end, ram)]
    return (
        *(PageRange(start, end - start, writable=True) for start, end in ram),
        *(PageRange(start, end - start, writable=False) for start, end in read_only),
    )


def find_memory(board: Board, address: int) -> Memory | None:
    """Return the memory that holds an address, if any."""
    memories = (*board.memories, SYSTEM_CONTROL_SPACE)
    return next((memory for memory in memories if memory.origin <= address < memory.origin + memory.size), None)


def describe_address(board: Board, address: int) -> str:
    """Return `0x2408_0010 is 16 bytes past the end of AXI SRAM (0x2400_0000 to 0x2407_ffff)` or the like."""
    shown = hex_address(address)
    inside = find_memory(board, address)
    if inside is not None:
        return f"{shown} lies in {_with_range(inside)}"
    if PERIPHERALS[0] <= address < PERIPHERALS[1]:
        return f"{shown} is a register of a peripheral, and the emulator has none"
    if not board.memories:
        return f"{shown} lies in no memory"
    nearest = min(board.memories, key=lambda memory: _distance(memory, address))
    distance = _distance(nearest, address)
    if distance >= MIB:
        return f"{shown} is far from every memory of {board.name}; the nearest is {_with_range(nearest)}"
    if address < nearest.origin:
        return f"{shown} is {count_bytes(distance)} before the start of {_with_range(nearest)}"
    past = "right behind" if distance == 1 else f"{count_bytes(distance - 1)} past"
    return f"{shown} is {past} the end of {_with_range(nearest)}"


def hex_address(address: int) -> str:
    """Return `0x2408_0010`."""
    return f"{address:#011_x}"


def count_bytes(count: int) -> str:
    """Return `1 byte` or `16 bytes`."""
    return f"{count:,} byte{'' if count == 1 else 's'}"


def _with_range(memory: Memory) -> str:
    return f"{memory.name} ({hex_address(memory.origin)} to {hex_address(memory.origin + memory.size - 1)})"


def _distance(memory: Memory, address: int) -> int:
    """Return the steps from the nearest byte of a memory to an address outside of it."""
    return memory.origin - address if address < memory.origin else address - (memory.origin + memory.size - 1)


def _merged(memories: Iterable[Memory]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for memory in sorted(memories, key=lambda entry: entry.origin):
        start, end = memory.origin // PAGE * PAGE, -(-(memory.origin + memory.size) // PAGE) * PAGE
        if ranges and start <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(ranges[-1][1], end))
        else:
            ranges.append((start, end))
    return ranges


def _without(start: int, end: int, taken: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Cut ranges out of a range; both are sorted."""
    pieces = []
    for taken_start, taken_end in taken:
        if taken_end <= start or taken_start >= end:
            continue
        if start < taken_start:
            pieces.append((start, taken_start))
        start = min(taken_end, end)
    return [*pieces, (start, end)] if start < end else pieces
