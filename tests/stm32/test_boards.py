"""The boards: the list that users know, memories that do not overlap, figures printed by the makers' documents."""

from itertools import pairwise

import pytest

from zoo_stm32.boards import FLASH, RAM, board_from_table, load_boards

KIB = 1024
MIB = 1024 * KIB
BENCHMARKED = (
    "STM32N6570-DK", "STM32H747I-DISCO", "STM32H7B3I-DK", "STM32F469I-DISCO", "B-U585I-IOT02A", "STM32L4R9I-DISCO",
    "NUCLEO-H743ZI2", "STM32H735G-DK", "STM32F769I-DISCO", "NUCLEO-G474RE", "NUCLEO-F401RE", "STM32F746G-DISCO",
)  # fmt: skip
"""The twelve boards that ST's cloud offers for benchmarking, by the names in its documentation."""
PROCESSORS = ("STM32MP257F-EV1", "STM32MP157F-DK2", "STM32MP135F-DK")

BY_NAME = {board.name: board for board in load_boards()}


def test_all_documented_boards_are_known() -> None:
    assert set(BY_NAME) == {*BENCHMARKED, "NUCLEO-N657X0-Q", *PROCESSORS}


@pytest.mark.parametrize(
    ("name", "core", "megahertz", "flash", "ram"),
    [  # printed in the boards' documentation; RAM without instruction and backup memories
        ("NUCLEO-F401RE", "cortex-m4", 84, 512 * KIB, 96 * KIB),
        ("NUCLEO-G474RE", "cortex-m4", 170, 512 * KIB, 128 * KIB),
        ("STM32F746G-DISCO", "cortex-m7", 216, 1 * MIB, 320 * KIB),
        ("STM32H735G-DK", "cortex-m7", 550, 1 * MIB, (564 - 64 - 4) * KIB),
        ("STM32L4R9I-DISCO", "cortex-m4", 120, 2 * MIB, 640 * KIB),
        ("STM32H7B3I-DK", "cortex-m7", 280, 2 * MIB, 1312 * KIB),
        ("B-U585I-IOT02A", "cortex-m33", 160, 2 * MIB, 784 * KIB),
        ("STM32N6570-DK", "cortex-m55", 800, 0, 3840 * KIB),
    ],
)
def test_core_and_memories_inside_of_the_chip(name: str, core: str, megahertz: int, flash: int, ram: int) -> None:
    board = BY_NAME[name]
    assert (board.core, board.clock_hz) == (core, megahertz * 1_000_000)
    assert (board.total(FLASH, external=False), board.total(RAM, external=False)) == (flash, ram)


@pytest.mark.parametrize(
    ("name", "flash", "ram"),
    [
        ("STM32H747I-DISCO", 2 * 512 * MIB // 8, 256 * MIB // 8),
        ("STM32F469I-DISCO", 128 * MIB // 8, 16 * MIB),
        ("STM32N6570-DK", 1024 * MIB // 8, 256 * MIB // 8),
        ("NUCLEO-H743ZI2", 0, 0),
    ],
)
def test_memories_outside_of_the_chip(name: str, flash: int, ram: int) -> None:
    board = BY_NAME[name]
    assert (board.total(FLASH, external=True), board.total(RAM, external=True)) == (flash, ram)


@pytest.mark.parametrize("name", BY_NAME)
def test_memories_do_not_overlap_and_inside_comes_first(name: str) -> None:
    board = BY_NAME[name]
    ranges = sorted((memory.origin, memory.origin + memory.size) for memory in board.memories)
    assert all(end <= start for (_, end), (start, _) in pairwise(ranges))
    assert all(memory.size > 0 and memory.origin % 1024 == 0 for memory in board.memories)
    for kind in (FLASH, RAM):
        external = [memory.external for memory in board.memories if memory.kind == kind]
        assert external == sorted(external), "the preferred memory of each kind stands first"


@pytest.mark.parametrize("name", BY_NAME)
def test_every_figure_has_a_source(name: str) -> None:
    sources = BY_NAME[name].sources
    assert sources is not None
    assert {"core", "clock", "memories", "addresses"} <= set(sources)


def test_boards_with_application_processors_run_no_firmware() -> None:
    assert {name for name, board in BY_NAME.items() if not board.runs_firmware} == set(PROCESSORS)


def test_a_board_of_ones_own() -> None:
    entry = {
        "series": "STM32G0", "core": "cortex-m0plus", "clock_mhz": 64, "fpu": "none",
        "memories": [{"name": "flash", "kind": "flash", "origin": 0x0800_0000, "kib": 128}],
    }  # fmt: skip
    board = board_from_table("NUCLEO-G0B1RE", entry)
    assert (board.slug, board.memories[0].size, board.runs_firmware) == ("nucleo_g0b1re", 131072, True)
