"""Own the builders of targets: each board by its name as an attribute of this module, and the emulator alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from zoo_stm32.boards import Board, load_boards
from zoo_stm32.config import FirmwareSection, Stm32ToolsSection

if TYPE_CHECKING:
    from collections.abc import Callable

    from zoo_core.config.sections import RunConfig
    from zoo_stm32.emulated import EmulatedTarget

DEFAULT_BOARD = "stm32h747i_disco"


def __getattr__(name: str) -> Callable[[RunConfig], EmulatedTarget]:
    """Return the builder of the board of that name, such as `stm32h747i_disco`."""
    for board in load_boards():
        if board.slug == name:
            return partial(build, board)
    msg = f"module {__name__} has no attribute {name}"
    raise AttributeError(msg)


def build(board: Board, config: RunConfig) -> EmulatedTarget:
    """Build the target of a board as the configuration asks for it."""
    from zoo_stm32.emulated import EmulatedTarget

    tools = config.tools
    settings = tools.firmware if isinstance(tools, Stm32ToolsSection) else FirmwareSection()
    return EmulatedTarget(board, settings, notes=tuple(_notes(config)))


def emulator(config: RunConfig) -> EmulatedTarget:
    """Build the target of the board that the configuration names, else of the default one."""
    named = (
        None if config.benchmarking is None else config.benchmarking.board,
        None if config.deployment is None else config.deployment.hardware_setup.board,
    )
    by_name = {key: board for board in load_boards() for key in (board.name.casefold(), board.slug)}
    chosen = [by_name[name.casefold()] for name in named if name is not None and name.casefold() in by_name]
    return build(next((board for board in chosen if board.runs_firmware), by_name[DEFAULT_BOARD]), config)


def _notes(config: RunConfig) -> list[str]:
    """Return what the configuration asks of ST's tools, which the emulator stands in for."""
    tools: Any = config.tools
    stedgeai = None if tools is None else tools.stedgeai
    notes = []
    if stedgeai is not None and stedgeai.on_cloud:
        notes.append("tools.stedgeai.on_cloud: ST's Developer Cloud is not used; the figures are from the emulator.")
    if config.deployment is not None and config.deployment.c_project_path is not None:
        notes.append("deployment.c_project_path is not built; the firmware folder stands by itself.")
    return notes
