"""Own what is said while the user waits for a plugin to load."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType

from zoo_core.hookspecs import PROJECT
from zoo_core.plugins.discovery import PluginSource

SLOW_SECONDS = 2.0
"""From here on a plugin is slow: the user is told what the wait is for, and afterwards how long it was."""
LOOK_SECONDS = 0.25

_LOG = logging.getLogger(PROJECT)


class Overseer:
    """Look from a thread of its own at what is being loaded, and name a plugin that takes long."""

    def __init__(self) -> None:
        self._current: tuple[PluginSource, float] | None = None
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._look, name="zoo-plugins", daemon=True)

    def __enter__(self) -> Overseer:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the thread."""
        self._finished.set()
        self._thread.join()

    def begin(self, source: PluginSource) -> None:
        """Note that a plugin is being loaded from now on."""
        self._current = (source, time.monotonic())

    def _look(self) -> None:
        told = None
        while not self._finished.wait(LOOK_SECONDS):
            current = self._current
            if current is not None and current is not told and time.monotonic() - current[1] >= SLOW_SECONDS:
                told = current
                source = current[0]
                cure = "" if source.builtin else f" To leave it out: zoo plugins disable {source.distribution}"
                _LOG.warning(
                    "Still loading plugin %s (%s) after %.0f s.%s", source.label, source.module, SLOW_SECONDS, cure
                )
