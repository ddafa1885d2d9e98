"""Own the log file of a run: what the user sees on the screen, with times, and `key : value` lines."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from zoo_core.results import SkippedFile
from zoo_core.runs.files import disk_errors

logger = logging.getLogger("zoo")


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Append everything logged under `zoo` to a file while the context lasts."""
    with disk_errors(path):
        handler = logging.FileHandler(path, encoding="utf-8", delay=False)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()


def log_values(values: Mapping[str, object]) -> None:
    """Write one `key : value` line per entry, as the log of ST's services has them."""
    for key, value in values.items():
        logger.info("%s : %s", key, value)


def log_skipped(purpose: str, skipped: Iterable[SkippedFile]) -> None:
    """Name files that were left out, each with its fault."""
    for file in skipped:
        logger.warning("Left out of the %s: %s: %s", purpose, file.path, file.reason)
