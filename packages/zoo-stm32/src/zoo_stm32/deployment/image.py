"""Own what an ELF file occupies on a board: bytes per memory, and the pieces that are written to flash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zoo_core.errors import UserError
from zoo_stm32.boards import Board, Memory

ALLOCATED = 0x2
WITHOUT_BYTES = "SHT_NOBITS"
UNKNOWN = "elsewhere"


@dataclass(frozen=True, slots=True)
class Piece:
    """Hold bytes and the address at which they are stored."""

    address: int
    data: bytes


def stored_pieces(elf: Path) -> tuple[Piece, ...]:
    """Return what an ELF file stores, by load address.

    Raises:
        UserError: When it is no ELF file.
    """
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with elf.open("rb") as stream:
            segments = [one for one in ELFFile(stream).iter_segments() if one["p_type"] == "PT_LOAD"]
            return tuple(Piece(one["p_paddr"], one.data()) for one in segments if one["p_filesz"])
    except (ELFError, OSError) as error:
        raise UserError(f"{elf} is no ELF file that can be read: {error}.") from error


def measure(elf: Path, board: Board) -> dict[str, int]:
    """Return memory of the board -> bytes that the image takes in it, stored and running.

    Raises:
        UserError: When it is no ELF file.
    """
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    used: dict[str, int] = {}
    try:
        with elf.open("rb") as stream:
            file = ELFFile(stream)
            running = [
                (section["sh_addr"], section["sh_size"])
                for section in file.iter_sections()
                if section["sh_flags"] & ALLOCATED and section["sh_size"]
            ]
            stored = [(one["p_paddr"], one["p_filesz"]) for one in file.iter_segments() if one["p_type"] == "PT_LOAD"]
    except (ELFError, OSError) as error:
        raise UserError(f"{elf} is no ELF file that can be read: {error}.") from error
    for address, size in running:
        memory = _memory_at(board, address)
        if memory is None or memory.kind == "ram":
            name = UNKNOWN if memory is None else memory.name
            used[name] = used.get(name, 0) + size
    for address, size in stored:
        memory = _memory_at(board, address)
        if memory is not None and memory.kind == "flash":
            used[memory.name] = used.get(memory.name, 0) + size
    return used


def overflows(used: dict[str, int], board: Board) -> list[str]:
    """Return each memory that holds less than the image needs, as a line."""
    return [
        f"{memory.name}: {used[memory.name]:,} bytes needed, {memory.size:,} there"
        for memory in board.memories
        if used.get(memory.name, 0) > memory.size
    ]


def _memory_at(board: Board, address: int) -> Memory | None:
    return next((one for one in board.memories if one.origin <= address < one.origin + one.size), None)
