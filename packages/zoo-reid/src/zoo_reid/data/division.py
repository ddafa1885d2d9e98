"""Own the division of pictures of persons: by person, by picture, and evenly over the persons."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from zoo_core.data.splits import split_indices


def divide_by_identity(identities: Sequence[str], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Return the indices of the pictures of the remaining persons and of a share of the persons."""
    persons = sorted(set(identities))
    _, taken = split_indices(len(persons), share, seed)
    held = {persons[index] for index in taken}
    return (
        [index for index, name in enumerate(identities) if name not in held],
        [index for index, name in enumerate(identities) if name in held],
    )


def divide_by_image(
    identities: Sequence[str], names: Sequence[str], share: float, seed: int
) -> tuple[list[int], list[int]]:
    """Return the indices of the remaining pictures and of a share of the pictures of each person.

    Every person keeps a picture among the remaining ones. Which pictures are taken follows from their order by person
    and name, whatever the folders they lie in.
    """
    order = sorted(range(len(identities)), key=lambda index: (identities[index], names[index]))
    kept, held = split_indices(len(order), share, seed, labels=[identities[index] for index in order])
    return sorted(order[place] for place in kept), sorted(order[place] for place in held)


def draw_in_rounds(identities: Sequence[str], share: float, seed: int) -> list[int]:
    """Return the indices of a share of the pictures, at least one, in an order that goes round over the persons.

    Nobody appears a second time before everybody has appeared once, and so on; pictures whose person is unknown, an
    empty name, count as persons of their own. Pictures and persons are drawn by a hash of seed and index.
    """
    groups: dict[str | int, list[int]] = defaultdict(list)
    for index, name in enumerate(identities):
        groups[name or index].append(index)
    rounds = []
    for group in groups.values():
        drawn = sorted((_rank(seed, index), index) for index in group)
        rounds += [(turn, rank, index) for turn, (rank, index) in enumerate(drawn)]
    count = max(1, round(share * len(identities)))
    return [index for _, _, index in sorted(rounds)[:count]]


def _rank(seed: int, index: int) -> bytes:
    return hashlib.blake2b(f"round,{seed},{index}".encode(), digest_size=8).digest()
