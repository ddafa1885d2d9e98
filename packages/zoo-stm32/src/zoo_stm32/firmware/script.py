"""Own the linker script of a board: its memories, and the sections that go into each."""

from __future__ import annotations

import re
from collections.abc import Mapping

from zoo_stm32.artifacts import Placement
from zoo_stm32.boards import FLASH, Board, Memory
from zoo_stm32.firmware.rendering import render


def linker_script(board: Board, placement: Placement, *, stack_bytes: int) -> str:
    """Return the linker script that puts code, weights, variables and arena where they were placed."""
    names = region_names(board)
    width = max(len(name) for name in names.values())
    memories = "\n".join(
        f"    {name:<{width}} ({'rx' if memory.kind == FLASH else 'rwx'}) : "
        f"ORIGIN = {memory.origin:#010x}, LENGTH = {memory.size:#x}"
        for memory, name in names.items()
    )
    return render(
        "board.ld",
        BOARD=board.name,
        MEMORIES=memories,
        CODE=names[placement.code],
        WEIGHTS=names[placement.weights],
        DATA=names[placement.data],
        ARENA=names[placement.arena],
        STACK_BYTES=stack_bytes,
    )


def region_names(board: Board) -> Mapping[Memory, str]:
    """Return a name for each memory that a linker script can use, such as `QUAD_SPI_FLASH`."""
    names: dict[Memory, str] = {}
    for memory in board.memories:
        plain = "MEM_" + name if (name := _identifier(memory.name))[:1].isdigit() else name
        unique = plain if plain not in names.values() else f"{plain}_{len(names)}"
        names[memory] = unique
    return names


def _identifier(name: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_") or "MEM"
