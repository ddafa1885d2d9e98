"""Check whole networks: C on this machine against onnxruntime, bit by bit, and what is reported about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from zoo_stm32.network import generate

INT8 = "int8"


@pytest.fixture
def compare(on_host: Any, quiet: Any, onnxruntime_of: Any) -> Any:
    """Return a function that generates, runs and compares a graph; it gives back the network."""

    def check(graph: Any, inputs: Sequence[str], outputs: Sequence[str], images: int = 4) -> Any:
        lowered = graph.lowered(inputs, outputs)
        network = generate(lowered, quiet)
        host, reference = on_host(network), onnxruntime_of(lowered)
        for seed in range(images):
            dice = np.random.default_rng(seed)
            values = [random_values(dice, *graph.tensors[name]) for name in inputs]
            for got, expected in zip(host.run(values), reference(values), strict=True):
                np.testing.assert_array_equal(got, expected)
        return network

    return check


def random_values(dice: np.random.Generator, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    if kind == "float32":
        return dice.uniform(-3, 3, shape).astype(np.float32)
    limits = np.iinfo(kind)
    return dice.integers(limits.min, limits.max + 1, shape).astype(kind)


@pytest.fixture
def residual(build: Any) -> Any:
    """Return a small residual network: stem, depthwise, pointwise, sum, pooling, flatten, classifier."""
    wide = (INT8, (1, 8, 10, 10))
    graph = build(
        {"image": (INT8, (1, 3, 10, 10)), "stem": wide, "depth": wide, "point": wide, "sum": wide}
        | {"pooled": (INT8, (1, 8, 5, 5)), "flat": (INT8, (1, 200)), "scores": (INT8, (1, 10))}
    )
    graph.conv("image", "stem", (8, 3, 3, 3), pads=[1, 1, 1, 1])
    graph.conv("stem", "depth", (8, 1, 3, 3), pads=[1, 1, 1, 1], group=8)
    graph.conv("depth", "point", (8, 8, 1, 1), bias=False)
    branches = ["point", *graph.scale(0.05, -5), "stem", *graph.scale(0.04, 2)]
    graph.node("QLinearAdd", [*branches, *graph.scale(0.07, 1)], ["sum"], "com.microsoft")
    graph.node("MaxPool", ["sum"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2])
    graph.constant("shape", [1, -1], np.int64)
    graph.node("Reshape", ["pooled", "shape"], ["flat"], name="to vector")
    weight = graph.constant("fc.weight", graph.dice.integers(-127, 128, (10, 200)), np.int8)
    scales = graph.constant("fc.scale", graph.dice.uniform(0.001, 0.003, 10), np.float32)
    zeros = graph.constant("fc.zero", np.zeros(10), np.int8)
    bias = graph.constant("fc.bias", graph.dice.integers(-3000, 3000, 10), np.int32)
    operands = ["flat", *graph.scale(0.07, 1), weight, scales, zeros, bias, *graph.scale(0.5, 4)]
    graph.node("QGemm", operands, ["scores"], "com.microsoft", alpha=1.0, transA=0, transB=1)
    return graph


def test_a_residual_network_is_bit_exact_and_fully_described(residual: Any, compare: Any) -> None:
    network = compare(residual, ["image"], ["scores"], images=8)
    assert [layer.op_type for layer in network.layers] == [
        *["QLinearConv"] * 3,
        "com.microsoft.QLinearAdd",
        "MaxPool",
        "com.microsoft.QGemm",
    ]
    macs = [800 * 27, 800 * 9, 800 * 8, 0, 0, 200 * 10]
    assert [layer.macs for layer in network.layers] == macs
    weights, biases, scales = 8 * 27 + 8 * 9 + 8 * 8 + 200 * 10, 4 * (8 + 8 + 10), 4 * (8 + 8 + 8 + 10)
    assert network.weight_bytes == weights + biases + scales
    assert network.constant_bytes == biases + scales
    assert sum(layer.weight_bytes for layer in network.layers) == network.weight_bytes
    assert f"{weights} bytes of weights, {biases + scales} bytes" in network.data_source
    assert network.layers[0].inputs == ("image",)
    assert network.layers[3].inputs == ("point", "stem")


def test_the_arena_holds_activations_once_and_neither_inputs_nor_outputs(residual: Any, compare: Any) -> None:
    plan = compare(residual, ["image"], ["scores"], images=1).plan
    assert set(plan.offsets) == {"stem", "depth", "point", "sum", "pooled", "flat"}
    assert plan.offsets["flat"] == plan.offsets["pooled"], "a reshape is no copy"
    assert plan.offsets["sum"] in {plan.offsets["point"], plan.offsets["stem"]}, "the sum overwrites a branch"
    assert plan.size == plan.lower_bound == 3 * 800
    assert plan.peak_layer == "conv_point"
    assert set(plan.peak_tensors) == {"stem", "depth", "point"}


def test_the_sources_keep_the_rules_of_firmware(residual: Any, quiet: Any) -> None:
    network = generate(residual.lowered(["image"], ["scores"]), quiet)
    for word in ("malloc", "alloca", "restrict", "static int", "assert"):
        assert word not in network.source
    functions = re.findall(r"(?m)^ZOO_LAYER void (\w+)\(.*\{$", network.source)
    assert functions == [layer.function for layer in network.layers]
    assert "void zoo_network_run(const void *const inputs[], void *const outputs[], void *arena);" in network.header
    assert "zero_point" not in network.source, "zero points are literals"
    assert generate(residual.lowered(["image"], ["scores"]), quiet) == network, "the same every time"


def test_convolutions_need_no_double_precision_and_saturate_right(build: Any, compare: Any) -> None:
    """A scale so large that nearly every result is beyond the range of int8, or beyond the integers of a float."""
    for scale in (0.02, 500.0):
        graph = build({"x": (INT8, (1, 3, 6, 6)), "y": (INT8, (1, 4, 6, 6))})
        graph.conv("x", "y", (4, 3, 1, 1))
        graph.constants["conv_y.scale"] = np.full(4, scale, np.float32)
        network = compare(graph, ["x"], ["y"])
        assert "f64" not in network.source


def test_inputs_and_outputs_of_all_kinds(build: Any, compare: Any) -> None:
    """Two inputs; outputs that are read again, that are views of each other, and that are views of an input."""
    shape, flat = (1, 4, 6, 6), (1, 144)
    graph = build(
        {"a": (INT8, shape), "b": (INT8, shape), "sum": (INT8, shape), "twice": (INT8, shape)}
        | {"flat": (INT8, flat), "a_flat": (INT8, flat), "more": (INT8, shape)}
    )
    terms = ["a", *graph.scale(0.03, 1), "b", *graph.scale(0.02, -1)]
    graph.node("QLinearAdd", [*terms, *graph.scale(0.05, 0)], ["sum"], "com.microsoft")
    graph.node(
        "QLinearAdd",
        ["sum", *graph.scale(0.05), "sum", *graph.scale(0.05), *graph.scale(0.09)],
        ["twice"],
        "com.microsoft",
    )
    graph.node(
        "QLinearAdd",
        ["twice", *graph.scale(0.09), "b", *graph.scale(0.02, -1), *graph.scale(0.1)],
        ["more"],
        "com.microsoft",
    )
    graph.constant("shape", [1, -1], np.int64)
    graph.node("Reshape", ["sum", "shape"], ["flat"])
    graph.node("Reshape", ["a", "shape"], ["a_flat"])
    network = compare(graph, ["a", "b"], ["sum", "flat", "a_flat", "more"])
    assert network.plan.size == 0, "all that is computed is an output or overwrites one"
    assert [io.name for io in network.outputs] == ["sum", "flat", "a_flat", "more"]


def test_operators_that_move_data_and_float_islands(build: Any, compare: Any) -> None:
    shape = (1, 8, 6, 6)
    graph = build(
        {"x": (INT8, shape), "left": (INT8, (1, 4, 6, 6)), "right": (INT8, (1, 4, 6, 6)), "joined": (INT8, shape)}
        | {"wide": (INT8, (1, 8, 12, 12)), "padded": (INT8, (1, 8, 14, 14)), "cut": (INT8, (1, 8, 7, 7))}
        | {"turned": (INT8, (1, 7, 7, 8)), "real": ("float32", (1, 7, 7, 8)), "soft": ("float32", (1, 7, 7, 8))}
        | {"y": (INT8, (1, 7, 7, 8))}
    )
    graph.node("Split", ["x"], ["left", "right"], axis=1)
    joint = graph.scale(0.04, 3)
    graph.node("Concat", ["right", "left"], ["joined"], axis=1)
    graph.constant("factors", [1, 1, 2, 2], np.float32)
    graph.node(
        "Resize", ["joined", "", "factors"], ["wide"], mode="nearest", coordinate_transformation_mode="asymmetric"
    )
    graph.constant("pads", [0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    graph.constant("edge", 3, np.int8)
    graph.node("Pad", ["wide", "pads", "edge"], ["padded"])
    for name, value in {"starts": [1, 0], "ends": [14, 14], "axes": [2, 3], "steps": [2, 2]}.items():
        graph.constant(name, value, np.int64)
    graph.node("Slice", ["padded", "starts", "ends", "axes", "steps"], ["cut"])
    graph.node("Transpose", ["cut"], ["turned"], perm=[0, 2, 3, 1])
    graph.node("DequantizeLinear", ["turned", *joint], ["real"], name="island in")
    graph.node("Relu", ["real"], ["soft"])
    graph.node("QuantizeLinear", ["soft", *graph.scale(0.02, -7)], ["y"], name="island out")
    network = compare(graph, ["x"], ["y"])
    assert [layer.name for layer in network.layers][-3:] == ["island in", "Relu 7", "island out"]
    assert network.plan.offsets["soft"] == network.plan.offsets["real"]


def test_linear_interpolation_needs_no_array_of_variable_size(build: Any, on_host: Any, quiet: Any) -> None:
    graph = build({"x": ("float32", (1, 2, 4, 4)), "y": ("float32", (1, 2, 8, 8))})
    graph.constant("factors", [1, 1, 2, 2], np.float32)
    graph.node("Resize", ["x", "", "factors"], ["y"], mode="linear")
    host = on_host(generate(graph.lowered(["x"], ["y"]), quiet))
    x = np.arange(32, dtype=np.float32).reshape(1, 2, 4, 4)
    corner = host.run([x])[0][0, 0, :2, :2]
    np.testing.assert_allclose(corner, [[0, 0.25], [1, 1.25]])


def test_names_that_are_no_identifiers_or_look_like_ours(build: Any, compare: Any) -> None:
    shape = (1, 2, 4, 4)
    graph = build({"t1": (INT8, shape), "/a/b*/:0": (INT8, shape), "c0": (INT8, shape)})
    graph.conv("t1", "/a/b*/:0", (2, 2, 1, 1))
    graph.nodes[-1].name = "*/ int x; /*"
    graph.conv("/a/b*/:0", "c0", (2, 2, 1, 1))
    graph.nodes[-1].name = ""
    network = compare(graph, ["t1"], ["c0"])
    assert [layer.name for layer in network.layers] == ["*/ int x; /*", "c0"]
    assert [layer.function for layer in network.layers] == ["zoo_layer_000_int_x", "zoo_layer_001_c0"]
