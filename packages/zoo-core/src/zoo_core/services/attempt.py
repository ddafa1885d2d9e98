"""Own the trying of what a run can do without: a failure is one line in the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from zoo_core.errors import ZooError
from zoo_core.runs.log import logger


@contextmanager
def attempt(what: str, cure: str = "") -> Iterator[None]:
    """Go on after any failure, with a warning that names what could not be made and why.

    Args:
        what: What is made.
        cure: Sentence on what the user may do about it.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - code of use cases may raise anything, and results are worth more
        logger.debug("Traceback of what could not be made", exc_info=error)
        told = error.message if isinstance(error, ZooError) else f"{type(error).__name__}: {error}"
        reason = " ".join(told.split())
        logger.warning("%s could not be made: %s", what, f"{reason.rstrip('.')}. {cure}" if cure else reason)
