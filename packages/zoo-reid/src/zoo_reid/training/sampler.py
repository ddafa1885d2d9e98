"""Own which pictures form the batches of an epoch: P persons with K pictures each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from zoo_core.data.seeding import derive_seed
from zoo_core.errors import DataError

Groups = Iterator[list[int]]


class PKSampler:
    """Yield indices of pictures, `batch_size` of which in a row hold P different persons with K pictures each.

    In an epoch each person has as many groups of K as fit the number of their pictures best, at least one; so each
    picture comes about once, and no picture of a person comes more than once more than another. A person with fewer
    than K pictures repeats them. Which persons meet in a batch is drawn by seed and epoch. What is lacking to whole
    batches is filled up with further groups, one for each person first; a person with more groups than there are
    batches is shown once in each. Hermans et al., "In defense of the triplet loss", 2017, for the P x K batches.
    """

    def __init__(self, numbers: Sequence[int], batch_size: int, num_instances: int, seed: int) -> None:
        """Plan the epochs.

        Args:
            numbers: Place among the identities for each picture; pictures with a negative one are left out.
            batch_size: P x K, a multiple of `num_instances`.
            num_instances: K.
            seed: Seed that the order of every epoch follows from.

        Raises:
            DataError: When there are fewer than P persons.
        """
        pictures: dict[int, list[int]] = {}
        for index, number in enumerate(numbers):
            if number >= 0:
                pictures.setdefault(number, []).append(index)
        self._pictures = [pictures[number] for number in sorted(pictures)]
        self._instances = num_instances
        self._persons = batch_size // num_instances
        self._seed = seed
        self._epoch = 0
        self._refuse_few(batch_size)
        self._wanted = [max(1, (len(own) + num_instances // 2) // num_instances) for own in self._pictures]
        self._batches = -(-sum(self._wanted) // self._persons)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, counted from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Return the number of indices in an epoch, the same in each."""
        return self._batches * self._persons * self._instances

    def __iter__(self) -> Iterator[int]:
        """Yield the indices of the chosen epoch."""
        generator = torch.Generator().manual_seed(derive_seed(self._seed, self._epoch))
        groups = [self._deal(own, generator) for own in self._pictures]
        for persons in self._meetings(generator):
            for person in persons:
                yield from next(groups[person])

    def _meetings(self, generator: torch.Generator) -> Iterator[list[int]]:
        """Yield the persons of each batch.

        A person with as many groups left as there are batches left is in each of them; the other places are drawn
        among those who have groups left, by their number. So all groups find a place.
        """
        left = self._counts(generator)
        for batches in range(self._batches, 0, -1):
            due = left >= batches
            chance = left.double().masked_fill(due, 0.0)
            free = self._persons - int(due.sum())
            drawn = torch.multinomial(chance, free, generator=generator) if free else left[:0]
            persons = torch.cat([due.nonzero()[:, 0], drawn])
            left[persons] -= 1
            order = torch.randperm(len(persons), generator=generator)
            yield persons[order].tolist()

    def _counts(self, generator: torch.Generator) -> torch.Tensor:
        """Return the number of groups of each person: no more than batches, and together P in each batch."""
        counts = torch.tensor(self._wanted).clamp(max=self._batches)
        order = torch.randperm(len(counts), generator=generator)
        while (lacking := self._batches * self._persons - int(counts.sum())) > 0:
            able = order[counts[order] < self._batches]
            counts[able[:lacking]] += 1
        return counts

    def _deal(self, own: Sequence[int], generator: torch.Generator) -> Groups:
        """Yield groups of K pictures of a person without end; no picture comes again before all others came.

        A deck is dealt from its end, where those stand that the group holds least often.
        """
        deck: list[int] = []
        while True:
            group: list[int] = []
            while len(group) < self._instances:
                if not deck:
                    order = torch.randperm(len(own), generator=generator).tolist()
                    deck = sorted((own[place] for place in order), key=group.count, reverse=True)
                group.append(deck.pop())
            yield group

    def _refuse_few(self, batch_size: int) -> None:
        found = len(self._pictures)
        if found >= self._persons:
            return
        msg = (
            f"The training set has {found} person{'' if found == 1 else 's'}, but a batch needs {self._persons} "
            f"different ones (batch_size {batch_size} / num_instances {self._instances})."
        )
        largest = found * self._instances
        lower = f"Lower training.batch_size to {largest} or less, raise training.num_instances, or add persons."
        raise DataError(msg, hint=lower if found > 1 else "Add persons: telling them apart takes two or more.")
