"""Own how many loader processes are started, and how."""

from __future__ import annotations

import logging
import os
import pickle
from functools import cache
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from zoo_core.protocols import ImageDataset

log = logging.getLogger("zoo")

SMALL_DATASET = 256
"""Up to this many images, starting processes takes longer than reading the images."""

SMALL_IN_MEMORY = 4096
"""The same for images that need no decoding."""

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux keeps the memory that loader processes share
_PREFETCH = 2
_HEADROOM = 0.8


def choose_workers(wanted: int, dataset: ImageDataset, payload: Any, *, batch_bytes: int = 0, world: int = 1) -> int:
    """Return the number of loader processes: the user's, where that many can help.

    None are started for data sets of at most `SMALL_DATASET` images, or `SMALL_IN_MEMORY` where they lie in memory
    (attribute `in_memory`), or when `payload` (data set and transforms) cannot be sent to another process; never more
    than there are cores for each of the `world` training processes, nor more than shared memory can hold batches for.
    """
    small = SMALL_IN_MEMORY if getattr(dataset, "in_memory", False) else SMALL_DATASET
    if wanted == 0 or len(dataset) <= small:
        return 0
    workers = min(wanted, max(1, core_count() // world))
    workers = _limit_by_memory(workers, batch_bytes)
    if workers and (reason := _cannot_travel(payload)):
        log.warning("Images are read in the training process itself: %s.", reason)
        return 0
    return workers


def core_count() -> int:
    """Return the number of CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def process_context() -> BaseContext:
    """Return the way processes are started: from a clean server where there is one, so that no thread is forked."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(["zoo_core.data.loader"])
    return context


def _cannot_travel(payload: Any) -> str:
    try:
        pickle.dumps(payload)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        return f"the data set or its augmentation cannot be sent to loader processes ({error})"
    return ""


def _limit_by_memory(workers: int, batch_bytes: int) -> int:
    if batch_bytes == 0 or not _SHARED_MEMORY.is_dir():
        return workers
    state = os.statvfs(_SHARED_MEMORY)
    room = int(state.f_bavail * state.f_frsize * _HEADROOM) // batch_bytes
    possible = max(0, (room - 1) // _PREFETCH)
    if possible < workers:
        log.warning(
            "Only %d of %d loader processes are started: %s has too little room for more batches.",
            possible,
            workers,
            _SHARED_MEMORY,
        )
    return min(workers, possible)
