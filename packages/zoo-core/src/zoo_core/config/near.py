"""Own the judgement whether a name is a typo of another one, where free names are legal too."""

from __future__ import annotations

from collections.abc import Iterable

SHORT = 5
"""Up to this length one change makes a typo, from there on two do."""


def typo_of(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that differs by one or two changes, ignoring case; nothing when none is that near."""
    allowed = 1 if len(name) <= SHORT else 2
    distances = {candidate: distance(name.casefold(), candidate.casefold()) for candidate in known}
    near = [candidate for candidate, changes in distances.items() if 0 < changes <= allowed]
    return min(near, key=lambda candidate: (distances[candidate], candidate)) if near else None


def distance(left: str, right: str) -> int:
    """Count the insertions, deletions, replacements and swaps of neighbours that make one text of the other.

    The restricted edit distance with adjacent transpositions (Damerau 1964).
    """
    before: list[int] = []
    above = list(range(len(right) + 1))
    for row, char in enumerate(left, start=1):
        current = [row]
        for column, other in enumerate(right, start=1):
            changes = min(above[column] + 1, current[-1] + 1, above[column - 1] + (char != other))
            if row > 1 and column > 1 and char == right[column - 2] and left[row - 2] == other:
                changes = min(changes, before[column - 2] + 1)
            current.append(changes)
        before, above = above, current
    return above[-1]
