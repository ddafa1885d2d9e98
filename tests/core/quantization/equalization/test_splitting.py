"""Splitting keeps the function exactly, and divides channels as well as an exhaustive search does."""

from itertools import combinations, pairwise
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from zoo_core.quantization.equalization.graph_editor import GraphEditor
from zoo_core.quantization.equalization.splitting import RowNoise, choose_parts, divide, find_chains, split_layers

RNG = np.random.default_rng(2)
SPREAD = np.array([1.0, 100.0, 0.9, 120.0, 1.1, 3e-3])
CONSTANTS = {
    "w0": RNG.normal(size=(6, 3, 3, 3)), "b0": RNG.normal(size=6), "low": 0.0, "high": 6.0,
    "w1": RNG.normal(size=(6, 1, 3, 3)) * SPREAD.reshape(6, 1, 1, 1), "b1": RNG.normal(size=6),
    "w2": RNG.normal(size=(4, 6, 1, 1)), "v2": RNG.normal(size=(2, 6, 3, 3)),
}  # fmt: skip
NODES = [
    helper.make_node("Conv", ["input", "w0", "b0"], ["a"], "expand"),
    helper.make_node("Clip", ["a", "low", "high"], ["b"], "clip"),
    helper.make_node("Conv", ["b", "w1", "b1"], ["c"], "depthwise", group=6, pads=[1, 1, 1, 1]),
    helper.make_node("HardSwish", ["c"], ["d"], "swish"),
    helper.make_node("Conv", ["d", "w2"], ["output"], "project"),
    helper.make_node("Conv", ["d", "v2"], ["side"], "other"),
]
NOISES = {
    "a": RowNoise(costs=np.ones(6), ranges=np.ones(6)),
    "c": RowNoise(costs=1 / SPREAD**2, ranges=SPREAD),
}


def network(build: Any) -> onnx.ModelProto:
    return build(NODES, CONSTANTS, outputs=("output", "side"))


def test_a_depthwise_layer_is_written_as_parts_of_like_ranges(build: Any, run: Any) -> None:
    model = network(build)
    images = RNG.normal(size=(2, 3, 8, 8)).astype(np.float32)
    wanted = run(model, images)
    assert split_layers(GraphEditor(model), NOISES, unavoidable=1000.0) == 2
    onnx.checker.check_model(model)
    for one, other in zip(run(model, images), wanted, strict=True):
        assert np.allclose(one, other, rtol=1e-5, atol=1e-4)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    depthwise = [node for node in model.graph.node if node.op_type == "Conv" and node.name.startswith("depthwise")]
    ranges = [np.abs(weights[node.input[1]]).max(axis=(1, 2, 3)) for node in depthwise]
    assert len(depthwise) == 3
    assert all(found.max() < 20 * found.min() for found in ranges)
    assert sum(map(len, ranges)) == 6
    assert len({node.name for node in model.graph.node}) == len(model.graph.node)
    assert not {"w0", "w1", "b1"} & set(weights)


def test_nothing_is_split_when_it_is_not_worth_it(build: Any) -> None:
    model = network(build)
    before = model.SerializeToString()
    assert split_layers(GraphEditor(model), NOISES, unavoidable=1e12) == 0
    assert model.SerializeToString() == before


@pytest.mark.parametrize("outputs", [("output", "side", "d"), ("output", "side", "c")])
def test_channels_that_others_see_stay_in_order(outputs: tuple[str, ...], build: Any, run: Any) -> None:
    model = build(NODES, CONSTANTS, outputs=outputs)
    assert all(not chain.readers for chain in find_chains(GraphEditor(model)) if chain.layers[0].target == "a")
    images = RNG.normal(size=(1, 3, 8, 8)).astype(np.float32)
    wanted = run(model, images)
    assert split_layers(GraphEditor(model), NOISES, unavoidable=1000.0) == 2
    for one, other in zip(run(model, images), wanted, strict=True):
        assert np.allclose(one, other, rtol=1e-5, atol=1e-4)


def test_a_chain_ends_where_a_tensor_is_read_twice(build: Any) -> None:
    nodes = [*NODES[:2], helper.make_node("GlobalAveragePool", ["b"], ["side"]), NODES[2],
             helper.make_node("HardSwish", ["c"], ["output"])]  # fmt: skip
    model = build(nodes, CONSTANTS, outputs=("output", "side"))
    (chain,) = find_chains(GraphEditor(model))
    assert [node.name for node in chain.nodes] == ["expand", "clip"]


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_divisions_are_the_best_there_are(parts: int) -> None:
    noise = RowNoise(costs=RNG.uniform(0.1, 1, 7), ranges=10.0 ** RNG.uniform(-2, 2, 7))
    order = np.argsort(-noise.ranges)
    costs, ranges = noise.costs[order], noise.ranges[order]

    def total(cuts: tuple[int, ...]) -> float:
        ends = [0, *cuts, 7]
        return sum(costs[a:b].sum() * ranges[a:b].max() ** 2 for a, b in pairwise(ends))

    best = min(total(cuts) for cuts in combinations(range(1, 7), parts - 1))
    found = divide([noise])[parts - 1]
    assert found.noise == pytest.approx(best)
    assert sum(found.sizes) == 7
    assert len(found.sizes) == parts


def test_parts_are_added_while_they_are_worth_it() -> None:
    assert choose_parts([[10.0, 4.0, 3.0, 2.9]], unavoidable=100.0) == [3]
    assert choose_parts([[10.0, 9.9, 1.0]], unavoidable=100.0) == [3]  # the second alone would not be
    assert choose_parts([[1.0, 0.99], [5.0, 1.0]], unavoidable=5.0) == [1, 2]
    assert choose_parts([[10.0, 9.0]], unavoidable=100.0) == [1]  # worth it, but hardly needed
