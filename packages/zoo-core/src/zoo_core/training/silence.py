"""Own keeping libraries quiet during a training: what the user sees is ours to say."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from zoo_core.protocols import ProgressTask

_LOGGERS = (
    "lightning.pytorch",
    "lightning.fabric",
    "lightning.pytorch.utilities.rank_zero",
    "lightning.fabric.utilities.rank_zero",
    "lightning.fabric.utilities.seed",
    "lightning_utilities.core.rank_zero",
)
_SOURCES = (r"lightning", r"torch\.nn\.parallel", r"torch\.distributed", r"torch\.autograd\.graph", r"torch\.amp")


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence the remarks and warnings of Lightning and of torch's distributed parts, but no errors."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            for source in _SOURCES:
                warnings.filterwarnings("ignore", module=source)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class _SilentTask:
    def advance(self, steps: int = 1, **values: float) -> None:
        """Show nothing."""


class SilentProgress:
    """Show no progress, for processes that have no terminal of their own."""

    def track(self, description: str, total: int | None) -> AbstractContextManager[ProgressTask]:
        """Open a bar that shows nothing."""
        return nullcontext(_SilentTask())
