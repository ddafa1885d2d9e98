"""Own reading a built ELF file: bytes by purpose, and a map of what lies where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from zoo_stm32.artifacts import Sizes
from zoo_stm32.boards import Board

CONSTANTS = (".zoo_weights", ".zoo_constants")
ARENA, IO, STACK = ".zoo_arena", ".zoo_io", ".zoo_stack"
VARIABLES = (".data", ".bss")


@dataclass(frozen=True, slots=True)
class Section:
    """Describe a section that takes memory."""

    name: str
    address: int
    size: int
    in_file: bool
    """Tell whether its content is stored, in flash, rather than being memory that is only reserved."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """Describe a function or variable."""

    name: str
    address: int
    size: int


def read_sections(elf: Path) -> tuple[Section, ...]:
    """Return the sections that take memory, by address."""
    with elf.open("rb") as stream:
        found = tuple(
            Section(
                name=section.name,
                address=section["sh_addr"],
                size=section["sh_size"],
                in_file=section["sh_type"] != "SHT_NOBITS",
            )
            for section in ELFFile(stream).iter_sections()
            if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_size"]
        )
    return tuple(sorted(found, key=_by_address))


def read_symbols(elf: Path) -> tuple[Symbol, ...]:
    """Return functions and variables, by address."""
    with elf.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        found = tuple(
            Symbol(symbol.name, symbol["st_value"] & ~int(symbol["st_info"]["type"] == "STT_FUNC"), symbol["st_size"])
            for symbol in (table.iter_symbols() if table else ())
            if symbol["st_info"]["type"] in ("STT_FUNC", "STT_OBJECT")
        )
    return tuple(sorted(found, key=_by_address))


def read_sizes(elf: Path) -> Sizes:
    """Return the bytes of each purpose; initial values of variables count as code, for they are stored with it."""
    sections = {section.name: section for section in read_sections(elf)}

    def size(*names: str) -> int:
        return sum(sections[name].size for name in names if name in sections)

    stored = sum(section.size for section in sections.values() if section.in_file and section.name not in CONSTANTS)
    return Sizes(
        code=stored,
        weights=size(*CONSTANTS),
        data=size(*VARIABLES),
        arena=size(ARENA),
        io=size(IO),
        stack=size(STACK),
    )


def write_map(elf: Path, board: Board, path: Path) -> None:
    """Write what lies where, as text: use of each memory, then sections with their functions and variables."""
    path.write_text("\n".join(_map_lines(elf, board)) + "\n", encoding="utf-8")


def _map_lines(elf: Path, board: Board) -> Iterator[str]:
    sections, symbols = read_sections(elf), read_symbols(elf)
    yield f"Memories of {board.name}"
    for memory in board.memories:
        inside = [one for one in sections if memory.origin <= one.address < memory.origin + memory.size]
        used = sum(section.size for section in inside)
        yield f"  {memory.origin:#010x}  {used:>10} of {memory.size:>10} bytes  {memory.name}"
    for section in sections:
        yield ""
        yield f"{section.name}  {section.address:#010x}  {section.size} bytes"
        for symbol in symbols:
            if section.address <= symbol.address < section.address + section.size:
                yield f"  {symbol.address:#010x}  {symbol.size:>10}  {symbol.name}"


def _by_address(item: Section | Symbol) -> int:
    return item.address
