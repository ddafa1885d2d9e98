"""Own the boards: memories, core and clock of each, read from `boards.toml`, every figure with its source."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

KIB = 1024

FLASH: Literal["flash"] = "flash"
RAM: Literal["ram"] = "ram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Describe one range of addresses that holds data; sizes in bytes."""

    name: str
    kind: Literal["flash", "ram"]
    origin: int
    size: int
    external: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Describe a board. A plugin may make its own and offer it as a target."""

    name: str
    """Name as users write it, such as `STM32H747I-DISCO`."""
    series: str
    core: str
    """Core that runs the firmware, such as `cortex-m7`."""
    clock_hz: int
    """Highest clock of that core."""
    fpu: Literal["none", "single", "double"]
    memories: tuple[Memory, ...]
    """Ranges of addresses, the preferred one of each kind first; empty for boards with an application processor."""
    tool_target: str = ""
    """Value of `--target` that ST Edge AI Core takes."""
    npu: str = ""
    sources: Mapping[str, str] | None = None
    """Document that each figure was taken from."""

    @property
    def slug(self) -> str:
        """Return the name as a component name, such as `stm32h747i_disco`."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower())

    @property
    def runs_firmware(self) -> bool:
        """Tell whether the board has a microcontroller core that firmware can be built for."""
        return self.core.startswith("cortex-m") and bool(self.memories)

    def of_kind(self, kind: str, *, external: bool) -> tuple[Memory, ...]:
        """Return the memories of a kind that are inside or outside of the chip."""
        return tuple(memory for memory in self.memories if memory.kind == kind and memory.external is external)

    def total(self, kind: str, *, external: bool) -> int:
        """Return the bytes of all memories of a kind that are inside or outside of the chip."""
        return sum(memory.size for memory in self.of_kind(kind, external=external))


@cache
def load_boards() -> tuple[Board, ...]:
    """Return the boards that zoo-stm32 knows."""
    table = tomllib.loads(files("zoo_stm32").joinpath("boards.toml").read_text(encoding="utf-8"))
    return tuple(board_from_table(name, entry) for name, entry in table.items())


def board_from_table(name: str, entry: Mapping[str, Any]) -> Board:
    """Build a board from its table in a TOML file; memory sizes there are in KiB."""
    memories = tuple(
        Memory(
            name=memory["name"],
            kind=memory["kind"],
            origin=memory["origin"],
            size=memory["kib"] * KIB,
            external=memory.get("external", False),
        )
        for memory in entry.get("memories", ())
    )
    return Board(
        name=name,
        series=entry["series"],
        core=entry["core"],
        clock_hz=round(entry["clock_mhz"] * 1_000_000),
        fpu=entry["fpu"],
        memories=memories,
        tool_target=entry.get("tool_target", ""),
        npu=entry.get("npu", ""),
        sources=entry.get("sources", {}),
    )
