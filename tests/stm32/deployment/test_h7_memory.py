"""Placement of large networks on STM32H7: bytes, order, C that compiles to the right sections."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_core.errors import MissingError, UserError
from zoo_stm32.deployment import deploy
from zoo_stm32.deployment.board_file import parse_size
from zoo_stm32.deployment.h7_memory import (
    EXTERNAL_SECTION,
    INTERNAL_SECTION,
    WeightArray,
    assign_sections,
    find_need,
    memory_header,
    place_in_sections,
    weight_arrays,
)
from zoo_stm32.reports import ToolReport

MIB = 1 << 20


def report(weights: int, activations: int = 1000) -> ToolReport:
    return ToolReport(engine="e", version="1", weights=weights, activations=activations)


def board(bench):
    return bench().job.board


def test_a_kilobyte_is_1024_bytes(bench) -> None:
    free = 2048 * 1024 - 300 * 1024  # flash of the H747 less the application, by hand
    at_most = find_need(report(free), board(bench), 300 * 1024)
    assert not at_most.split_weights
    assert at_most.internal_flash == free
    assert find_need(report(free + 1), board(bench), 300 * 1024).split_weights
    assert not find_need(report(1, 512 * 1024), board(bench), 0).external_ram
    assert find_need(report(1, 512 * 1024 + 1), board(bench), 0).external_ram
    assert parse_size("300KB") == 307_200
    assert parse_size("2 MB") == 2_097_152
    assert parse_size("17") == 17
    with pytest.raises(UserError, match="no size"):
        parse_size("lots")


def test_what_fits_nowhere_is_refused_with_the_bytes(bench) -> None:
    with pytest.raises(UserError) as caught:
        find_need(report(200 * MIB, 40 * MIB), board(bench), 0)
    assert "209,715,200 bytes" in str(caught.value)
    assert "41,943,040 bytes" in str(caught.value)


def test_the_largest_array_goes_first() -> None:
    arrays = [WeightArray("small", 64), WeightArray("large", 640), WeightArray("middle", 320)]
    sections = assign_sections(arrays, internal=700, external=1000)
    assert sections == {"large": INTERNAL_SECTION, "middle": EXTERNAL_SECTION, "small": EXTERNAL_SECTION}
    assert assign_sections(arrays, internal=704, external=1000)["small"] == INTERNAL_SECTION
    with pytest.raises(UserError, match="middle of 320 bytes fit nowhere"):
        assign_sections(arrays, internal=700, external=100)


@given(
    st.lists(st.integers(1, 5000), min_size=1, max_size=20),
    st.integers(0, 20_000),
)
def test_no_section_is_overfilled(sizes: list[int], internal: int) -> None:
    arrays = [WeightArray(f"a{index}", size) for index, size in enumerate(sizes)]
    sections = assign_sections(arrays, internal, 20 * 5024)
    assert set(sections) == {array.name for array in arrays}
    inside = sum(-(-array.size // 32) * 32 for array in arrays if sections[array.name] == INTERNAL_SECTION)
    assert inside <= internal
    left = internal - inside
    assert all(-(-array.size // 32) * 32 > left for array in arrays if sections[array.name] == EXTERNAL_SECTION)


SOURCE = """\
#include <stdint.h>
typedef uint64_t ai_u64;
#define AI_ALIGNED(x) __attribute__((aligned(x)))
AI_ALIGNED(32)
const ai_u64 s_network_conv_weights_array_u64[4] = {
  0x0102030405060708U, 2, 3, 4,
};

AI_ALIGNED(32)
const ai_u64 s_network_dense_weights_array_u64[ 2 ] = { 5, 6 };
const uint8_t other[3] = { 1, 2, 3 };
extern const ai_u64 declared[9];
"""


def test_arrays_are_read_with_their_bytes_and_placed_once() -> None:
    assert [(one.name, one.size) for one in weight_arrays(SOURCE)] == [
        ("s_network_conv_weights_array_u64", 32),
        ("s_network_dense_weights_array_u64", 16),
        ("other", 3),
    ]
    sections = {"s_network_conv_weights_array_u64": EXTERNAL_SECTION, "other": INTERNAL_SECTION}
    once = place_in_sections(SOURCE, sections)
    assert place_in_sections(once, sections) == once
    moved = place_in_sections(once, {"other": EXTERNAL_SECTION})
    assert moved.count(EXTERNAL_SECTION) == 2


def test_the_compiler_puts_arrays_into_their_sections(tmp_path: Path) -> None:
    sections = assign_sections(weight_arrays(SOURCE), internal=32, external=1000)
    path = tmp_path / "network_data.c"
    path.write_text(place_in_sections(SOURCE, sections))
    build = [sys.executable, "-m", "ziglang", "cc", "-c", "-target", "arm-freestanding-eabihf", str(path)]
    subprocess.run([*build, "-o", str(tmp_path / "o.o")], check=True, capture_output=True)
    from elftools.elf.elffile import ELFFile

    with (tmp_path / "o.o").open("rb") as stream:
        file = ELFFile(stream)
        table = file.get_section_by_name(".symtab")
        found = {
            symbol.name: file.get_section(symbol["st_shndx"]).name
            for symbol in table.iter_symbols()
            if symbol.name.startswith(("s_network", "other"))
        }
    assert found == {
        "s_network_conv_weights_array_u64": INTERNAL_SECTION,
        "s_network_dense_weights_array_u64": EXTERNAL_SECTION,
        "other": EXTERNAL_SECTION,
    }


@pytest.mark.parametrize(
    ("size", "largest", "name"),
    [
        ((128, 96), (640, 480), "CAMERA_R320x240"),
        ((320, 240), (640, 480), "CAMERA_R320x240"),
        ((240, 320), (640, 480), "CAMERA_R640x480"),
        ((321, 100), (640, 480), "CAMERA_R640x480"),
    ],
)
def test_the_smallest_camera_picture_that_holds_the_input_is_taken(bench, size, largest, name) -> None:
    need = find_need(report(10), board(bench), 0)
    assert f"CAMERA_RESOLUTION {name}\n" in memory_header(report(10), need, {}, size, largest)


@pytest.mark.parametrize(("size", "largest"), [((641, 10), (640, 480)), ((321, 10), (320, 240))])
def test_an_input_larger_than_the_camera_is_refused(bench, size, largest) -> None:
    need = find_need(report(10), board(bench), 0)
    with pytest.raises(UserError, match="larger than the largest camera picture"):
        memory_header(report(10), need, {}, size, largest)


ARRAYS = {"s_network_a_array_u64": 1_500_000 // 8 * 8, "s_network_b_array_u64": 1_000_000}


def test_large_weights_are_split_and_placed(bench) -> None:
    made = bench(weights=sum(ARRAYS.values()), arrays=ARRAYS)
    deploy(made.job, None, made.progress)
    assert [options.split_weights for options in made.generator.options] == [False, True]
    data = (made.job.project / "Application/Network/Src/network_data.c").read_text()
    assert f'const __attribute__((section("{INTERNAL_SECTION}"))) ai_u64 s_network_a_array_u64' in data
    assert f'const __attribute__((section("{EXTERNAL_SECTION}"))) ai_u64 s_network_b_array_u64' in data
    header = (made.job.project / "Application/STM32H747I-DISCO/Inc/CM7/ai_memory_config.h").read_text()
    assert "AI_WEIGHTS_SPLIT (1)" in header
    assert "AI_WEIGHTS_EXTERNAL_ARRAYS (1)" in header
    assert "section(" not in (made.job.folder / "st_ai_output/network_data.c").read_text()


def test_large_activations_take_the_projects_memory_pool(bench) -> None:
    made = bench(activations=MIB)
    with pytest.raises(UserError, match="no memory pool file"):
        deploy(made.job, None, made.progress)
    pool = made.job.project / "mempools_STM32H747I-DISCO.json"
    pool.write_text("{}")
    deploy(made.job, None, made.progress)
    assert made.generator.options[-1].memory_pool == pool
    header = (made.job.headers / "ai_memory_config.h").read_text()
    assert '".NN_Activation_Buffer_SDRAM"' in header


def test_a_project_without_the_sections_is_not_touched(bench) -> None:
    made = bench(weights=sum(ARRAYS.values()), arrays=ARRAYS, leave_out=("sections",))
    with pytest.raises(MissingError, match="linker script with the section"):
        deploy(made.job, None, made.progress)
    assert not list((made.job.project / "Application").rglob("*.c"))


def test_a_board_without_external_flash_says_so(bench) -> None:
    made = bench("NUCLEO-H743ZI2", weights=4 * MIB)
    made.job = replace(made.job, application_bytes=0)
    with pytest.raises(UserError, match="too large for the board"):
        deploy(made.job, None, made.progress)
