"""Own the silence around libraries that print, warn and log while they convert models."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout

NOISY_LOGGERS = ("torch", "onnxscript", "onnx_ir", "onnxruntime")


@contextmanager
def quiet() -> Iterator[list[str]]:
    """Keep libraries off the terminal; yield the list that gathers what they log on the root logger.

    Exceptions pass. onnxruntime's quantizer reports on the root logger, whose own filter takes the records away
    before any handler sees them.
    """
    gathered: list[str] = []

    def take(record: logging.LogRecord) -> bool:
        gathered.append(record.getMessage())
        return False

    root, sink = logging.getLogger(), logging.NullHandler()
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(io.StringIO()))
        stack.enter_context(redirect_stderr(io.StringIO()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        root.addHandler(sink)  # without any handler, logging.warning() would install one that prints
        stack.callback(root.removeHandler, sink)
        root.addFilter(take)
        stack.callback(root.removeFilter, take)
        for name in NOISY_LOGGERS:
            stack.enter_context(_deaf(logging.getLogger(name), sink))
        yield gathered


@contextmanager
def _deaf(logger: logging.Logger, sink: logging.Handler) -> Iterator[None]:
    """Keep the records of a logger and of those below it from every handler; torch gives its own to stderr."""
    before = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [sink], False
    try:
        yield
    finally:
        logger.handlers, logger.propagate = before
