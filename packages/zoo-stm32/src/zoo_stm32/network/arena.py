"""Own the placement of activations in one arena: lifetimes, lower bound, and the search for the smallest arena.

Greedy orders by size and by breadth follow Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
Inference" (2020); a short seeded local search over the order of placement goes on where they stay above the bound.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from zoo_stm32.artifacts import ArenaPlan

ALIGNMENT = 8
"""Bytes; enough for every element type of a graph."""
SEARCH_STEPS = 400_000
"""Work of the local search, counted in comparisons of two buffers, so that the result depends on no clock."""
SEED = 2020


@dataclass(frozen=True, slots=True)
class Buffer:
    """Describe bytes that must stay untouched from one step to another, both included."""

    name: str
    size: int
    first: int
    """Step that writes it."""
    last: int
    """Last step that reads it."""


@dataclass(frozen=True, slots=True)
class _Problem:
    """Hold what placing needs: aligned sizes, and which buffers are alive together."""

    buffers: tuple[Buffer, ...]
    sizes: tuple[int, ...]
    neighbours: tuple[tuple[int, ...], ...]


Offsets = list[int]
Fit = Callable[[list[tuple[int, int]], int], int]


def plan_arena(
    buffers: Sequence[Buffer], *, steps: Sequence[str] = (), alignment: int = ALIGNMENT, search: int = SEARCH_STEPS
) -> ArenaPlan:
    """Place buffers so that those alive together do not overlap and the arena stays small; the same every time.

    Args:
        buffers: What is to be placed, sizes in bytes.
        steps: Names of the steps that `first` and `last` count, for the report.
        alignment: Multiple of bytes at which every buffer starts.
        search: Work that the local search may do, in comparisons of two buffers.
    """
    kept = tuple(buffer for buffer in buffers if buffer.size > 0)
    sizes = tuple(_aligned(buffer.size, alignment) for buffer in kept)
    problem = _Problem(kept, sizes, _neighbours(kept))
    bound, peak = _lower_bound(problem)
    offsets = _best_offsets(problem, bound, search)
    members = sorted((index for index in range(len(kept)) if _alive(kept[index], peak)), key=lambda i: -sizes[i])
    return ArenaPlan(
        offsets={buffer.name: 0 for buffer in buffers}
        | {buffer.name: offset for buffer, offset in zip(kept, offsets, strict=True)},
        sizes={buffer.name: buffer.size for buffer in buffers},
        size=_height(problem, offsets),
        lower_bound=bound,
        peak_layer=steps[peak] if 0 <= peak < len(steps) else "",
        peak_tensors=tuple(kept[index].name for index in members),
        live=tuple(_breadth(problem, step) for step in range(len(steps))),
    )


def _aligned(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def _alive(buffer: Buffer, step: int) -> bool:
    return buffer.first <= step <= buffer.last


def _neighbours(buffers: Sequence[Buffer]) -> tuple[tuple[int, ...], ...]:
    return tuple(
        tuple(
            other
            for other, theirs in enumerate(buffers)
            if other != index and mine.first <= theirs.last and theirs.first <= mine.last
        )
        for index, mine in enumerate(buffers)
    )


def _lower_bound(problem: _Problem) -> tuple[int, int]:
    """Return the bytes of the largest set alive at once, and the first step at which it is."""
    best, peak = 0, 0
    for step in sorted({buffer.first for buffer in problem.buffers}):
        total = _breadth(problem, step)
        if total > best:
            best, peak = total, step
    return best, peak


def _breadth(problem: _Problem, step: int) -> int:
    return sum(size for size, buffer in zip(problem.sizes, problem.buffers, strict=True) if _alive(buffer, step))


def _height(problem: _Problem, offsets: Offsets) -> int:
    return max((offset + size for offset, size in zip(offsets, problem.sizes, strict=True)), default=0)


def _best_offsets(problem: _Problem, bound: int, search: int) -> Offsets:
    """Try every greedy order with both fits, then search on from the best of them."""
    best: tuple[int, Sequence[int], Fit, Offsets] | None = None
    for order in _greedy_orders(problem):
        for fit in (_lowest_gap, _tightest_gap):
            offsets = _place(problem, order, fit)
            height = _height(problem, offsets)
            if best is None or height < best[0]:
                best = height, order, fit, offsets
            if height <= bound:
                return offsets
    if best is None:
        return []
    return _search(problem, best, bound, search)


def _greedy_orders(problem: _Problem) -> Iterable[Sequence[int]]:
    buffers, sizes = problem.buffers, problem.sizes
    indices = range(len(buffers))
    spans = [buffer.last - buffer.first + 1 for buffer in buffers]
    yield _by_breadth(problem)
    yield sorted(indices, key=lambda i: (-sizes[i], -spans[i], i))
    yield sorted(indices, key=lambda i: (-sizes[i] * spans[i], -sizes[i], i))
    yield sorted(indices, key=lambda i: (-spans[i], -sizes[i], i))
    yield sorted(indices, key=lambda i: (buffers[i].first, -sizes[i], i))
    yield sorted(indices, key=lambda i: (-buffers[i].last, -sizes[i], i))


def _by_breadth(problem: _Problem) -> Sequence[int]:
    """Order buffers by the breadth of the widest step they take part in, the largest of a step first."""
    steps = sorted({buffer.first for buffer in problem.buffers}, key=lambda step: (-_breadth(problem, step), step))
    order: dict[int, None] = {}
    for step in steps:
        alive = (index for index, buffer in enumerate(problem.buffers) if _alive(buffer, step))
        order.update(dict.fromkeys(sorted(alive, key=lambda i: (-problem.sizes[i], i))))
    return list(order)


def _place(problem: _Problem, order: Sequence[int], fit: Fit) -> Offsets:
    """Place buffers one after the other, each beside those of its neighbours that are placed already."""
    offsets = [-1] * len(order)
    for index in order:
        taken = sorted(
            (offsets[other], offsets[other] + problem.sizes[other])
            for other in problem.neighbours[index]
            if offsets[other] >= 0
        )
        offsets[index] = fit(taken, problem.sizes[index])
    return offsets


def _lowest_gap(taken: list[tuple[int, int]], size: int) -> int:
    end = 0
    for start, stop in taken:
        if start - end >= size:
            return end
        end = max(end, stop)
    return end


def _tightest_gap(taken: list[tuple[int, int]], size: int) -> int:
    end, chosen, slack = 0, -1, 0
    for start, stop in taken:
        gap = start - end
        if gap >= size and (chosen < 0 or gap - size < slack):
            chosen, slack = end, gap - size
        end = max(end, stop)
    return end if chosen < 0 else chosen


def _search(problem: _Problem, start: tuple[int, Sequence[int], Fit, Offsets], bound: int, budget: int) -> Offsets:
    """Move one buffer of the order at a time and keep what is not worse, until the bound or the budget is reached."""
    height, order, fit, offsets = start
    dice = random.Random(SEED)  # noqa: S311 - a seeded search, nothing secret
    cost = sum(map(len, problem.neighbours)) + len(order)
    for _ in range(budget // cost):
        top = [i for i in range(len(offsets)) if offsets[i] + problem.sizes[i] == height]
        moved = list(order)
        chosen = dice.choice(top) if dice.random() < 0.5 else dice.choice(moved)  # noqa: PLR2004 - one half
        moved.remove(chosen)
        moved.insert(dice.randrange(len(order)), chosen)
        tried = _place(problem, moved, fit)
        reached = _height(problem, tried)
        if reached <= height:
            height, order, offsets = reached, moved, tried
        if height <= bound:
            break
    return offsets
