"""Every operator that a QDQ graph may hold becomes integer operators with the same results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

from zoo_stm32.lowering import as_runnable, lower
from zoo_stm32.network import generate

Build = Callable[[Any], Any]
"""Takes a builder, returns the name of the float tensor that is the output."""
IMAGE = (1, 6, 9, 7)


def conv(b: Any, shape: Any = (8, 6, 3, 3), *, bias: str | None = "int32", axis: int | None = 0, **options: Any) -> str:
    x = b.input("x", IMAGE, scale=0.02)
    weights = b.weights(shape, channel_axis=axis)
    inputs = [x, weights]
    if bias == "float":
        inputs.append(b.constant(b.random.normal(0, 1, shape[0]).astype(np.float32)))
    if bias == "int32":
        inputs.append(_bias(b, x, weights, shape[0]))
    return b.step("Conv", inputs, "y", scale=0.06, **options)


def _bias(b: Any, x: str, weights: str, channels: int) -> str:
    known = {tensor.name: tensor for tensor in b.constants}
    read = {node.output[0]: node for node in b.nodes}
    scales = [numpy_helper.to_array(known[read[name].input[1]]) for name in (x, weights)]
    step = (scales[0] * np.ones(channels, np.float32) * scales[1]).astype(np.float32)
    return b.stored(
        b.random.integers(-9000, 9000, channels).astype(np.int32), step, np.zeros(channels, np.int32), axis=0
    )


def linear(b: Any, *, transposed: bool, axis: int | None) -> str:
    x = b.input("x", (1, 40), scale=0.03)
    shape = (12, 40) if transposed else (40, 12)
    bias = b.constant(b.random.normal(0, 1, 12).astype(np.float32))
    return b.step("Gemm", [x, b.weights(shape, channel_axis=axis), bias], "y", transB=int(transposed), scale=0.05)


def transposed(b: Any, kernel: int, stride: int, pad: int, *, extra: int = 0, group: int = 1) -> str:
    x = b.input("x", IMAGE, scale=0.02)
    weights = b.weights((6, 4 // group, kernel, kernel), channel_axis=1)
    bias = b.constant(b.random.normal(0, 1, 4).astype(np.float32))
    options = {"strides": [stride] * 2, "pads": [pad] * 4, "output_padding": [extra] * 2, "group": group}
    return b.step("ConvTranspose", [x, weights, bias], "y", scale=0.06, **options)


def pair(b: Any, op_type: str, other: Any = IMAGE, **options: Any) -> str:
    inputs = [b.input("x", IMAGE), b.input("z", other)]
    return b.step(op_type, inputs, "y", scale=0.05, **options)


def with_constant(b: Any, op_type: str, shape: Any) -> str:
    values = b.random.integers(-128, 128, shape).astype(np.int8)
    return b.step(op_type, [b.input("x", IMAGE), b.stored(values, 0.02, np.int8(7))], "y", scale=0.05)


def same(b: Any, op_type: str, *others: Any, **options: Any) -> str:
    """Quantize the result as the input is."""
    x = b.input("x", IMAGE, scale=0.03, zero_point=5)
    return b.step(op_type, [x, *(b.constant(value) for value in others)], "y", scale=0.03, zero_point=5, **options)


def other(b: Any, op_type: str, *others: Any, **options: Any) -> str:
    """Quantize the result unlike the input."""
    inputs = [b.input("x", IMAGE), *(b.constant(value) for value in others)]
    return b.step(op_type, inputs, "y", **options)


def resize(b: Any, mode: str, **options: Any) -> str:
    inputs = [b.input("x", IMAGE), "", b.constant(np.array([1, 1, 2, 2], np.float32))]
    return b.step("Resize", inputs, "y", mode=mode, **options)


def swish(b: Any) -> str:
    x = b.input("x", IMAGE, scale=0.04)
    gate = b.step("Sigmoid", [x], "gate", scale=1 / 256, zero_point=-128)
    return b.step("Mul", [x, gate], "y", scale=0.03)


def gelu(b: Any) -> str:
    x = b.input("x", IMAGE, scale=0.03)
    inner = b.op("Div", [x, b.constant(np.float32(2**0.5))], "inner")
    error = b.op("Add", [b.op("Erf", [inner], "erf"), b.constant(np.float32(1))], "error")
    return b.step("Mul", [b.op("Mul", [x, error], "product"), b.constant(np.float32([0.5]))], "y", scale=0.02)


def double(b: Any) -> str:
    x = b.input("x", IMAGE)
    return b.step("Add", [x, x], "y", scale=0.08)


def squeeze_excite(b: Any) -> str:
    x = b.input("x", IMAGE, scale=0.04)
    pooled = b.step("ReduceMean", [x], "pooled", axes=[2, 3], keepdims=1, scale=0.01)
    gate = b.step("HardSigmoid", [pooled], "gate", scale=1 / 255, zero_point=-128)
    return b.step("Mul", [x, gate], "y", scale=0.03)


def clipped_conv(b: Any) -> str:
    x = b.input("x", IMAGE, scale=0.02)
    y = b.op("Conv", [x, b.weights((8, 6, 1, 1), channel_axis=0)], "conv")
    limits = [b.constant(np.float32(-0.5)), b.constant(np.float32(1.5))]
    return b.step("Clip", [b.op("Relu", [y], "relu"), *limits], "y", scale=0.02, zero_point=10)


def shuffle(b: Any) -> str:
    x = b.input("x", IMAGE)
    parts = b.op("Reshape", [x, b.constant(np.array([1, 2, 3, 9, 7]))], "parts")
    turned = b.op("Transpose", [parts], "turned", perm=[0, 2, 1, 3, 4])
    return b.step("Reshape", [turned, b.constant(np.array([1, -1, 9, 7]))], "y", scale=0.05)


def split(b: Any) -> str:
    x = b.input("x", IMAGE, scale=0.03, zero_point=5)
    b.nodes.append(helper.make_node("Split", [x, b.constant(np.array([2, 4]))], ["low", "high"], name="split", axis=1))
    low, high = b.quantized("low", scale=0.03, zero_point=5), b.quantized("high", scale=0.05, zero_point=-9)
    return b.step("Concat", [high, low], "y", axis=1, scale=0.05, zero_point=-9)


def attention(b: Any) -> str:
    first, second = b.input("x", (1, 2, 10, 8), scale=0.02), b.input("z", (1, 2, 8, 10), scale=0.02)
    scores = b.step("MatMul", [first, second], "scores", scale=0.06)
    return b.step("Softmax", [scores], "y", axis=-1, scale=1 / 256, zero_point=-128)


def tokens(b: Any) -> str:
    x = b.input("x", (1, 10, 16), scale=0.02)
    return b.step("MatMul", [x, b.weights((16, 24), channel_axis=1)], "y", scale=0.05)


POOL = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
PADS = np.array([0, 0, 1, 2, 0, 0, 0, 1])
CASES: dict[str, tuple[Build, dict[str, int], bool]] = {
    # name: (graph, operators it becomes, whether every result equals the QDQ graph's in every bit)
    "conv": (lambda b: conv(b, pads=[1, 1, 1, 1]), {"QLinearConv": 1}, False),
    "conv of one scale": (lambda b: conv(b, axis=None, strides=[2, 2]), {"QLinearConv": 1}, False),
    "conv without bias": (lambda b: conv(b, bias=None, dilations=[2, 2]), {"QLinearConv": 1}, False),
    "conv with float bias": (lambda b: conv(b, bias="float"), {"QLinearConv": 1}, False),
    "depthwise conv": (lambda b: conv(b, (6, 1, 3, 3), group=6, auto_pad="SAME_UPPER"), {"QLinearConv": 1}, False),
    "grouped conv": (lambda b: conv(b, (8, 3, 3, 3), group=2), {"QLinearConv": 1}, False),
    "clipped conv": (clipped_conv, {"QLinearConv": 1, "TableLookup": 1}, False),
    "gemm": (lambda b: linear(b, transposed=True, axis=0), {"QLinearConv": 1, "Reshape": 2}, False),
    "gemm by columns": (lambda b: linear(b, transposed=False, axis=1), {"QLinearConv": 1, "Reshape": 2}, False),
    "gemm of one scale": (lambda b: linear(b, transposed=False, axis=None), {"QLinearConv": 1, "Reshape": 2}, False),
    "matmul by constant": (tokens, {"QLinearConv": 1, "Reshape": 2}, False),
    "attention": (attention, {"QLinearMatMul": 1, "Softmax": 1}, False),
    "transposed conv 2": (
        lambda b: transposed(b, 2, 2, 0), {"QLinearConv": 1, "Reshape": 2, "Transpose": 1}, False),
    "transposed conv 4": (
        lambda b: transposed(b, 4, 2, 1), {"QLinearConv": 1, "Reshape": 2, "Transpose": 1, "Slice": 1}, False),
    "transposed conv 3": (
        lambda b: transposed(b, 3, 2, 1, extra=1), {"QLinearConv": 1, "Reshape": 2, "Transpose": 1, "Slice": 1}, False),
    "transposed conv grouped": (
        lambda b: transposed(b, 3, 3, 0, group=2), {"QLinearConv": 1, "Reshape": 2, "Transpose": 1}, False),
    "add": (lambda b: pair(b, "Add"), {"QLinearAdd": 1}, False),
    "add over channels": (lambda b: pair(b, "Add", (1, 6, 1, 1)), {"QLinearAdd": 1}, False),
    "add of itself": (double, {"TableLookup": 1}, True),
    "add of constants": (lambda b: with_constant(b, "Add", (1, 6, 1, 1)), {"QLinearAdd": 1}, False),
    "mul by constants": (lambda b: with_constant(b, "Mul", (6, 1, 1)), {"QLinearMul": 1}, False),
    "mul by one constant": (lambda b: with_constant(b, "Mul", ()), {"TableLookup": 1}, True),
    "sub": (lambda b: pair(b, "Sub"), {"QLinearAdd": 1}, False),
    "mul": (lambda b: pair(b, "Mul"), {"QLinearMul": 1}, False),
    "max": (lambda b: pair(b, "Max"), {"Max": 1, "TableLookup": 2}, True),
    "concat": (lambda b: pair(b, "Concat", axis=1), {"Concat": 1, "TableLookup": 2}, True),
    "squeeze and excite": (squeeze_excite, {"MeanPool": 1, "TableLookup": 1, "QLinearMul": 1}, False),
    "swish": (swish, {"TableLookup": 1}, True),
    "gelu": (gelu, {"TableLookup": 1}, True),
    "relu": (lambda b: other(b, "Relu"), {"TableLookup": 1}, True),
    "clip": (lambda b: other(b, "Clip", np.float32(0), np.float32(6)), {"TableLookup": 1}, True),
    "hard swish": (lambda b: other(b, "HardSwish"), {"TableLookup": 1}, True),
    "leaky relu": (lambda b: other(b, "LeakyRelu", alpha=0.2), {"TableLookup": 1}, True),
    "tanh": (lambda b: other(b, "Tanh", scale=1 / 128, zero_point=0), {"TableLookup": 1}, True),
    "max pool": (lambda b: same(b, "MaxPool", **POOL), {"MaxPool": 1}, True),
    "max pool requantized": (lambda b: other(b, "MaxPool", **POOL), {"MaxPool": 1, "TableLookup": 1}, True),
    "global max pool": (lambda b: same(b, "GlobalMaxPool"), {"MaxPool": 1}, True),
    "reduce max": (lambda b: same(b, "ReduceMax", axes=[1], keepdims=1), {"ReduceMax": 1}, True),
    "average pool": (lambda b: other(b, "AveragePool", **POOL), {"MeanPool": 1}, False),
    "average pool with padding": (
        lambda b: other(b, "AveragePool", count_include_pad=1, **POOL), {"MeanPool": 1}, False),
    "average pool up": (lambda b: other(b, "AveragePool", ceil_mode=1, kernel_shape=[2, 3], strides=[2, 2]),
        {"MeanPool": 1}, False),
    "global average pool": (lambda b: other(b, "GlobalAveragePool", scale=0.01), {"MeanPool": 1}, False),
    "mean of images": (lambda b: other(b, "ReduceMean", axes=[-1, -2], keepdims=0, scale=0.01),
        {"MeanPool": 1, "Reshape": 1}, False),
    "mean of channels": (lambda b: other(b, "ReduceMean", axes=[1], keepdims=1, scale=0.01),
        {"MeanPool": 1, "Reshape": 2}, False),
    "resize": (lambda b: resize(b, "nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        scale=0.05), {"Resize": 1, "TableLookup": 1}, True),
    "pad": (lambda b: same(b, "Pad", PADS), {"Pad": 1}, True),
    "pad with a number": (lambda b: other(b, "Pad", PADS, np.float32(0.7)), {"Pad": 1, "TableLookup": 1}, True),
    "pad by reflection": (lambda b: same(b, "Pad", PADS, mode="reflect"), {"Pad": 1}, True),
    "slice": (lambda b: same(b, "Slice", np.array([1, 0]), np.array([8, 5]), np.array([2, 3]), np.array([2, 1])),
        {"Slice": 1}, True),
    "split": (split, {"Split": 1, "TableLookup": 2, "Concat": 1}, True),
    "gather": (lambda b: same(b, "Gather", np.array([5, 0, 2]), axis=1), {"Gather": 1}, True),
    "flatten": (lambda b: same(b, "Flatten", axis=1), {"Reshape": 1}, True),
    "unsqueeze": (lambda b: same(b, "Unsqueeze", np.array([2])), {"Reshape": 1}, True),
    "transpose": (lambda b: other(b, "Transpose", perm=[0, 2, 3, 1]), {"Transpose": 1, "TableLookup": 1}, True),
    "shuffle": (shuffle, {"Reshape": 2, "Transpose": 1, "TableLookup": 1}, True),
    "depth to space": (lambda b: b.step("DepthToSpace", [b.input("x", (1, 8, 3, 3), scale=0.03, zero_point=0)], "y",
        blocksize=2, mode="CRD", scale=0.03, zero_point=0), {"DepthToSpace": 1}, True),
}  # fmt: skip
OF_INT8 = frozenset({
    "add of constants", "mul by constants", "mul by one constant", "attention", "squeeze and excite", "swish", "split",
    "tanh", "shuffle", "depth to space",
})  # fmt: skip
"""Cases with zero points or constants that only int8 has."""


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for kind in ("int8", "uint8") for name in CASES if kind == "int8" or name not in OF_INT8],
)
def test_operator_becomes_integer_with_the_same_result(name: str, kind: str, qdq: Any, compare: Any) -> None:
    build, operators, exact = CASES[name]
    builder = qdq(kind)
    comparison = compare(builder.finish(build(builder)))
    assert comparison.lowered.islands == ()
    assert comparison.operators == operators
    assert set(comparison.lowered.origins.values()) >= {f"{name}_q" for name in ("x", "y")}
    assert max(comparison.local.values()) <= (0 if exact else 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_c_code_gives_what_onnxruntime_gives(name: str, qdq: Any, quiet: Any, on_host: Any, run_graph: Any) -> None:
    builder = qdq("int8")
    lowered = lower(builder.finish(CASES[name][0](builder)))
    network = on_host(generate(lowered, quiet))
    for seed in range(3):
        generator = np.random.default_rng(seed)
        stored = {io.name: generator.integers(-128, 128, io.shape).astype(np.int8) for io in lowered.inputs}
        wanted = run_graph(as_runnable(lowered), stored)
        found = network.run(list(stored.values()))
        assert all(np.array_equal(wanted[io.name], value) for io, value in zip(lowered.outputs, found, strict=True))


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_weights_of_uint8_with_a_zero_point_give_the_same(kind: str, qdq: Any, compare: Any) -> None:
    builder = qdq(kind)
    x = builder.input("x", IMAGE, scale=0.02)
    model = builder.finish(builder.step("Conv", [x, builder.weights((8, 6, 3, 3), kind="uint8")], "y", scale=0.4))
    comparison = compare(model)
    assert comparison.operators == {"QLinearConv": 1}
    assert max(comparison.local.values()) <= 1


def test_max_pool_padding_never_wins_over_negative_values(qdq: Any, compare: Any) -> None:
    builder = qdq("int8")
    x = builder.input("x", IMAGE, scale=0.03, zero_point=127)
    comparison = compare(builder.finish(builder.step("MaxPool", [x], "y", scale=0.03, zero_point=127, **POOL)))
    assert comparison.operators == {"MaxPool": 1}
    assert comparison.exact


def test_relu_that_the_quantization_holds_writes_nothing(qdq: Any, compare: Any) -> None:
    builder = qdq("int8")
    x = builder.input("x", IMAGE, scale=0.02)
    conv_output = builder.op("Conv", [x, builder.weights((8, 6, 1, 1), channel_axis=0)], "conv")
    comparison = compare(builder.finish(builder.step("Relu", [conv_output], "y", scale=0.02, zero_point=-128)))
    assert comparison.operators == {"QLinearConv": 1}
