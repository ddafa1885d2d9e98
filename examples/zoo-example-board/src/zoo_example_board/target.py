"""Own the target: the emulated board, with the memory that the rest of the application leaves."""

from dataclasses import replace

from zoo_core import UserError
from zoo_core.config.sections import RunConfig
from zoo_stm32.boards import KIB, RAM, Board
from zoo_stm32.engines import Stm32Target
from zoo_stm32.targets import build as build_target

from zoo_example_board.board import BOARD
from zoo_example_board.config import ReservingSection


def build(config: RunConfig) -> Stm32Target:
    """Build the target for a run.

    Raises:
        UserError: When the rest of the application needs all of the first memory.
    """
    section = config.benchmarking
    kib = section.reserved_kib if isinstance(section, ReservingSection) else 0
    return build_target(without(BOARD, kib * KIB), config)


def without(board: Board, size: int) -> Board:
    """Return a board without so many bytes at the end of its preferred RAM.

    Raises:
        UserError: When nothing of it is left.
    """
    first = next(memory for memory in board.memories if memory.kind == RAM)
    if size >= first.size:
        msg = f"benchmarking.reserved_kib: {first.name} of {board.name} has {first.size // KIB} KiB only."
        raise UserError(msg, hint=f"Give less than {first.size // KIB}.")
    smaller = replace(first, size=first.size - size)
    return replace(board, memories=tuple(smaller if memory is first else memory for memory in board.memories))
