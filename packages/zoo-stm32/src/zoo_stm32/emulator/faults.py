"""Own the wording of faults: what happened, at which instruction, where the touched address lies, the likely cause."""

from __future__ import annotations

from dataclasses import dataclass

from unicorn import unicorn_const

from zoo_stm32.boards import Board
from zoo_stm32.emulator.elf import FirmwareFile
from zoo_stm32.emulator.engine import (
    EXCEPTION_BREAKPOINT,
    EXCEPTION_NO_COPROCESSOR,
    EXCEPTION_PREFETCH_ABORT,
    EXCEPTION_RETURN,
    EXCEPTION_SUPERVISOR_CALL,
    Stop,
)
from zoo_stm32.emulator.errors import EmulationError, FaultKind
from zoo_stm32.emulator.fault_status import FaultStatus
from zoo_stm32.emulator.memory import PAGE, PERIPHERALS, count_bytes, describe_address, find_memory, hex_address
from zoo_stm32.emulator.stack import Stack

HANDLER_BREAKPOINT = 255
SEMIHOSTING_BREAKPOINT = 0xAB
EXCEPTION_RETURNS = 0xFF00_0000
"""Addresses from here on are values that end an exception, no code; Armv7-M Architecture Reference Manual B1.5.8."""
LARGEST_PUSH = 128
"""Bytes that one instruction can put onto the stack: `vpush` with 32 registers."""
ACCESS_KINDS = {
    unicorn_const.UC_MEM_READ_UNMAPPED: FaultKind.READ_UNMAPPED,
    unicorn_const.UC_MEM_WRITE_UNMAPPED: FaultKind.WRITE_UNMAPPED,
    unicorn_const.UC_MEM_FETCH_UNMAPPED: FaultKind.FETCH_UNMAPPED,
    unicorn_const.UC_MEM_WRITE_PROT: FaultKind.WRITE_FLASH,
    unicorn_const.UC_MEM_READ_PROT: FaultKind.READ_UNMAPPED,
    unicorn_const.UC_MEM_FETCH_PROT: FaultKind.FETCH_UNMAPPED,
}
REPORT = "If zoo built this firmware, this is a mistake of zoo; report it with the model."


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultScene:
    """Hold what is known about a firmware that stopped where it should not."""

    firmware: FirmwareFile
    board: Board
    stack: Stack
    stop: Stop
    expected: str
    """What should have happened, such as `the end of the inference (bkpt 2)`."""
    seconds: float
    """Time limit of the run."""
    status: FaultStatus
    core_limit: str
    """What the emulated core cannot do that the board's can."""


def explain(scene: FaultScene) -> EmulationError:
    """Return the error that describes a fault to a user."""
    kind = classify(scene)
    title = f"The firmware for {scene.board.name} did not reach {scene.expected}: {_happening(kind, scene)}."
    lines = [title, f"  at: {_instruction(scene)}"]
    if scene.stop.access is not None:
        lines.append(f"  touched: {describe_address(scene.board, scene.stop.access.address)}")
    lines.append(f"  stack: {_stack(scene)}")
    if scene.status.text:
        lines.append(f"  status registers: {scene.status.text}")
    return EmulationError("\n".join(lines), kind=kind, hint=f"Likely cause: {_cause(kind, scene)}")


def explain_used_up(firmware: FirmwareFile, board: Board, stack: Stack) -> EmulationError:
    """Return the error for a stack that was written down to its lowest word in a run that seemed to end well."""
    return EmulationError(
        f"The firmware for {board.name} used up its stack of {count_bytes(stack.size)}: "
        f"the lowest word, at {hex_address(stack.bottom)} (_sstack in {firmware.path.name}), was overwritten.",
        kind=FaultKind.STACK_OVERFLOW,
        hint="What lies below may be overwritten too, so the outputs are not used. Reserve more stack.",
    )


def classify(scene: FaultScene) -> FaultKind:
    """Return the kind of a fault."""
    stop = scene.stop
    if stop.interrupted:
        return FaultKind.INTERRUPTED
    if _overflowed(scene):
        return FaultKind.STACK_OVERFLOW
    if stop.timed_out:
        return FaultKind.TIMEOUT
    if stop.access is not None and stop.error:
        return _refused(scene)
    if stop.error:
        return FaultKind.UNDEFINED if stop.thumb else FaultKind.NO_THUMB
    return _raised(stop)


def _overflowed(scene: FaultScene) -> bool:
    """Tell whether the stack pointer is below the stack, or an instruction that failed would have brought it there."""
    stop, bottom = scene.stop, scene.stack.bottom
    pushed = stop.access is not None and stop.sp - LARGEST_PUSH <= stop.access.address < min(bottom, stop.sp)
    return stop.sp < bottom or pushed


def _raised(stop: Stop) -> FaultKind:
    """Return the kind of what the processor raised, or of a stop for which it raised nothing."""
    if stop.exception is None:
        return FaultKind.HALTED
    if stop.exception == EXCEPTION_NO_COPROCESSOR:
        return FaultKind.UNDEFINED
    if stop.breakpoint == HANDLER_BREAKPOINT:
        return FaultKind.HANDLER
    if stop.pc >= EXCEPTION_RETURNS or stop.exception in (EXCEPTION_PREFETCH_ABORT, EXCEPTION_RETURN):
        return FaultKind.FETCH_UNMAPPED
    return FaultKind.BREAKPOINT if stop.exception == EXCEPTION_BREAKPOINT else FaultKind.EXCEPTION


def _refused(scene: FaultScene) -> FaultKind:
    access = scene.stop.access
    return FaultKind.EXCEPTION if access is None else ACCESS_KINDS.get(access.kind, FaultKind.EXCEPTION)


def _happening(kind: FaultKind, scene: FaultScene) -> str:
    stop = scene.stop
    size = f" ({count_bytes(stop.access.size)})" if stop.access is not None else ""
    access = f" ({_refused(scene)})" if stop.access is not None else ""
    call = stop.exception == EXCEPTION_SUPERVISOR_CALL
    texts = {
        FaultKind.TIMEOUT: f"it was still running after {scene.seconds:g} s",
        FaultKind.INTERRUPTED: "it was interrupted",
        FaultKind.STACK_OVERFLOW: f"{kind}{access}",
        FaultKind.BREAKPOINT: f"{kind} bkpt {stop.breakpoint}",
        FaultKind.EXCEPTION: "supervisor call (svc)" if call else f"{kind} (number {stop.exception} of the emulator)",
        FaultKind.FETCH_UNMAPPED: str(kind),
    }
    return texts.get(kind, f"{kind}{size}")


def _instruction(scene: FaultScene) -> str:
    stop = scene.stop
    code = " ".join(f"{halfword:04x}" for halfword in stop.halfwords) or "unreadable"
    place = f"{hex_address(stop.pc)} in {scene.firmware.place(stop.pc)}, halfwords {code}"
    if scene.firmware.place(stop.pc) == "no function":
        place += f"; return address {hex_address(stop.lr & ~1)} in {scene.firmware.place(stop.lr & ~1)}"
    return place


def _stack(scene: FaultScene) -> str:
    stack, pointer = scene.stack, scene.stop.sp
    if pointer < stack.bottom:
        return (
            f"the pointer {hex_address(pointer)} is {count_bytes(stack.bottom - pointer)} below the lowest address "
            f"reserved for it ({hex_address(stack.bottom)}, _sstack)"
        )
    return f"{count_bytes(max(stack.top - pointer, 0))} of {stack.size:,} in use"


def _cause(kind: FaultKind, scene: FaultScene) -> str:
    """Return one or two sentences: what probably led here and what to do."""
    if kind in (FaultKind.READ_UNMAPPED, FaultKind.WRITE_UNMAPPED, FaultKind.FETCH_UNMAPPED, FaultKind.WRITE_FLASH):
        return _cause_of_access(kind, scene)
    if kind is FaultKind.UNDEFINED:
        return _cause_of_undefined(scene)
    if kind is FaultKind.BREAKPOINT and scene.stop.breakpoint == SEMIHOSTING_BREAKPOINT:
        return "the firmware was built for semihosting; build it for the emulator, or run it on QEMU."
    causes = {
        FaultKind.STACK_OVERFLOW: f"functions need more than {count_bytes(scene.stack.size)} of stack, or one calls "
        "itself without end. Reserve more stack.",
        FaultKind.TIMEOUT: "an endless loop, or a network that takes longer than the limit. Where it stood is above; "
        "allow more time if that is a layer that works.",
        FaultKind.INTERRUPTED: "the run was stopped from outside.",
        FaultKind.NO_THUMB: f"a function pointer without the Thumb bit, or one that was overwritten. {REPORT}",
        FaultKind.HANDLER: _cause_of_handler(scene),
        FaultKind.HALTED: "the firmware waits for an interrupt (wfi, wfe), and the emulator has none.",
        FaultKind.BREAKPOINT: f"a trap that the compiler put where no code should get to, or a breakpoint left in "
        f"the source. {REPORT}",
        FaultKind.EXCEPTION: "the firmware expects an operating system or a debugger, and there is none.",
    }
    return causes[kind]


def _cause_of_access(kind: FaultKind, scene: FaultScene) -> str:
    address = scene.stop.access.address if scene.stop.access is not None else scene.stop.pc
    if kind is FaultKind.WRITE_FLASH:
        return f"a constant is written to, or a pointer is wrong. {REPORT}"
    if kind is FaultKind.FETCH_UNMAPPED:
        return f"a function pointer or a return address on the stack was overwritten. {REPORT}"
    if address < PAGE and find_memory(scene.board, address) is None:
        return f"a pointer that is null. {REPORT}"
    if PERIPHERALS[0] <= address < PERIPHERALS[1]:
        return "the firmware uses a peripheral. Leave the set-up of clocks, pins and memories out of this build."
    if any(memory.origin <= address < memory.origin + 2 * memory.size for memory in scene.board.memories):
        return f"an index or a size is too large, so that code runs past the end of a buffer. {REPORT}"
    return f"a pointer that was never set or was overwritten. {REPORT}"


def _cause_of_handler(scene: FaultScene) -> str:
    if scene.firmware.place(scene.stop.pc).startswith("main+"):
        return f"zoo_model_init or zoo_model_run refused to work and returned an error. {REPORT}"
    return f"a fault, or an interrupt that has no handler of its own. {REPORT}"


def _cause_of_undefined(scene: FaultScene) -> str:
    if find_memory(scene.board, scene.stop.pc) is not None and scene.firmware.place(scene.stop.pc) == "no function":
        return f"a jump to data: a function pointer or a return address was overwritten. {REPORT}"
    if scene.core_limit:
        return f"the code uses what the emulated core lacks: {scene.core_limit}. Build without it for the emulator."
    return (
        f"the code was compiled for another core or FPU than the board's ({scene.board.core}, FPU {scene.board.fpu}); "
        "build it for that one."
    )
