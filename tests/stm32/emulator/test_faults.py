"""Show that each fault is told in words: what, at which instruction, where the address lies, why."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from zoo_stm32.artifacts import FirmwareImage
from zoo_stm32.boards import Board, Memory
from zoo_stm32.emulator import EmulationError, FaultKind, Machine
from zoo_stm32.emulator.fault_status import read_status
from zoo_stm32.emulator.memory import describe_address, page_ranges

Build = Callable[..., FirmwareImage]
BOARD = Board(
    name="B",
    series="S",
    core="cortex-m7",
    clock_hz=1,
    fpu="none",
    memories=(
        Memory(name="flash", kind="flash", origin=0x0800_0000, size=0x1000),
        Memory(name="AXI SRAM", kind="ram", origin=0x2400_0000, size=0x8_0000),
    ),
)
CASES = [
    (
        1,
        FaultKind.READ_UNMAPPED,
        ["read where no memory is (4 bytes)", "0x2401_0010 is 16 bytes past the end of AXI"],
    ),
    (2, FaultKind.WRITE_UNMAPPED, ["write where no memory is (4 bytes)", "0x2401_0010 is 16 bytes past the end"]),
    (
        3,
        FaultKind.WRITE_FLASH,
        ["write to flash (4 bytes)", "lies in flash (0x0800_0000 to 0x0800_ffff)"],
    ),
    (4, FaultKind.UNDEFINED, ["undefined instruction", "halfwords de00", "compiled for another core"]),
    (6, FaultKind.STACK_OVERFLOW, ["stack overflow", "descend+0x", "below the lowest address reserved", "_sstack"]),
    (7, FaultKind.FETCH_UNMAPPED, ["jump to where no memory is", "0x6000_0020", "return address 0x0800_"]),
    (8, FaultKind.NO_THUMB, ["jump to an even address", "Thumb bit"]),
    (9, FaultKind.HANDLER, ["fault handler reached", "halfwords beff"]),
    (10, FaultKind.BREAKPOINT, ["unexpected breakpoint bkpt 171", "semihosting"]),
    (11, FaultKind.EXCEPTION, ["supervisor call", "halfwords df03"]),
    (12, FaultKind.HALTED, ["processor halted", "wfi"]),
    (13, FaultKind.READ_UNMAPPED, ["0x0000_0020 is far from every memory", "a pointer that is null"]),
    (14, FaultKind.WRITE_UNMAPPED, ["0x4002_1000 is a register of a peripheral", "uses a peripheral"]),
]


@pytest.mark.parametrize(("how", "kind", "said"), CASES, ids=[f"{case[0]}-{case[1].name}" for case in CASES])
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m7", "cortex-m33"])
def test_a_fault_is_decoded(build: Build, core: str, how: int, kind: FaultKind, said: list[str]) -> None:
    machine = Machine(build(core))
    with pytest.raises(EmulationError) as caught:
        machine.run([bytes([127, how, *[0] * 46])], timeout_s=30)
    message = str(caught.value)
    assert caught.value.kind is kind, message
    assert [text for text in said if text not in message] == []
    assert "TEST-BOARD did not reach the end of the inference (bkpt 2)" in message
    assert "Likely cause: " in message
    assert machine.run([bytes(48)]).outputs  # the next run starts from a reset


@pytest.mark.parametrize(
    ("core", "fpu", "known"),
    [
        ("cortex-m0", "none", set()),
        ("cortex-m0plus", "none", set()),
        ("cortex-m3", "none", {19}),
        ("cortex-m4", "single", {17, 19}),
        ("cortex-m7", "double", {17, 18, 19}),
        ("cortex-m33", "single", {17, 19, 20}),
        ("cortex-m55", "double", {17, 18, 19}),
    ],
)
def test_each_core_has_its_own_instructions(build: Build, core: str, fpu: str, known: set[int]) -> None:
    """Single and double floating point, 32-bit data processing (Armv7-M on), test target (Armv8-M on)."""
    image = build(core)
    machine = Machine(replace(image, board=replace(image.board, fpu=fpu)))
    for how in sorted(known):
        assert machine.run([bytes([127, how, *[0] * 46])]).outputs
    for how in sorted({17, 18, 19, 20} - known):
        with pytest.raises(EmulationError) as caught:
            machine.run([bytes([127, how, *[0] * 46])])
        assert caught.value.kind is FaultKind.UNDEFINED


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m7"])
@pytest.mark.parametrize("below", [0, 4, 0x40])
def test_a_stack_at_the_start_of_a_memory_overflows_in_words(build: Build, core: str, below: int) -> None:
    """The instruction that pushes registers fails before it has lowered the stack pointer."""
    with pytest.raises(EmulationError) as caught:
        Machine(build(core, below=below)).run([bytes([127, 6, *[0] * 46])])
    assert caught.value.kind is FaultKind.STACK_OVERFLOW
    assert "Reserve more stack" in str(caught.value)


def test_the_instruction_is_the_one_that_failed(build: Build) -> None:
    with pytest.raises(EmulationError) as caught:
        Machine(build("cortex-m7")).run([bytes([127, 2, *[0] * 46])])
    found = re.search(r"at: (0x0800_[0-9a-f]{4}) in misbehave\+0x[0-9a-f]+, halfwords ([0-9a-f]{4})", str(caught.value))
    assert found is not None
    assert int(found[2], 16) >> 11 == 0b01100  # STR (immediate), encoding T1 of the Arm Architecture Reference Manual


def test_a_jump_to_data_is_told_from_unknown_code(build: Build) -> None:
    with pytest.raises(EmulationError) as caught:
        Machine(build()).run([bytes([127, 16, *[0x7F] * 46])], timeout_s=5)
    assert "no function" in str(caught.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (0x2408_0010, "0x2408_0010 is 16 bytes past the end of AXI SRAM (0x2400_0000 to 0x2407_ffff)"),
        (0x2408_0000, "0x2408_0000 is right behind the end of AXI SRAM (0x2400_0000 to 0x2407_ffff)"),
        (0x23FF_FFFF, "0x23ff_ffff is 1 byte before the start of AXI SRAM (0x2400_0000 to 0x2407_ffff)"),
        (0x2400_0000, "0x2400_0000 lies in AXI SRAM (0x2400_0000 to 0x2407_ffff)"),
        (0x4000_0000, "0x4000_0000 is a register of a peripheral, and the emulator has none"),
        (
            0xFFFF_0000,
            "0xffff_0000 is far from every memory of B; the nearest is AXI SRAM (0x2400_0000",
        ),
    ],
)
def test_addresses_in_words(address: int, said: str) -> None:
    assert describe_address(BOARD, address).startswith(said)


def test_pages_cover_every_memory_once() -> None:
    ranges = sorted((pages.start, pages.start + pages.size) for pages in page_ranges(BOARD))
    assert ranges == [(0x0800_0000, 0x0800_1000), (0x2400_0000, 0x2408_0000), (0xE000_E000, 0xE000_F000)]
    assert [pages.start for pages in page_ranges(BOARD) if not pages.writable] == [0x0800_0000]


def test_fault_status_registers_in_words() -> None:
    status = read_status((1 << 19 | 1 << 25).to_bytes(4, "little") + (1 << 30).to_bytes(4, "little"))
    assert status.text.split("; ") == [
        "CFSR 0x2080000 (coprocessor or FPU not enabled, division by zero)",
        "HFSR 0x40000000 (escalated from another fault)",
    ]
    assert read_status(bytes(8)).text == ""
