"""Own how one seed becomes many, and how a piece of work draws its own random numbers without touching others'."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_NUMPY_SEEDS = 1 << 32


def derive_seed(*parts: int) -> int:
    """Return a 63-bit seed that depends on every part, the same on every machine and version."""
    digest = hashlib.blake2b(",".join(str(part) for part in parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def seed_everything(seed: int) -> None:
    """Seed `random`, NumPy's global generator and torch on every device."""
    random.seed(seed)
    np.random.seed(seed % _NUMPY_SEEDS)
    torch.manual_seed(seed)


@contextmanager
def isolated_randomness(seed: int) -> Iterator[None]:
    """Seed the CPU generators for the time of the block and put them back as they were.

    GPU generators are left alone, so that loading data never changes what a model draws there.
    """
    with kept_randomness():
        random.seed(seed)
        np.random.seed(seed % _NUMPY_SEEDS)
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def kept_randomness() -> Iterator[None]:
    """Put the CPU generators of `random`, NumPy and torch back as they were, at the end of the block."""
    python, numeric, tensors = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numeric)
        torch.set_rng_state(tensors)
