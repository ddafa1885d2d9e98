"""Own reading ahead: the next batches are decoded in a thread while the model computes on this one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

DEPTH = 2
"""Batches that wait at most."""
POLL_SECONDS = 0.1


def read_ahead(items: Iterable[T], depth: int = DEPTH) -> Iterator[T]:
    """Yield the items in order while a thread fetches the next ones.

    An error of the source is raised here, at its place in the order. The thread ends when the consumer stops early.
    """
    reader = _Reader(items, depth)
    reader.start()
    try:
        while not isinstance(item := reader.waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        reader.stopped.set()
        reader.join()


class _End:
    """Mark the end of the stream, or carry the error that ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Reader(threading.Thread, Generic[T]):
    """Fetch items until the source ends or nobody wants them any more."""

    def __init__(self, items: Iterable[T], depth: int) -> None:
        super().__init__(name="zoo read ahead", daemon=True)
        self.items = items
        self.waiting: queue.Queue[T | _End] = queue.Queue(maxsize=depth)
        self.stopped = threading.Event()

    def run(self) -> None:
        """Fetch; an error becomes the last item."""
        try:
            for item in self.items:
                if not self._offer(item):
                    return
        except BaseException as error:  # noqa: BLE001 - raised again in the consumer's thread
            self._offer(_End(error))
        else:
            self._offer(_End())

    def _offer(self, item: T | _End) -> bool:
        while not self.stopped.is_set():
            try:
                self.waiting.put(item, timeout=POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False
