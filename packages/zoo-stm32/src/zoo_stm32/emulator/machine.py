"""Own the protocol between host and firmware: boot, put inputs in, run to the end, take outputs and figures out."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import unicorn

from zoo_stm32.artifacts import Execution, FirmwareImage, IoTensor
from zoo_stm32.emulator.cores import find_core
from zoo_stm32.emulator.counting import Counter
from zoo_stm32.emulator.elf import read_firmware
from zoo_stm32.emulator.engine import Engine, Stop
from zoo_stm32.emulator.errors import EmulationError, FaultKind
from zoo_stm32.emulator.fault_status import CFSR_ADDRESS, REGISTER_BYTES, read_status
from zoo_stm32.emulator.faults import FaultScene, explain, explain_used_up
from zoo_stm32.emulator.inputs import check_inputs
from zoo_stm32.emulator.memory import count_bytes, describe_address
from zoo_stm32.emulator.stack import find_stack

READY = 1
DONE = 2
BOOT_TIMEOUT_S = 30.0
TIMEOUT_S = 600.0
BREAKPOINT_BYTES = 2
WORD = 4
MEANING = {READY: "the point where it waits for inputs", DONE: "the end of the inference"}


class Machine:
    """Run a firmware on an emulated core, as often as wanted; one thread at a time.

    `notes` says which processor model stands in for the board's core and why instructions are not counted, if so.

    Raises:
        EmulationError: When the firmware cannot be loaded or does not boot.
        UserError: When no processor model runs the code of the board's core.
    """

    def __init__(self, image: FirmwareImage, *, count: bool = False) -> None:
        self.image = image
        self._core = find_core(image.board.core, image.board.fpu)
        self._firmware = read_firmware(image.elf)
        self._stack = find_stack(self._firmware)
        self._inputs = self._addresses("input", image.inputs)
        self._outputs = self._addresses("output", image.outputs)
        self._counter = Counter(self._firmware, image.functions) if count else None
        self._pc = 0
        self._engine = self._boot()
        self._ready = True

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the figures should know."""
        counting = self._counter.note if self._counter is not None else ""
        return tuple(note for note in (self._core.note, counting) if note)

    def run(self, inputs: Sequence[bytes], *, timeout_s: float = TIMEOUT_S) -> Execution:
        """Run one inference: stored values of each input, as little-endian bytes in the order of the network.

        After an error the machine boots anew with the next call.

        Raises:
            UserError: When number or sizes of the inputs are not those of the network.
            EmulationError: When the firmware fails or takes longer than `timeout_s` seconds.
        """
        check_inputs(self.image, inputs)
        if not self._ready:
            self._engine = self._boot()
        self._ready = False
        for address, content in zip(self._inputs, inputs, strict=True):
            self._engine.write(address, bytes(content))
        if self._counter is not None:
            self._counter.reset()
        started = perf_counter()
        self._run_to(DONE, timeout_s)
        seconds = perf_counter() - started
        used = self._stack_used()
        outputs = tuple(
            self._engine.read(address, tensor.bytes)
            for address, tensor in zip(self._outputs, self.image.outputs, strict=True)
        )
        execution = Execution(
            outputs=outputs,
            instructions=self._counter.total() if self._counter is not None else None,
            layer_instructions=self._counter.by_function() if self._counter is not None else {},
            stack_bytes=used,
            seconds=seconds,
        )
        self._run_to(READY, BOOT_TIMEOUT_S)
        self._ready = True
        return execution

    def interrupt(self) -> None:
        """Make a run that goes on in another thread end with an error."""
        self._engine.interrupt()

    def _boot(self) -> Engine:
        """Reset the processor, with memories as after programming, and run to the point where it waits for inputs."""
        self._engine = engine = Engine(self.image.board, self._core)
        for segment in self._firmware.segments:
            self._load(engine, segment.address, segment.content, "a part of the firmware")
        self._load(engine, self._stack.bottom, self._stack.paint(), "the stack")
        if self._counter is not None:
            self._counter.install(engine.uc)
        vectors = engine.read(self.image.placement.code.origin, 2 * WORD)
        pointer, reset = int.from_bytes(vectors[:WORD], "little"), int.from_bytes(vectors[WORD:], "little")
        if pointer != self._stack.top or not reset & 1:
            raise EmulationError(
                f"{self._firmware.path} has no usable vector table at the start of {self.image.placement.code.name}: "
                f"stack pointer {pointer:#010x} (expected {self._stack.top:#010x}, _estack), reset {reset:#010x} "
                "(expected an odd address of code).",
                kind=FaultKind.IMAGE,
                hint="The linker script must put the vector table first in the memory of the code.",
            )
        engine.set_stack_pointer(pointer)
        self._pc = reset - BREAKPOINT_BYTES
        self._run_to(READY, BOOT_TIMEOUT_S)
        return engine

    def _run_to(self, breakpoint_number: int, timeout_s: float) -> None:
        """Go on behind the breakpoint where the processor stands until it reaches another one."""
        stop = self._engine.run(self._pc + BREAKPOINT_BYTES, timeout_s=timeout_s)
        if stop.breakpoint != breakpoint_number or stop.interrupted or stop.timed_out:
            raise explain(self._scene(stop, breakpoint_number, timeout_s))
        self._pc = stop.pc

    def _scene(self, stop: Stop, expected: int, timeout_s: float) -> FaultScene:
        return FaultScene(
            firmware=self._firmware,
            board=self.image.board,
            stack=self._stack,
            stop=stop,
            expected=f"{MEANING[expected]} (bkpt {expected})",
            seconds=timeout_s,
            status=read_status(self._engine.read(CFSR_ADDRESS, 2 * REGISTER_BYTES)),
            core_limit=self._core.limit,
        )

    def _stack_used(self) -> int:
        used = self._stack.used(self._engine.read(self._stack.bottom, self._stack.size))
        if used == self._stack.size:
            raise explain_used_up(self._firmware, self.image.board, self._stack)
        return used

    def _addresses(self, direction: str, tensors: tuple[IoTensor, ...]) -> tuple[int, ...]:
        return tuple(self._firmware.symbol(f"zoo_{direction}_{index}").address for index in range(len(tensors)))

    def _load(self, engine: Engine, address: int, content: bytes, what: str) -> None:
        try:
            engine.write(address, content)
        except unicorn.UcError as error:
            raise EmulationError(
                f"{what} ({count_bytes(len(content))}) does not fit into the memories of {self.image.board.name}: "
                f"{describe_address(self.image.board, address)}.",
                kind=FaultKind.IMAGE,
                hint=f"{self._firmware.path} was built for another board, or its linker script is wrong.",
            ) from error
