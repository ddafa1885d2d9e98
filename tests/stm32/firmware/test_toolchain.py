"""Own the tests of what compilers are told and of how their absence and their failures are reported."""

from __future__ import annotations

import re
import stat
import sys

import pytest
from elftools.elf.elffile import ELFFile

from zoo_core.errors import MissingError, UserError
from zoo_stm32.firmware import GccToolchain, ToolError, find_toolchain
from zoo_stm32.firmware.cores import core_of

SOURCE = "float scale(float x, double y) { return x * (float)(y * 3.0); }\n"
V7M, V7EM, V6M, V8M = 10, 13, 12, 17
"""Values of Tag_CPU_arch: Arm IHI 0045, section 3.3.5.2; zig states that of v6S-M for v6-M."""


def attributes(path):
    with path.open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".ARM.attributes")
        return {
            attribute.tag: attribute.value
            for part in section.iter_subsections()
            for scope in part.iter_subsubsections()
            for attribute in scope.iter_attributes()
        }


def library_calls(path):
    with path.open("rb") as stream:
        names = {symbol.name for symbol in ELFFile(stream).get_section_by_name(".symtab").iter_symbols()}
    return {name for name in names if name in ("__aeabi_fmul", "__aeabi_dmul")}


@pytest.mark.parametrize(
    ("core", "architecture", "calls"),
    [
        (("cortex-m0", "none"), V6M, {"__aeabi_fmul", "__aeabi_dmul"}),
        (("cortex-m0+", "none"), V6M, {"__aeabi_fmul", "__aeabi_dmul"}),
        (("cortex-m3", "none"), V7M, {"__aeabi_fmul", "__aeabi_dmul"}),
        (("cortex-m4", "none"), V7EM, {"__aeabi_fmul", "__aeabi_dmul"}),
        (("cortex-m4", "single"), V7EM, {"__aeabi_dmul"}),
        (("cortex-m7", "single"), V7EM, {"__aeabi_dmul"}),
        (("cortex-m7", "double"), V7EM, set()),
        (("cortex-m33", "single"), V8M, {"__aeabi_dmul"}),
        (("cortex-m55", "double"), V8M, {"__aeabi_dmul"}),
    ],
)
def test_zig_builds_for_the_instructions_that_the_core_has(make_board, tmp_path, core, architecture, calls):
    (tmp_path / "part.c").write_text(SOURCE)
    chosen = core_of(make_board("flash", "sram", core=core[0], fpu=core[1]))
    name = find_toolchain("zig").compile("part.c", chosen, folder=tmp_path, log=tmp_path / "log")
    found = attributes(tmp_path / name)
    assert found["TAG_CPU_ARCH"] == architecture
    assert (found.get("TAG_ABI_VFP_ARGS", 0) == 1) is (core[1] != "none")
    assert library_calls(tmp_path / name) == calls


def test_unaligned_access_is_given_up_where_memory_does_not_take_it(make_board, tmp_path):
    (tmp_path / "part.c").write_text(SOURCE)
    zig, board = find_toolchain("zig"), make_board("flash", "sram")
    found = []
    for strict in (False, True):
        name = zig.compile("part.c", core_of(board, strict_alignment=strict), folder=tmp_path, log=tmp_path / "log")
        found.append(attributes(tmp_path / name)["TAG_CPU_UNALIGNED_ACCESS"])
    assert found == [1, 0]


def test_multiplications_and_additions_are_never_fused(make_board, tmp_path):
    core = core_of(make_board("flash", "sram", core="cortex-m33"))
    for toolchain in (find_toolchain("zig"), GccToolchain("gcc")):
        assert "-ffp-contract=off" in toolchain.flags(core)


@pytest.mark.parametrize(
    ("core", "fpu", "expected"),
    [
        ("cortex-m0plus", "none", "-mthumb -mcpu=cortex-m0plus -mfloat-abi=soft"),
        ("cortex-m4", "single", "-mthumb -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16"),
        ("cortex-m7", "double", "-mthumb -mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-d16"),
        ("cortex-m55", "double", "-mthumb -mcpu=cortex-m33 -mfloat-abi=hard -mfpu=fpv5-sp-d16"),
    ],
)
def test_gcc_is_told_the_same(make_board, core, fpu, expected):
    flags = " ".join(GccToolchain("gcc").flags(core_of(make_board("flash", "sram", core=core, fpu=fpu))))
    assert flags.endswith(expected)


def test_a_core_that_nobody_knows_is_refused(make_board):
    with pytest.raises(UserError, match="cortex-m99") as caught:
        core_of(make_board("flash", "sram", core="cortex-m99"))
    assert "cortex-m33" in caught.value.hint


def test_zig_states_its_own_name_and_version():
    assert re.fullmatch(r"zig \d+\.\d+\S* \(clang version \d+.*\)", find_toolchain("zig").description)


def test_absent_gcc_is_reported_with_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="arm-none-eabi-gcc is not on the PATH") as caught:
        find_toolchain("gcc")
    assert "gcc-arm-none-eabi" in caught.value.hint


def test_another_name_is_refused():
    with pytest.raises(UserError, match="no toolchain 'keil'"):
        find_toolchain("keil")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_gcc_on_the_path_is_found_and_called_with_the_flags(monkeypatch, tmp_path, make_board):
    script = tmp_path / "arm-none-eabi-gcc"
    script.write_text(
        '#!/bin/sh\ncase "$1" in --version) echo "arm-none-eabi-gcc 13.2.1";; *) echo "$@" > called;; esac\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    gcc, core = find_toolchain("gcc"), core_of(make_board("flash", "sram"))
    assert gcc.description == "arm-none-eabi-gcc 13.2.1"
    assert not gcc.needs_math_source
    gcc.link(["a.o", "b.o"], "firmware.elf", "board.ld", core, folder=tmp_path, log=tmp_path / "log")
    called = (tmp_path / "called").read_text()
    assert "-T board.ld a.o b.o -lm -o firmware.elf" in called
    assert "-mfpu=fpv5-sp-d16" in called


def test_a_failing_compiler_shows_its_last_lines_and_keeps_all_of_them(make_board, tmp_path):
    lines = "".join(f"int wrong{index} = missing{index};\n" for index in range(15))
    (tmp_path / "part.c").write_text(lines)
    with pytest.raises(ToolError) as caught:
        find_toolchain("zig").compile(
            "part.c", core_of(make_board("flash", "sram")), folder=tmp_path, log=tmp_path / "log"
        )
    shown = str(caught.value)
    assert "zig cc on part.c failed" in shown
    assert "missing14" in shown
    assert "missing0'" not in shown
    assert str(tmp_path / "log") in shown
    assert "missing0'" in (tmp_path / "log").read_text()


def test_a_compiler_that_cannot_be_started_is_reported(make_board, tmp_path):
    gcc = GccToolchain(str(tmp_path / "none"))
    with pytest.raises(ToolError, match="cannot be started"):
        gcc.compile("part.c", core_of(make_board("flash", "sram")), folder=tmp_path, log=tmp_path / "log")
    with pytest.raises(MissingError, match="does not run"):
        _ = gcc.description
