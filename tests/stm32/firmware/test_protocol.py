"""Own the tests that run built firmware on an emulated core, by the breakpoints and calls that it is driven with."""

from __future__ import annotations

import struct
from typing import ClassVar

import numpy as np
import pytest
import unicorn
from elftools.elf.elffile import ELFFile
from unicorn import arm_const

from zoo_stm32.boards import KIB
from zoo_stm32.firmware import build, find_toolchain

READY, DONE, SEMIHOSTING = 0xBE01, 0xBE02, 0xBEAB
OPEN, WRITE, READ, EXIT = 0x01, 0x05, 0x06, 0x18


class Core:
    """Emulate a core with the memories of the firmware's board."""

    MODELS: ClassVar = {
        "cortex-m0": arm_const.UC_CPU_ARM_CORTEX_M0,
        "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
        "cortex-m7": arm_const.UC_CPU_ARM_CORTEX_M7,
    }

    def __init__(self, image):
        # With UC_MODE_MCLASS unicorn takes its Cortex-M33, whatever model is chosen.
        self.uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
        self.uc.ctl_set_cpu_model(self.MODELS[image.board.core])
        for memory in image.board.memories:
            self.uc.mem_map(memory.origin, memory.size)
        self.uc.mem_map(0xE000E000, 0x1000)
        with image.elf.open("rb") as stream:
            elf = ELFFile(stream)
            for part in elf.iter_segments():
                if part["p_type"] == "PT_LOAD" and part["p_filesz"]:
                    self.uc.mem_write(part["p_paddr"], part.data())
            self.symbols = {one.name: one["st_value"] for one in elf.get_section_by_name(".symtab").iter_symbols()}
        stack, self.pc = struct.unpack("<II", self.uc.mem_read(image.placement.code.origin, 8))
        assert stack == self.symbols["_estack"]
        self.uc.reg_write(arm_const.UC_ARM_REG_SP, stack)
        self.uc.hook_add(unicorn.UC_HOOK_INTR, lambda uc, number, data: uc.emu_stop())

    def run(self):
        """Run to the next breakpoint and return it."""
        self.uc.emu_start(self.pc | 1, 0xFFFFFFFF)
        at = self.uc.reg_read(arm_const.UC_ARM_REG_PC)
        self.pc = at + 2
        return struct.unpack("<H", self.uc.mem_read(at, 2))[0]

    def serve(self, files):
        """Answer semihosting calls on files that are held here, and return the reason of the exit."""
        handles = []
        while self.run() == SEMIHOSTING:
            call = self.uc.reg_read(arm_const.UC_ARM_REG_R0)
            block = self.uc.reg_read(arm_const.UC_ARM_REG_R1)
            if call == EXIT:
                return block
            self.uc.reg_write(arm_const.UC_ARM_REG_R0, self.answer(call, block, files, handles) & 0xFFFFFFFF)
        raise AssertionError("another breakpoint than semihosting")

    def answer(self, call, block, files, handles):
        first, second, third = struct.unpack("<III", self.uc.mem_read(block, 12))
        if call == OPEN:
            name = self.uc.mem_read(first, third).decode()
            if second == 5:
                files[name] = b""
            handles.append(name)
            return len(handles) if name in files else -1
        if call == READ:
            content = files[handles[first - 1]][:third]
            self.uc.mem_write(second, content)
            return third - len(content)
        if call == WRITE:
            files[handles[first - 1]] += bytes(self.uc.mem_read(second, third))
        return 0


@pytest.fixture
def make_core(make_network, make_board, tmp_path, silent):
    def make(application, core="cortex-m7", fpu="single"):
        board, toolchain = make_board("flash", "sram", core=core, fpu=fpu), find_toolchain("zig")
        image = build(make_network(), board, tmp_path, toolchain=toolchain, progress=silent, application=application)
        return Core(image)

    return make


@pytest.mark.parametrize(
    "core",
    [
        ("cortex-m7", "single"),
        ("cortex-m4", "none"),
        pytest.param(("cortex-m0", "none"), marks=pytest.mark.slow),
        pytest.param(("cortex-m4", "single"), marks=pytest.mark.slow),
        pytest.param(("cortex-m7", "double"), marks=pytest.mark.slow),
    ],
)
def test_the_firmware_stops_for_inputs_and_with_outputs_run_after_run(make_core, compute, core):
    core, generator = make_core("emulator", *core), np.random.default_rng(0)
    for _ in range(20):
        x = generator.integers(-128, 128, 8).astype(np.int8)
        assert core.run() == READY
        core.uc.mem_write(core.symbols["zoo_input_0"], x.tobytes())
        assert core.run() == DONE
        found = np.frombuffer(core.uc.mem_read(core.symbols["zoo_output_0"], 3), np.int8)
        assert found.tolist() == compute(x).tolist()


def test_a_stack_that_overflows_faults_instead_of_overwriting_variables(make_core):
    core = make_core("emulator")
    assert core.run() == READY
    core.uc.reg_write(arm_const.UC_ARM_REG_SP, core.symbols["_sstack"])
    with pytest.raises(unicorn.UcError):
        core.run()


def test_tensors_move_through_files_by_semihosting(make_core, compute):
    core, x = make_core("semihosting"), np.array([5, -7, 100, -128, 127, 0, 1, -1], np.int8)
    files = {"zoo_input_0.bin": x.tobytes()}
    assert core.serve(files) == 0x20026
    assert files["zoo_output_0.bin"] == compute(x).tobytes()
    assert 0 < struct.unpack("<I", files["zoo_stack.bin"])[0] < KIB


@pytest.mark.parametrize("files", [{}, {"zoo_input_0.bin": bytes(7)}])
def test_an_input_file_that_is_absent_or_short_ends_in_an_error(make_core, files):
    assert make_core("semihosting").serve(files) == 0x20023
    assert "zoo_output_0.bin" not in files
