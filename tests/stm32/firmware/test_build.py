"""Own the tests of building firmware: where things lie, what is counted, and what the cache saves."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace

import pytest
from elftools.elf.elffile import ELFFile

from zoo_core.errors import UserError
from zoo_stm32.boards import KIB, Memory
from zoo_stm32.firmware import Toolchain, ToolError, build, builder, find_toolchain
from zoo_stm32.firmware.script import region_names


@dataclass
class Counting:
    """Pass everything on to a compiler and remember what was compiled."""

    inner: Toolchain
    compiled: list[str] = field(default_factory=list)
    description: str = "counting 1"
    needs_math_source: bool = True

    def flags(self, core):
        return self.inner.flags(core)

    def compact(self):
        return self

    def compile(self, source, core, *, folder, log):
        self.compiled.append(source)
        return self.inner.compile(source, core, folder=folder, log=log)

    def link(self, objects, elf, script, core, *, folder, log):
        self.inner.link(objects, elf, script, core, folder=folder, log=log)


class Copying(Counting):
    """Compile nothing: remember what would be, and hand out a finished ELF file."""

    elf = None

    def compile(self, source, core, *, folder, log):
        self.compiled.append(source)
        return source

    def link(self, objects, elf, script, core, *, folder, log):
        shutil.copyfile(self.elf, folder / elf)


@pytest.fixture
def counting():
    return Counting(find_toolchain("zig"))


@pytest.fixture
def copying(make_network, make_board, tmp_path, silent):
    """Return a compiler that costs no time, with a finished ELF file for it to hand out."""
    toolchain, board = Copying(find_toolchain("zig")), make_board("flash", "sram")
    toolchain.elf = build(make_network(), board, tmp_path / "made", toolchain=toolchain.inner, progress=silent).elf
    return toolchain


@pytest.fixture(autouse=True)
def _no_firmware_cached(build_cache):
    for path in sorted((build_cache / "firmware").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def symbols_of(elf):
    with elf.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        return {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}


def inside(memory, address):
    return memory.origin <= address < memory.origin + memory.size


def test_everything_lies_in_the_memory_where_it_was_placed(make_network, make_board, tmp_path, silent, counting):
    network = replace(make_network(arena=100 * KIB, weight_bytes=500 * KIB), data_source=_data(500 * KIB))
    board = make_board("flash", "sram", "sram2", "sdram", "qspi")
    image = build(network, board, tmp_path, toolchain=counting, progress=silent, stack_bytes=30 * KIB)
    symbols, placement = symbols_of(image.elf), image.placement
    assert placement.data != placement.arena
    assert placement.code != placement.weights
    assert inside(placement.weights, symbols["weights"])
    assert inside(placement.arena, symbols["zoo_arena"])
    for name in ("zoo_input_0", "zoo_output_0", "_sstack", "_estack", "_sbss"):
        assert inside(placement.data, symbols[name]), name
    for name in ("zoo_network_run", "node0_sum", "node1_round", "Reset_Handler", "main"):
        assert inside(placement.code, symbols[name]), name
    assert symbols["zoo_vectors"] == placement.code.origin
    assert symbols["_sstack"] == placement.data.origin
    assert symbols["_estack"] - symbols["_sstack"] == 30 * KIB == image.sizes.stack
    assert image.sizes.arena == 100 * KIB
    assert image.sizes.weights == 500 * KIB


def test_sizes_and_map_come_from_the_elf_file(make_network, make_board, tmp_path, silent, counting):
    image = build(make_network(), make_board("flash", "sram"), tmp_path, toolchain=counting, progress=silent)
    sizes = image.sizes
    assert sizes.weights == 24
    assert 12 <= sizes.arena <= 16
    assert 8 + 3 <= sizes.io <= 64
    assert sizes.stack == 8 * KIB
    assert 200 < sizes.code < 4 * KIB
    assert sizes.data < 64
    with image.elf.open("rb") as stream:
        elf = ELFFile(stream)
        stored = sum(part["p_filesz"] for part in elf.iter_segments() if part["p_type"] == "PT_LOAD")
        assert elf.header["e_entry"] & ~1 == symbols_of(image.elf)["Reset_Handler"] & ~1
    assert 0 <= stored - sizes.code - sizes.weights < 64
    text = image.map.read_text()
    assert "flash" in text
    assert "node0_sum" in text
    assert image.functions == ("node0_sum", "node1_round")
    assert image.compiler == "counting 1"


def test_only_math_that_is_used_is_linked(make_network, make_board, tmp_path, silent, counting):
    board = make_board("flash", "sram", core="cortex-m4", fpu="none")
    symbols = symbols_of(build(make_network(), board, tmp_path, toolchain=counting, progress=silent).elf)
    assert "nearbyintf" in symbols
    assert not {"powf", "erff", "tanhf", "exp"} & set(symbols)


def test_an_unchanged_network_is_compiled_once(make_network, make_board, tmp_path, silent, copying):
    board = make_board("flash", "sram")
    first = build(make_network(), board, tmp_path / "a", toolchain=copying, progress=silent)
    assert sorted(copying.compiled) == [
        "main.c",
        "network.c",
        "network_data.c",
        "startup.c",
        "zoo_math.c",
        "zoo_model.c",
    ]
    copying.compiled.clear()
    second = build(make_network(), board, tmp_path / "b", toolchain=copying, progress=silent)
    assert copying.compiled == []
    assert first.elf.read_bytes() == second.elf.read_bytes()
    assert first.sizes == second.sizes
    assert (tmp_path / "b" / "network.c").read_text() == make_network().source


@pytest.mark.parametrize("change", ["source", "stack", "compiler", "core"])
def test_whatever_changes_the_result_is_compiled_again(request, make_network, make_board, tmp_path, change):
    silent, copying = request.getfixturevalue("silent"), request.getfixturevalue("copying")
    network, board, stack = make_network(), make_board("flash", "sram"), 8 * KIB
    build(network, board, tmp_path, toolchain=copying, progress=silent, stack_bytes=stack)
    copying.compiled.clear()
    if change == "source":
        network = replace(network, source=network.source.replace("0.125f", "0.25f"))
    elif change == "stack":
        stack = 9 * KIB
    elif change == "compiler":
        copying.description = "another 2"
    else:
        board = make_board("flash", "sram", fpu="double")
    build(network, board, tmp_path, toolchain=copying, progress=silent, stack_bytes=stack)
    assert copying.compiled


def test_a_failed_build_leaves_nothing_in_the_cache(make_network, make_board, tmp_path, silent, build_cache):
    counting = Counting(find_toolchain("zig"))
    network = replace(make_network(), source='#include "network.h"\n#error this network is wrong\n')
    for _ in range(2):
        with pytest.raises(ToolError, match="this network is wrong") as caught:
            build(network, make_board("flash", "sram"), tmp_path, toolchain=counting, progress=silent)
    assert str(tmp_path / "build.log") in str(caught.value)
    assert "this network is wrong" in (tmp_path / "build.log").read_text()
    assert list((build_cache / "firmware").iterdir()) == []


def test_code_beyond_the_estimate_says_which_memory_is_too_small(make_network, make_board, tmp_path, silent, counting):
    network = replace(make_network(), data_source=_data(600 * KIB))
    with pytest.raises(UserError, match=r"does not fit TEST-BOARD: its memory FLASH is \d+ bytes too small") as caught:
        build(network, make_board("flash", "sram"), tmp_path, toolchain=counting, progress=silent)
    assert "build.log" in caught.value.hint


def test_an_unknown_application_is_refused(make_network, make_board, tmp_path, silent, counting):
    with pytest.raises(UserError, match="'blinky'"):
        build(
            make_network(),
            make_board("flash", "sram"),
            tmp_path,
            toolchain=counting,
            progress=silent,
            application="blinky",
        )


def test_memories_of_like_names_stay_apart_in_the_linker_script(make_board):
    one = Memory(name="SRAM-1", kind="ram", origin=0, size=1)
    board = replace(
        make_board("flash"), memories=(one, replace(one, name="SRAM 1", origin=1), replace(one, name="2nd", origin=2))
    )
    names = list(region_names(board).values())
    assert names == ["SRAM_1", "SRAM_1_1", "MEM_2ND"]


def _data(count):
    return (
        f"#include <stdint.h>\nextern const int8_t weights[{count}];\n"
        f"const int8_t weights[{count}] = {{1, 2, 3, [{count - 1}] = 4}};\n"
    )


def test_code_larger_than_it_may_be_is_built_again_more_compact(
    make_network, make_board, tmp_path, silent, monkeypatch
):

    class Unrolling(Counting):
        def compact(self):
            return find_toolchain("zig").compact()

    toolchain, board = Unrolling(find_toolchain("zig")), make_board("flash", "sram")
    normal = build(make_network(), board, tmp_path / "a", toolchain=toolchain, progress=silent)
    monkeypatch.setattr(builder, "CODE_BYTES_ESTIMATE", normal.sizes.code - 1)
    compact = build(make_network(), board, tmp_path / "b", toolchain=toolchain, progress=silent)
    assert "-fno-unroll-loops" in (tmp_path / "b" / "build.log").read_text(encoding="utf-8")
    assert "-fno-unroll-loops" not in (tmp_path / "a" / "build.log").read_text(encoding="utf-8")
    assert compact.sizes.code <= normal.sizes.code
