"""Own the builders of targets: each board by its name as an attribute of this module, the emulator, ST's runtimes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from zoo_stm32.boards import Board, load_boards

if TYPE_CHECKING:
    from collections.abc import Callable

    from zoo_core.config.sections import RunConfig
    from zoo_stm32.emulated import EmulatedTarget
    from zoo_stm32.engines import OnBoardTarget, Stm32Target

DEFAULT_BOARD = "stm32h747i_disco"
RUNTIMES = ("stedgeai_host", "stedgeai_n6", "stedgeai_h7p")


def __getattr__(name: str) -> Callable[[RunConfig], Any]:
    """Return the builder of the board or runtime of that name, such as `stm32h747i_disco`."""
    if name in RUNTIMES:
        return partial(runtime, name)
    for board in load_boards():
        if board.slug == name:
            return partial(build, board)
    msg = f"module {__name__} has no attribute {name}"
    raise AttributeError(msg)


def build(board: Board, config: RunConfig) -> Stm32Target:
    """Build the target of a board as the configuration asks for it."""
    from zoo_stm32.engines import Stm32Target

    return Stm32Target(board, config)


def emulator(config: RunConfig) -> EmulatedTarget:
    """Build the emulator of the board that the configuration names, else of the default one."""
    from zoo_stm32.emulated import EmulatedTarget
    from zoo_stm32.engines import choose

    chosen = next((board for board in _named(config) if board.runs_firmware), None)
    board = chosen or next(board for board in load_boards() if board.slug == DEFAULT_BOARD)
    return EmulatedTarget(board, choose(config, board).firmware)


def runtime(name: str, config: RunConfig) -> OnBoardTarget:
    """Build one of ST's targets for evaluation and prediction."""
    from zoo_stm32.engines import OnBoardTarget, choose
    from zoo_stm32.engines.on_board import SERIES

    section = config.evaluation if config.evaluation.target == name else config.prediction
    board = next((board for board in _named(config) if board.series == SERIES.get(name)), None)
    return OnBoardTarget(name, choose(config, board or load_boards()[0]), section, board=board)


def _named(config: RunConfig) -> list[Board]:
    """Return the boards that the configuration names for benchmarking and deployment."""
    names = (
        None if config.benchmarking is None else config.benchmarking.board,
        None if config.deployment is None else config.deployment.hardware_setup.board,
    )
    by_name = {key: board for board in load_boards() for key in (board.name.casefold(), board.slug)}
    return [by_name[name.casefold()] for name in names if name is not None and name.casefold() in by_name]
