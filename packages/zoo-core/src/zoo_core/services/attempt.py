"""Own the trying of what a stage can do without: a failure is one line in the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from zoo_core.runs.log import logger


@contextmanager
def attempt(what: str) -> Iterator[None]:
    """Go on after any failure, with a warning that names what could not be made and why."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - code of use cases may raise anything, and results are worth more
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        logger.warning("%s could not be made: %s", what, reason)
