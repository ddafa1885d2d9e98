"""Show that the native counter counts every instruction: compared with a trace of single instructions."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import unicorn
from elftools.elf.elffile import ELFFile
from unicorn import arm_const, unicorn_const

from zoo_stm32.artifacts import FirmwareImage
from zoo_stm32.emulator import Machine, native_hook, qemu_board
from zoo_stm32.emulator.elf import read_firmware
from zoo_stm32.emulator.native_hook import HookUnavailableError
from zoo_stm32.emulator.qemu import find_machine, find_qemu, qemu_command

Build = Callable[..., FirmwareImage]
CONTENT = np.random.default_rng(5).integers(-128, 127, 48).astype(np.int8).tobytes()
MODELS = {
    "cortex-m0": arm_const.UC_CPU_ARM_CORTEX_M0,
    "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
    "cortex-m7": arm_const.UC_CPU_ARM_CORTEX_M7,
    "cortex-m33": arm_const.UC_CPU_ARM_CORTEX_M33,
}


def instruction_bytes(halfword: int) -> int:
    """Return the length of a Thumb instruction; Armv7-M Architecture Reference Manual A5.1."""
    return 4 if halfword >> 11 in (0b11101, 0b11110, 0b11111) else 2


class Trace:
    """Count one inference with a hook of every instruction, and functions from their entry to their return address.

    unicorn leaves the hook out for instructions of an IT block whose condition is false. A core takes them as it does
    a NOP, so the whole block is counted when its IT instruction is met.
    """

    def __init__(self, image: FirmwareImage) -> None:
        with image.elf.open("rb") as stream:
            elf = ELFFile(stream)
            segments = [(s["p_paddr"], s.data()) for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"]
            self.symbols = {s.name: s["st_value"] & ~1 for s in elf.get_section_by_name(".symtab").iter_symbols()}
        self.uc = unicorn.Uc(unicorn_const.UC_ARCH_ARM, unicorn_const.UC_MODE_THUMB)
        self.uc.ctl_set_cpu_model(MODELS[image.board.core])
        for memory in image.board.memories:
            self.uc.mem_map(memory.origin, memory.size)
        self.uc.mem_map(0xE000_E000, 0x1000)
        for address, content in segments:
            self.uc.mem_write(address, content)
        self.watched = {self.symbols[name]: name for name in ("zoo_network_run", *image.functions)}
        self.counts = dict.fromkeys(self.watched.values(), 0)
        self.returns: dict[str, int] = {}
        self.block: set[int] = set()
        self.uc.hook_add(unicorn_const.UC_HOOK_CODE, self.step)
        self.uc.hook_add(unicorn_const.UC_HOOK_INTR, lambda uc, _number, _data: uc.emu_stop())
        pointer, self.at = (
            int.from_bytes(self.uc.mem_read(image.board.memories[0].origin + i, 4), "little") for i in (0, 4)
        )
        self.uc.reg_write(arm_const.UC_ARM_REG_SP, pointer)
        self.go()

    def go(self) -> None:
        self.uc.emu_start(self.at | 1, 0xFFFF_FFFF)
        self.at = self.uc.reg_read(arm_const.UC_ARM_REG_PC) + 2

    def step(self, uc: unicorn.Uc, address: int, _size: int, _data: object) -> None:
        for name in [name for name, back in self.returns.items() if back == address]:
            del self.returns[name]
        if address in self.watched:
            self.returns[self.watched[address]] = uc.reg_read(arm_const.UC_ARM_REG_LR) & ~1
        if address in self.block:
            self.block.remove(address)
            return
        self.block = self.it_block(address)
        for name in self.returns:
            self.counts[name] += 1 + len(self.block)

    def it_block(self, address: int) -> set[int]:
        """Return the addresses of the instructions that an IT instruction makes conditional; A7.7.38."""
        first = int.from_bytes(self.uc.mem_read(address, 2), "little")
        mask = first & 0xF
        if first >> 8 != 0xBF or not mask:
            return set()
        places = [address + 2]
        for _ in range(4 - (mask & -mask).bit_length()):
            halfword = int.from_bytes(self.uc.mem_read(places[-1], 2), "little")
            places.append(places[-1] + instruction_bytes(halfword))
        return set(places)

    def run(self, content: bytes) -> dict[str, int]:
        self.uc.mem_write(self.symbols["zoo_input_0"], content)
        self.go()
        return self.counts


@pytest.mark.parametrize("core", MODELS)
def test_count_equals_a_trace_of_single_instructions(build: Build, core: str) -> None:
    image = build(core)
    trace = Trace(image).run(CONTENT)
    machine = Machine(image, count=True)
    execution = machine.run([CONTENT])
    assert machine.notes == ()
    assert execution.instructions == trace["zoo_network_run"]
    assert execution.layer_instructions == {name: trace[name] for name in image.functions}
    assert execution.layer_instructions["layer_scale"] > 2700  # the straight piece alone


@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="qemu-system-arm is not installed")
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7", "cortex-m33"])
def test_count_equals_the_single_steps_of_qemu(build: Build, core: str, tmp_path: Path) -> None:
    image, log = build(board=qemu_board(core), semihosting=True), tmp_path / "log"
    (tmp_path / "zoo_input_0.bin").write_bytes(CONTENT)
    command = qemu_command(find_qemu(), find_machine(core), image.elf)
    steps = ["-singlestep", "-d", "exec,nochain", "-D", str(log)]
    subprocess.run([*command, *steps], cwd=tmp_path, check=True, timeout=60)
    places = [int(place, 16) for place in re.findall(r"\[[0-9a-f]+/([0-9a-f]+)/", log.read_text())]
    firmware = read_firmware(image.elf)
    functions = [firmware.place(place).partition("+")[0] for place in places]
    start = functions.index("zoo_network_run")
    end = functions.index(functions[start - 1], start)
    assert end - start == Machine(build(core), count=True).run([CONTENT]).instructions


def test_library_code_counts_for_the_layer_that_calls_it(build: Build) -> None:
    """A Cortex-M0 divides 64-bit numbers in software, which takes more the more bits the quotient has."""
    machine = Machine(build("cortex-m0"), count=True)
    small = machine.run([bytes([2] * 48)]).layer_instructions
    large = machine.run([bytes([60] * 48)]).layer_instructions
    assert large["layer_scale"] == small["layer_scale"]
    assert large["layer_sum"] != small["layer_sum"]


def test_counts_start_anew_with_each_run_and_after_a_fault(build: Build) -> None:
    machine = Machine(build(), count=True)
    first = machine.run([bytes(48)])
    assert machine.run([bytes(48)]).layer_instructions == first.layer_instructions
    with pytest.raises(Exception, match="undefined"):
        machine.run([bytes([127, 4, *[0] * 46])])
    assert machine.run([bytes(48)]).instructions == first.instructions


def test_layers_and_the_network_itself_add_up(build: Build) -> None:
    execution = Machine(build(), count=True).run([bytes(48)])
    own = execution.instructions - sum(execution.layer_instructions.values())
    assert 5 < own < 40


def test_nothing_is_counted_unless_asked_for(build: Build) -> None:
    execution = Machine(build()).run([bytes(48)])
    assert execution.instructions is None
    assert execution.layer_instructions == {}


def test_without_unicorns_internals_a_note_says_so(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_hook, "_unicorn_library", lambda: None)
    machine = Machine(build(), count=True)
    execution = machine.run([bytes(48)])
    assert execution.instructions is None
    assert execution.layer_instructions == {}
    assert execution.outputs == Machine(build()).run([bytes(48)]).outputs
    assert len(machine.notes) == 1
    assert "Instructions were not counted: unicorn 2" in machine.notes[0]


def test_without_a_compiler_a_note_says_so(build: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "error: no such target\nmore")

    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    monkeypatch.setattr(native_hook.subprocess, "run", fail)
    machine = Machine(build(), count=True)
    assert machine.run([bytes(48)]).instructions is None
    assert "could not be compiled: error: no such target" in machine.notes[0]


def test_the_counter_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "new" / "folder"
    library = native_hook.compile_counter(folder)
    assert hasattr(ctypes.CDLL(str(library)), "zoo_count_block")
    monkeypatch.setattr(native_hook, "_compile", lambda *_: pytest.fail("compiled again"))
    assert native_hook.compile_counter(folder) == library
    assert list(folder.iterdir()) == [library]


def test_a_folder_that_cannot_be_written_is_a_note(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("")
    with pytest.raises(HookUnavailableError, match="cannot be written"):
        native_hook.compile_counter(occupied / "below")


def test_a_damaged_library_is_made_anew(build: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    library = native_hook.compile_counter(tmp_path / "emulator")
    library.write_bytes(b"damaged")
    machine = Machine(build(), count=True)
    assert machine.run([bytes(48)]).instructions is None
    assert "cannot be loaded" in machine.notes[0]
    assert Machine(build(), count=True).run([bytes(48)]).instructions
