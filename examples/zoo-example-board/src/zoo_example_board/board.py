"""Own the board: its core, its clock and its memories, as its data sheet states them."""

from zoo_stm32.boards import FLASH, KIB, RAM, Board, Memory

BOARD = Board(
    name="EXAMPLE-BOARD",
    series="STM32F7",
    core="cortex-m7",
    clock_hz=216_000_000,
    fpu="single",
    memories=(
        Memory(name="flash", kind=FLASH, origin=0x0800_0000, size=1024 * KIB),
        Memory(name="SRAM1", kind=RAM, origin=0x2001_0000, size=240 * KIB),
        Memory(name="DTCM", kind=RAM, origin=0x2000_0000, size=64 * KIB),
    ),
)
"""An imagined board around a Cortex-M7; the preferred memory of each kind comes first."""
