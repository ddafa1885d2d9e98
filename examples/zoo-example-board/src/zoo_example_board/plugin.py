"""Own the hooks of zoo-example-board; imports nothing heavy."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from zoo_core import LazyRef, TargetSpec, hookimpl
from zoo_stm32.plugin import board_target

from zoo_example_board.board import BOARD

zoo_api = 1


@hookimpl
def zoo_targets() -> Iterator[TargetSpec]:
    """Declare the board as a target, with the sections of zoo-stm32 but for one of its own."""
    target = board_target(BOARD, "zoo_example_board.target:build")
    own: LazyRef[Any] = LazyRef("zoo_example_board.config:ReservingSection")
    yield replace(target, sections={**target.sections, "benchmarking": own})
