"""Own the error of a firmware that did not do what it should, and the kinds of faults."""

from __future__ import annotations

from enum import StrEnum

from zoo_core.errors import ZooError


class FaultKind(StrEnum):
    """Name what stopped a firmware."""

    READ_UNMAPPED = "read where no memory is"
    WRITE_UNMAPPED = "write where no memory is"
    FETCH_UNMAPPED = "jump to where no memory is"
    WRITE_FLASH = "write to flash"
    UNDEFINED = "undefined instruction"
    NO_THUMB = "jump to an even address"
    STACK_OVERFLOW = "stack overflow"
    HANDLER = "fault handler reached"
    BREAKPOINT = "unexpected breakpoint"
    EXCEPTION = "unexpected exception"
    HALTED = "processor halted"
    TIMEOUT = "time limit"
    INTERRUPTED = "interrupted"
    IMAGE = "unusable firmware file"


class EmulationError(ZooError):
    """Report that a firmware failed on the emulator: what happened, at which instruction, and the likely cause."""

    def __init__(self, message: str, *, kind: FaultKind, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
