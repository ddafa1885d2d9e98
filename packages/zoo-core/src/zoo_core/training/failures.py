"""Own what a user reads when a training stops: interruptions, memory, determinism, dead loader processes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException

from zoo_core.config.sections import TrainingSection
from zoo_core.errors import UserError


@contextmanager
def plain_interruptions() -> Iterator[None]:
    """Let an interruption arrive as `KeyboardInterrupt`, where Lightning would end the program.

    Raises:
        KeyboardInterrupt: On Ctrl-C, and on SIGTERM, after the epoch's bar and the loaders are closed.
    """
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SIGTERMException:
        raise KeyboardInterrupt from None
    except SystemExit as end:
        if isinstance(end.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        if in_main:
            signal.signal(signal.SIGINT, handler)  # Lightning leaves it ignored


@contextmanager
def explained_failures(training: TrainingSection) -> Iterator[None]:
    """Turn failures of torch that a user can mend into messages that say how.

    Raises:
        UserError: When memory is short, an operation is not deterministic, or a loader process died.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        msg = f"The GPU's memory is too small for this training with training.batch_size {training.batch_size}."
        hint = "Lower training.batch_size (training.grad_accum_steps makes up for it), or set training.amp to True."
        raise UserError(msg, hint=hint) from error
    except RuntimeError as error:
        text = str(error)
        if "deterministic" in text and "use_deterministic_algorithms" in text:
            msg = (
                f"general.deterministic_ops is on, and the model uses an operation without a deterministic form: {text}"
            )
            raise UserError(msg, hint="Set general.deterministic_ops to False, or choose another model.") from error
        if "DataLoader worker" in text:
            msg = f"A process that reads images died: {text}"
            hint = "It may have run out of memory. Lower dataset.workers or training.batch_size; 0 workers uses none."
            raise UserError(msg, hint=hint) from error
        raise
