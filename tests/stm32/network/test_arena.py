"""Check the placement in the arena against properties that every placement must have, and small ones by hand."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from zoo_stm32.network import Buffer, plan_arena


@st.composite
def lifetimes(draw: st.DrawFn) -> list[Buffer]:
    count = draw(st.integers(1, 24))
    buffers = []
    for index in range(count):
        first = draw(st.integers(0, 20))
        last = first + draw(st.integers(0, 8))
        buffers.append(Buffer(f"t{index}", draw(st.integers(0, 5000)), first, last))
    return buffers


@given(lifetimes(), st.sampled_from([1, 4, 8, 32]))
def test_no_two_live_buffers_overlap_and_the_size_is_between_bound_and_sum(buffers: list[Buffer], step: int) -> None:
    plan = plan_arena(buffers, alignment=step, search=20_000)
    for buffer in buffers:
        assert plan.offsets[buffer.name] % step == 0
        assert 0 <= plan.offsets[buffer.name] <= plan.size - buffer.size
    for one, other in combinations(buffers, 2):
        if one.first <= other.last and other.first <= one.last:
            start, begin = plan.offsets[one.name], plan.offsets[other.name]
            assert start + one.size <= begin or begin + other.size <= start or 0 in {one.size, other.size}
    aligned = [-(-buffer.size // step) * step for buffer in buffers]
    live = [
        sum(size for size, buffer in zip(aligned, buffers, strict=True) if buffer.first <= moment <= buffer.last)
        for moment in range(30)
    ]
    assert plan.lower_bound == max(live)
    assert plan.lower_bound <= plan.size <= sum(aligned)


@given(lifetimes())
def test_the_same_buffers_give_the_same_plan(buffers: list[Buffer]) -> None:
    assert plan_arena(buffers, search=20_000) == plan_arena(list(buffers), search=20_000)


def test_a_chain_needs_its_two_largest_neighbours() -> None:
    chain = [Buffer("a", 100, 0, 1), Buffer("b", 60, 1, 2), Buffer("c", 200, 2, 3), Buffer("d", 10, 3, 4)]
    plan = plan_arena(chain, steps=["first", "second", "third", "fourth"], alignment=4)
    assert plan.size == plan.lower_bound == 260
    assert plan.peak_layer == "third"
    assert plan.peak_tensors == ("c", "b")
    assert plan.live == (100, 160, 260, 200 + 12)
    assert plan.sizes == {"a": 100, "b": 60, "c": 200, "d": 10}


def test_a_case_where_placing_by_first_use_wastes_memory_reaches_the_bound() -> None:
    """A small long-lived buffer at the start splits the arena unless it is put at an end."""
    buffers = [
        Buffer("early", 40, 0, 1),
        Buffer("long", 8, 0, 9),
        Buffer("wide", 80, 2, 4),
        Buffer("half", 40, 4, 6),
        Buffer("other", 40, 5, 6),
        Buffer("late", 80, 7, 9),
    ]
    plan = plan_arena(buffers)
    assert plan.lower_bound == 8 + 80 + 40
    assert plan.size == plan.lower_bound


def test_nothing_to_place_is_an_empty_arena() -> None:
    plan = plan_arena([])
    assert (plan.size, plan.lower_bound, plan.peak_layer, plan.peak_tensors) == (0, 0, "", ())
