"""Own the reading of a firmware's ELF file: what is loaded where, and which symbol lies at which address."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from zoo_stm32.emulator.errors import EmulationError, FaultKind

THUMB_BIT = 1
EXECUTABLE = 0x4
"""SHF_EXECINSTR of the ELF specification."""
REBUILD = "Build the firmware again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """Name a function or a variable; the address has no Thumb bit."""

    name: str
    address: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Hold bytes that lie in memory before the reset."""

    address: int
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareFile:
    """Hold what the emulator needs of an ELF file."""

    path: Path
    segments: tuple[Segment, ...]
    symbols: Mapping[str, Symbol]
    functions: tuple[Symbol, ...]
    """Functions by rising address."""
    code: tuple[int, int]
    """First address of machine code and the one after the last."""

    def symbol(self, name: str) -> Symbol:
        """Return a symbol.

        Raises:
            EmulationError: When the file has no such symbol.
        """
        found = self.symbols.get(name)
        if found is None:
            raise EmulationError(
                f"{self.path} has no symbol {name}, which the emulator needs to run the network.",
                kind=FaultKind.IMAGE,
                hint="Build the firmware with its symbols, and keep functions of layers from being inlined.",
            )
        return found

    def place(self, address: int) -> str:
        """Return the function at an address and the offset in it, such as `layer_3+0x1c`."""
        index = bisect_right([function.address for function in self.functions], address) - 1
        if index < 0:
            return "no function"
        function = self.functions[index]
        offset = address - function.address
        if offset >= max(function.size, 2) and not (function.size == 0 and offset < self._gap(index)):
            return "no function"
        return f"{function.name}+{offset:#x}"

    def _gap(self, index: int) -> int:
        """Return the bytes to the next function, which bound a function written in assembly without a size."""
        following = self.functions[index + 1].address if index + 1 < len(self.functions) else self.code[1]
        return following - self.functions[index].address


def read_firmware(path: Path) -> FirmwareFile:
    """Read an ELF file for 32-bit Arm.

    Raises:
        EmulationError: When the file cannot be read or is something else.
    """
    try:
        with path.open("rb") as stream:
            return _read(path, ELFFile(stream))
    except (OSError, ELFError) as error:
        message = f"{path} is no firmware that can be read: {error}"
        raise EmulationError(message, kind=FaultKind.IMAGE, hint=REBUILD) from error


def _read(path: Path, file: Any) -> FirmwareFile:
    if file["e_machine"] != "EM_ARM" or file.elfclass != 32:  # noqa: PLR2004 # bits
        message = f"{path} is no firmware for a Cortex-M: it is made for {file.get_machine_arch()}."
        raise EmulationError(message, kind=FaultKind.IMAGE, hint=REBUILD)
    table = file.get_section_by_name(".symtab")
    entries = [entry for entry in table.iter_symbols() if entry.name] if table is not None else []
    functions = sorted(
        (_symbol(entry) for entry in entries if entry["st_info"]["type"] == "STT_FUNC"),
        key=lambda function: (function.address, function.size == 0),
    )
    return FirmwareFile(
        path=path,
        segments=tuple(_segments(file)),
        symbols={entry.name: _symbol(entry) for entry in sorted(entries, key=_is_global)},
        functions=tuple(functions),
        code=_code_range(file),
    )


def _symbol(entry: Any) -> Symbol:
    is_function = entry["st_info"]["type"] == "STT_FUNC"
    address = entry["st_value"] & ~THUMB_BIT if is_function else entry["st_value"]
    return Symbol(name=entry.name, address=address, size=entry["st_size"])


def _is_global(entry: Any) -> bool:
    return bool(entry["st_info"]["bind"] == "STB_GLOBAL")


def _segments(file: Any) -> Iterable[Segment]:
    """Yield what a programmer would write, at load addresses: initialised variables lie in flash."""
    for segment in file.iter_segments():
        if segment["p_type"] == "PT_LOAD" and segment["p_filesz"]:
            yield Segment(address=segment["p_paddr"], content=segment.data())


def _code_range(file: Any) -> tuple[int, int]:
    parts = [
        (section["sh_addr"], section["sh_addr"] + section["sh_size"])
        for section in file.iter_sections()
        if section["sh_flags"] & EXECUTABLE and section["sh_size"]
    ]
    return min((start for start, _ in parts), default=0), max((end for _, end in parts), default=0)
