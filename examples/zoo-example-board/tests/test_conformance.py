"""Check zoo-example-board with the tests that zoo has for every plugin and every target."""

import pytest
from zoo_core import UserError
from zoo_core.testing.conformance import PluginConformance, TargetConformance
from zoo_stm32.boards import KIB, RAM

from zoo_example_board.board import BOARD
from zoo_example_board.target import without


class TestPlugin(PluginConformance):
    """Check the distribution: quick to load, sound names, references that exist."""

    distribution = "zoo-example-board"


class TestTarget(TargetConformance):
    """Check the target: it measures a small model, and refuses in words what it cannot do."""

    target = "example_board"


def test_reserved_memory_is_taken_off() -> None:
    """So many bytes less, all of them RAM."""
    smaller = without(BOARD, 32 * KIB)
    assert smaller.total(RAM, external=False) == BOARD.total(RAM, external=False) - 32 * KIB


def test_all_memory_cannot_be_reserved() -> None:
    """The message names the key and how much there is."""
    with pytest.raises(UserError, match="reserved_kib: SRAM1 of EXAMPLE-BOARD has 240 KiB only"):
        without(BOARD, 240 * KIB)
