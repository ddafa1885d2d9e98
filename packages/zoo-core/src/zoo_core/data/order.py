"""Own which examples form which training batch: by seed and epoch, divided over processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch

from zoo_core.data.seeding import derive_seed
from zoo_core.errors import DataError

Key = tuple[int, int, int]
"""(epoch, index, how often the index came before in this epoch)."""


class EpochBatches:
    """Yield the batches of one epoch for one process, as lists of keys.

    The order is a permutation drawn from seed and epoch, or what the task's sampler gives. It is cut into batches of
    `batch_size`; process r of n takes batches r, r + n, r + 2n, ... and the first batches are taken again where the
    number does not divide, so that all processes do the same number of steps. The last batch is shortened to a
    multiple of `multiple` and dropped when a single image is left, which batch normalisation cannot use.

    With `copies` every index comes that often in a row and the order is cut off at its old length, so that an epoch
    shows fewer images, more often (Hoffer et al., "Augment your batch", 2020).
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        seed: int,
        *,
        sampler: Any | None = None,
        rank: int = 0,
        world: int = 1,
        multiple: int = 1,
        repeats: int = 1,
        copies: int = 1,
    ) -> None:
        self._count = count
        self._batch_size = batch_size
        self._seed = seed
        self._sampler = sampler
        self._rank = rank
        self._world = world
        self._multiple = multiple
        self._repeats = repeats
        self._copies = copies
        self._epoch = 0
        self._start = 0
        self._plan: list[list[Key]] | None = None

    @property
    def epoch(self) -> int:
        """Return the epoch whose batches are given, counted from 0."""
        return self._epoch

    def set_epoch(self, epoch: int, *, start: int = 0) -> None:
        """Choose the epoch, counted from 0, and the first of its batches that is still to come."""
        if epoch != self._epoch:
            self._plan = None
        self._epoch, self._start = epoch, start

    def __len__(self) -> int:
        """Return the number of batches of the whole epoch."""
        return len(self._batches())

    def __iter__(self) -> Iterator[list[Key]]:
        """Yield the batches from the chosen start on."""
        return iter(self._batches()[self._start :])

    def _batches(self) -> list[list[Key]]:
        if self._plan is None:
            self._plan = self._make()
        return self._plan

    def _make(self) -> list[list[Key]]:
        order = self._order()
        size = self._batch_size
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        if batches:
            last = batches[-1]
            batches[-1] = last[: len(last) - len(last) % self._multiple]
            if len(batches[-1]) <= (1 if len(batches) > 1 else 0):
                batches.pop()
        if not batches:
            msg = f"{self._count} training images do not make one batch of at least {self._multiple}."
            raise DataError(msg, hint="Add images to the training set.")
        while len(batches) % self._world:
            batches.append(batches[len(batches) % self._world - 1])
        return batches[self._rank :: self._world]

    def _order(self) -> list[Key]:
        seen: Counter[int] = Counter()
        keys: list[Key] = []
        for index in self._indices():
            keys.append((self._epoch, index, seen[index]))
            seen[index] += 1
        return keys

    def _indices(self) -> Iterator[int]:
        for repeat in range(self._repeats):
            order = self._permutation(repeat)
            yield from (order[place // self._copies] for place in range(len(order)))

    def _permutation(self, repeat: int) -> list[int]:
        if self._sampler is not None:
            self._sampler.set_epoch(self._epoch * self._repeats + repeat)
            return [int(index) for index in self._sampler]
        generator = torch.Generator().manual_seed(derive_seed(self._seed, self._epoch, repeat))
        order: list[int] = torch.randperm(self._count, generator=generator).tolist()
        return order
