"""Show that a firmware runs, repeats itself and reports its stack; outputs are checked against Python's arithmetic."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from zoo_core.errors import UserError
from zoo_stm32.artifacts import FirmwareImage
from zoo_stm32.boards import Board, Memory
from zoo_stm32.emulator import EmulationError, FaultKind, Machine

Build = Callable[..., FirmwareImage]
CORES = ("cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")


def truncated(numerator: int, denominator: int) -> int:
    """Divide as C does: towards zero."""
    return abs(numerator) // abs(denominator) * (1 if (numerator < 0) == (denominator < 0) else -1)


def expected(values: np.ndarray) -> tuple[list[int], list[int]]:
    scaled = [max(-128, min(127, int(value) * 2 - 3)) for value in values.reshape(-1)]
    sums = [sum(scaled[12 * i : 12 * i + 12]) for i in range(4)]
    second = [truncated(sums[i] * 1000003, scaled[i] + 200) for i in range(4)]
    second[3] += 77
    return [truncated(total, 12) for total in sums], second


def image_values(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 127, 48).astype(np.int8)


def orders(how: int, amount: int = 0) -> bytes:
    """Return an input that makes the firmware misbehave."""
    return bytes([127, how, amount, *[0] * 45])


@pytest.mark.parametrize("core", CORES)
def test_outputs_are_those_of_the_arithmetic(build: Build, core: str) -> None:
    machine = Machine(build(core))
    for seed in range(3):
        values = image_values(seed)
        outputs = machine.run([values.tobytes()]).outputs
        first, second = expected(values)
        assert np.frombuffer(outputs[0], np.int8).tolist() == first
        assert np.frombuffer(outputs[1], np.int32).tolist() == second


def test_runs_do_not_influence_each_other(build: Build) -> None:
    machine = Machine(build())
    one, other = image_values(1).tobytes(), image_values(2).tobytes()
    before = machine.run([one]).outputs
    assert machine.run([other]).outputs != before
    assert machine.run([one]).outputs == before


@pytest.mark.parametrize(("core", "stand_in"), [("cortex-m55", "Cortex-M33"), ("cortex-m0plus", "Cortex-M0")])
def test_a_stand_in_is_named(build: Build, core: str, stand_in: str) -> None:
    (note,) = Machine(build(core)).notes
    assert core in note
    assert stand_in in note
    assert not Machine(build("cortex-m7")).notes


def test_an_unknown_core_is_refused(build: Build) -> None:
    image = build()
    with pytest.raises(UserError, match="cortex-a7") as caught:
        Machine(replace(image, board=replace(image.board, core="cortex-a7")))
    assert "cortex-m33" in str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([], "takes 1 input .image.; found 0"),
        ([b"", b""], "found 2"),
        ([bytes(47)], r"Input image takes 48 bytes \(int8 1x3x4x4\); found 47 bytes"),
    ],
)
def test_wrong_inputs_are_refused_before_the_run(build: Build, inputs: list[bytes], said: str) -> None:
    machine = Machine(build())
    with pytest.raises(UserError, match=said):
        machine.run(inputs)
    assert machine.run([bytes(48)]).outputs


@pytest.mark.parametrize("steps", [5, 10, 60])
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m7"])
def test_stack_mark_is_where_the_stack_pointer_was(build: Build, core: str, steps: int) -> None:
    """The firmware itself compares its stack pointer with _estack and adds what it saw to an output."""
    execution = Machine(build(core)).run([orders(15, steps)])
    without = expected(np.frombuffer(orders(15, steps), np.int8))[1][3]
    assert execution.stack_bytes == int(np.frombuffer(execution.outputs[1], np.int32)[3]) - without
    assert execution.stack_bytes >= 40 * steps


def test_stack_mark_is_the_highest_since_the_reset(build: Build) -> None:
    machine = Machine(build())
    calm = machine.run([bytes(48)]).stack_bytes
    deep = machine.run([orders(15, 60)]).stack_bytes
    assert 0 < calm < deep < 0x1000
    assert machine.run([bytes(48)]).stack_bytes == deep


def test_a_stack_used_to_the_last_word_is_an_overflow(build: Build) -> None:
    """Below the stack lies 1 KiB of RAM here, so nothing but the mark shows that the frames are too many."""
    machine = Machine(build())
    shallow, deep = (machine.run([orders(15, steps)]).stack_bytes for steps in (10, 20))
    too_many = 20 + (0x1000 - deep) // ((deep - shallow) // 10) + 2
    with pytest.raises(EmulationError, match=r"used up its stack of 4,096 bytes.*0x2400_0400 \(_sstack") as caught:
        machine.run([orders(15, too_many)])
    assert caught.value.kind is FaultKind.STACK_OVERFLOW
    assert machine.run([bytes(48)]).stack_bytes < 0x1000


def test_an_endless_loop_ends_with_the_time_limit(build: Build) -> None:
    machine = Machine(build())
    started = time.perf_counter()
    with pytest.raises(EmulationError, match=r"still running after 0\.3 s") as caught:
        machine.run([orders(5)], timeout_s=0.3)
    assert time.perf_counter() - started < 5
    assert caught.value.kind is FaultKind.TIMEOUT
    assert "misbehave+0x" in str(caught.value)
    values = image_values(4)
    assert np.frombuffer(machine.run([values.tobytes()]).outputs[0], np.int8).tolist() == expected(values)[0]


def test_a_run_can_be_interrupted_from_another_thread(build: Build) -> None:
    machine = Machine(build())
    timer = threading.Timer(0.3, machine.interrupt)
    timer.start()
    with pytest.raises(EmulationError) as caught:
        machine.run([orders(5)], timeout_s=60)
    timer.join()
    assert caught.value.kind is FaultKind.INTERRUPTED


def test_ctrl_c_ends_a_run(build: Build) -> None:
    machine = Machine(build())
    timer = threading.Timer(0.3, _thread.interrupt_main)
    timer.start()
    started = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        machine.run([orders(5)], timeout_s=60)
    timer.join()
    assert time.perf_counter() - started < 10
    assert machine.run([bytes(48)]).outputs


def test_memories_that_are_no_whole_pages_or_touch_are_mapped(build: Build) -> None:
    image = build()
    flash, ram = image.board.memories
    odd = (
        flash,
        ram,
        Memory(name="tail", kind="ram", origin=ram.origin + ram.size, size=6 << 10),
        Memory(name="alias", kind="ram", origin=ram.origin, size=ram.size),
        Memory(name="external", kind="flash", origin=0x9000_0000, size=64 << 20, external=True),
    )
    machine = Machine(replace(image, board=replace(image.board, memories=odd)))
    assert machine.run([orders(2)]).outputs  # writes behind the end of the first memory


def test_a_file_that_is_no_firmware_is_refused(build: Build, tmp_path) -> None:
    image = build()
    text = tmp_path / "text.elf"
    text.write_text("no ELF file")
    for path in (text, tmp_path / "absent.elf"):
        with pytest.raises(EmulationError, match=path.name) as caught:
            Machine(replace(image, elf=path))
        assert caught.value.kind is FaultKind.IMAGE


def test_a_firmware_for_another_board_is_refused(build: Build) -> None:
    image = build()
    flash, ram = image.board.memories
    other: Board = replace(image.board, name="OTHER", memories=(flash, replace(ram, origin=0x2000_0000)))
    with pytest.raises(EmulationError, match="does not fit into the memories of OTHER"):
        Machine(replace(image, board=other))


def test_a_missing_symbol_is_named(build: Build) -> None:
    image = build()
    with pytest.raises(EmulationError, match="no symbol zoo_input_1"):
        Machine(replace(image, inputs=image.inputs * 2))
    with pytest.raises(EmulationError, match="no symbol layer_absent"):
        Machine(replace(image, functions=("layer_absent",)), count=True)


def test_a_vector_table_elsewhere_is_refused(build: Build) -> None:
    image = build()
    flash = image.placement.code
    moved = replace(image.placement, code=replace(flash, origin=flash.origin + 0x100))
    with pytest.raises(EmulationError, match="no usable vector table at the start of flash"):
        Machine(replace(image, placement=moved))
