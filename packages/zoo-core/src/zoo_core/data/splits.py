"""Own the division of a data set: by seed only, the same on every machine, in every version."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from zoo_core.protocols import ImageDataset, Sample


class Subset:
    """Show some examples of a data set as a data set of their own."""

    def __init__(self, dataset: ImageDataset, indices: Iterable[int]) -> None:
        self.dataset = dataset
        self.indices = tuple(indices)
        self.targets: Sequence[Any] = [dataset.targets[index] for index in self.indices]

    @property
    def in_memory(self) -> bool:
        """Tell whether the examples lie in memory, so that loader processes would not help."""
        return bool(getattr(self.dataset, "in_memory", False))

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        """Read one example."""
        return self.dataset[self.indices[index]]

    def name(self, index: int) -> str:
        """Return the path or name of one example."""
        return self.dataset.name(self.indices[index])


def split_indices(
    count: int, share: float, seed: int, *, labels: Sequence[Hashable] | None = None
) -> tuple[list[int], list[int]]:
    """Divide the numbers 0 to count - 1 into the rest and a share of them, both in ascending order.

    The share has `round(count * share)` members, but at least one and never all when there are two or more. With
    `labels` every class gives its proportion, by largest remainders, and keeps at least one member in the rest.
    Which ones are taken follows from a hash of seed and index, so a split never changes with a library's version.

    Raises:
        ValueError: When the share is not between 0 and 1, or there are not as many labels as indices.
    """
    if not 0.0 <= share <= 1.0:
        msg = f"a share must be between 0 and 1, not {share}"
        raise ValueError(msg)
    if labels is not None and len(labels) != count:
        msg = f"{len(labels)} labels for {count} examples"
        raise ValueError(msg)
    wanted = _size(count, share)
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index in range(count):
        groups[None if labels is None else labels[index]].append(index)
    quotas = [wanted] if len(groups) <= 1 else _quotas([len(group) for group in groups.values()], wanted)
    taken: set[int] = set()
    for group, quota in zip(groups.values(), quotas, strict=False):
        taken.update(sorted(group, key=lambda index: _rank(seed, index))[:quota])
    return [index for index in range(count) if index not in taken], sorted(taken)


def take_share(dataset: ImageDataset, share: float | None, seed: int, *, stratify: bool = False) -> ImageDataset:
    """Return a share of a data set, chosen by seed; the data set itself when the share is absent or 1.

    With `stratify` every label gives its proportion; the labels must be hashable then.
    """
    if share is None or share >= 1.0:
        return dataset
    labels = dataset.targets if stratify else None
    return Subset(dataset, split_indices(len(dataset), share, seed, labels=labels)[1])


def _size(count: int, share: float) -> int:
    if share in (0.0, 1.0) or count == 0:
        return round(count * share)
    return min(max(round(count * share), 1), max(count - 1, 1))


def _rank(seed: int, index: int) -> bytes:
    return hashlib.blake2b(f"{seed},{index}".encode(), digest_size=8).digest()


def _quotas(sizes: Sequence[int], wanted: int) -> list[int]:
    """Spread `wanted` over groups in proportion, by largest remainders, leaving one member in each where possible."""
    total = sum(sizes)
    limits = sizes if wanted > total - len(sizes) else [size - 1 for size in sizes]
    exact = [wanted * size / total for size in sizes]
    quotas = [min(int(value), limit) for value, limit in zip(exact, limits, strict=True)]
    while sum(quotas) < wanted:
        short = [
            (quota - value, number)
            for number, (quota, value, limit) in enumerate(zip(quotas, exact, limits, strict=True))
            if quota < limit
        ]
        quotas[min(short)[1]] += 1
    return quotas
