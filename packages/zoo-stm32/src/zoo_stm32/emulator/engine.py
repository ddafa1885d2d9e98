"""Own one emulated processor with its memories: it runs until something stops it, and reports what did."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from time import monotonic

import unicorn
from unicorn import arm_const, unicorn_const

from zoo_core.errors import ZooError
from zoo_stm32.boards import Board
from zoo_stm32.emulator.cores import CoreModel
from zoo_stm32.emulator.memory import page_ranges

EXCEPTION_SUPERVISOR_CALL = 2
EXCEPTION_PREFETCH_ABORT = 3
EXCEPTION_BREAKPOINT = 7
EXCEPTION_RETURN = 8
EXCEPTION_NO_COPROCESSOR = 17
"""Numbers by which unicorn, like QEMU (target/arm/cpu.h), reports exceptions."""
BREAKPOINT_OPCODE = 0xBE
THUMB_BIT = 1
THUMB_STATE = 1 << 24
"""Bit T of the register xPSR."""
NEVER = 0xFFFF_FFFF
STOP_AGAIN_SECONDS = 0.05
LISTEN_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Access:
    """Describe an access that the memories refused."""

    kind: int
    """One of unicorn's UC_MEM_ constants."""
    address: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Report why the processor stopped, and its registers at that moment."""

    pc: int
    sp: int
    lr: int
    thumb: bool
    halfwords: tuple[int, ...]
    """The two halfwords at the program counter; fewer where no memory is."""
    error: int
    """One of unicorn's UC_ERR_ constants."""
    exception: int | None
    access: Access | None
    timed_out: bool
    interrupted: bool

    @property
    def breakpoint(self) -> int | None:
        """Return the number of the breakpoint instruction that was reached, if one was."""
        if self.exception != EXCEPTION_BREAKPOINT or not self.halfwords:
            return None
        opcode, number = divmod(self.halfwords[0], 1 << 8)
        return number if opcode == BREAKPOINT_OPCODE else None


@dataclass(slots=True)
class _Events:
    """Gather what happens during one stretch of emulation."""

    exception: int | None = None
    access: Access | None = None
    error: int = unicorn_const.UC_ERR_OK
    failure: Exception | None = None
    ended: threading.Event = field(default_factory=threading.Event)


class Engine:
    """Emulate a core with the memories of a board; peripherals do not exist.

    Raises:
        ZooError: When unicorn refuses the model of the core.
    """

    def __init__(self, board: Board, core: CoreModel) -> None:
        # UC_MODE_MCLASS is left out: with it, unicorn takes its Cortex-M33 whatever model was chosen.
        self.uc = unicorn.Uc(unicorn_const.UC_ARCH_ARM, unicorn_const.UC_MODE_THUMB)
        self.uc.ctl_set_cpu_model(core.model)
        if self.uc.ctl_get_cpu_model() != core.model:
            raise ZooError(f"unicorn {unicorn.__version__} does not emulate the {core.name} it was asked for.")
        for pages in page_ranges(board):
            writing = unicorn_const.UC_PROT_WRITE if pages.writable else unicorn_const.UC_PROT_NONE
            self.uc.mem_map(pages.start, pages.size, unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_EXEC | writing)
        self._events = _Events()
        self._interrupted = threading.Event()
        self.uc.hook_add(unicorn_const.UC_HOOK_INTR, self._on_exception)
        self.uc.hook_add(unicorn_const.UC_HOOK_MEM_INVALID, self._on_refused_access)

    def read(self, address: int, size: int) -> bytes:
        """Return the content of memory."""
        return bytes(self.uc.mem_read(address, size)) if size else b""

    def write(self, address: int, content: bytes) -> None:
        """Change the content of memory; flash too."""
        if content:
            self.uc.mem_write(address, content)

    def set_stack_pointer(self, address: int) -> None:
        """Set the stack pointer."""
        self.uc.reg_write(arm_const.UC_ARM_REG_SP, address)

    def run(self, address: int, *, timeout_s: float) -> Stop:
        """Run from an address until the processor stops or the time is over.

        The processor runs in a thread of its own, so that Ctrl-C is heard while it does.
        """
        events = self._events = _Events()
        self._interrupted.clear()
        thread = threading.Thread(target=self._emulate, args=(address | THUMB_BIT, events), daemon=True)
        thread.start()
        in_time = False
        try:
            in_time = _wait(events.ended, timeout_s)
        finally:
            while not events.ended.wait(0 if in_time else STOP_AGAIN_SECONDS):
                self.uc.emu_stop()  # repeated: the first may come before the emulation has begun
            thread.join()
        if events.failure is not None:
            raise ZooError(f"The emulator itself failed: {events.failure}") from events.failure
        return self._stop(events, timed_out=not in_time)

    def interrupt(self) -> None:
        """Stop a run that goes on in another thread."""
        self._interrupted.set()
        self.uc.emu_stop()

    def _emulate(self, address: int, events: _Events) -> None:
        try:
            self.uc.emu_start(address, NEVER)
        except unicorn.UcError as error:
            events.error = error.errno
        except Exception as error:  # noqa: BLE001 # handed to the thread that waits
            events.failure = error
        finally:
            events.ended.set()

    def _on_exception(self, uc: unicorn.Uc, number: int, _: object) -> None:
        self._events.exception = number
        uc.emu_stop()

    def _on_refused_access(self, _uc: unicorn.Uc, kind: int, address: int, size: int, _value: int, _: object) -> bool:
        self._events.access = Access(kind, address, size)
        return False

    def _stop(self, events: _Events, *, timed_out: bool) -> Stop:
        pc = self.uc.reg_read(arm_const.UC_ARM_REG_PC) & ~THUMB_BIT
        if events.exception == EXCEPTION_SUPERVISOR_CALL:
            pc -= 2  # it is reported after the instruction
        return Stop(
            pc=pc,
            sp=self.uc.reg_read(arm_const.UC_ARM_REG_SP),
            lr=self.uc.reg_read(arm_const.UC_ARM_REG_LR),
            thumb=bool(self.uc.reg_read(arm_const.UC_ARM_REG_XPSR) & THUMB_STATE),
            halfwords=self._halfwords(pc),
            error=events.error,
            exception=events.exception,
            access=events.access,
            timed_out=timed_out,
            interrupted=self._interrupted.is_set(),
        )

    def _halfwords(self, address: int) -> tuple[int, ...]:
        found = []
        for place in (address, address + 2):
            try:
                found.append(int.from_bytes(self.read(place, 2), "little"))
            except unicorn.UcError:
                break
        return tuple(found)


def _wait(event: threading.Event, timeout_s: float) -> bool:
    """Wait for an event in slices, because not every system lets Ctrl-C through to a thread that waits."""
    deadline = monotonic() + timeout_s
    while not event.wait(min(LISTEN_SECONDS, max(deadline - monotonic(), 0))):
        if monotonic() >= deadline:
            return False
    return True
