"""Whole graphs: borders, islands, shared tensors, annotations, and models that are refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from zoo_core.errors import UserError
from zoo_stm32.lowering import as_runnable, lower, refuse_unsuitable

IMAGE = (1, 6, 8, 8)


def test_inputs_and_outputs_are_handed_over_as_stored(qdq: Any) -> None:
    builder = qdq()
    x = builder.input("image", ("batch", *IMAGE[1:]), scale=0.02, zero_point=3)
    y = builder.step("Conv", [x, builder.weights((4, 6, 1, 1))], "y", scale=0.05, zero_point=-7)
    lowered = lower(builder.finish(y))
    (source,), (result,) = lowered.inputs, lowered.outputs
    assert (source.name, source.type, source.shape, source.zero_point) == ("image", "int8", IMAGE, 3)
    assert (result.name, result.type, result.shape, result.zero_point) == (y, "int8", (1, 4, 8, 8), -7)
    assert source.scale == np.float32(0.02)
    assert {node.op_type for node in lowered.model.graph.node} == {"QLinearConv"}
    assert lowered.origins == {"image": "image_q", y: "y_q"}


def test_every_tensor_is_annotated_with_its_shape(qdq: Any, run_graph: Any) -> None:
    builder = qdq()
    x = builder.input("x", ("N", *IMAGE[1:]))
    pooled = builder.step("GlobalAveragePool", [x], "pooled", scale=0.01)
    flat = builder.step("Flatten", [pooled], "flat", scale=0.02)
    y = builder.step("Gemm", [flat, builder.weights((6, 5))], "y", scale=0.05)
    lowered = lower(builder.finish(y))
    graph = lowered.model.graph
    onnx.checker.check_model(as_runnable(lowered))
    known = {value.name: value.type.tensor_type for value in (*graph.value_info, *graph.output)}
    assert set(known) == {name for node in graph.node for name in node.output}
    found = run_graph(as_runnable(lowered), {"x": np.zeros(IMAGE, np.int8)})
    for name, kind in known.items():
        assert tuple(size.dim_value for size in kind.shape.dim) == found[name].shape
        assert helper.tensor_dtype_to_np_dtype(kind.elem_type) == found[name].dtype


def test_one_tensor_feeds_many(qdq: Any, compare: Any) -> None:
    builder = qdq()
    x = builder.input("x", IMAGE, scale=0.02)
    left = builder.step("Conv", [x, builder.weights((6, 6, 1, 1))], "left", scale=0.2)
    right = builder.step("Relu", [x], "right")
    y = builder.step("Add", [left, right], "y", scale=0.2)
    z = builder.step("Add", [left, x], "z", scale=0.2)
    comparison = compare(builder.finish(y, z, left))
    assert comparison.operators == {"QLinearConv": 1, "TableLookup": 1, "QLinearAdd": 2}
    assert [io.name for io in comparison.lowered.outputs] == [y, z, left]
    assert max(comparison.local.values()) <= 1


def test_an_output_that_is_an_input_or_given_twice_is_copied(qdq: Any, compare: Any) -> None:
    builder = qdq()
    x = builder.input("x", IMAGE)
    again = builder.op("Identity", [builder.step("Tanh", [x], "y")], "again")
    comparison = compare(builder.finish(x, "y_dq", again))
    assert comparison.operators == {"Identity": 2, "TableLookup": 1}
    assert comparison.real == 0


def test_what_has_no_integer_form_stays_an_island_that_is_listed(qdq: Any, compare: Any) -> None:
    builder = qdq()
    x = builder.input("x", IMAGE)
    scale, bias = (builder.constant(np.full(8, value, np.float32)) for value in (1.5, 0.25))
    normal = builder.step("LayerNormalization", [x, scale, bias], "normal", axis=-1)
    sizes = builder.constant(np.array([1, 1, 2, 2], np.float32))
    y = builder.step("Resize", [normal, "", sizes], "y", mode="linear")
    comparison = compare(builder.finish(y))
    assert [(island.node, island.op_type) for island in comparison.lowered.islands] == [
        ("node_normal", "LayerNormalization"),
        ("node_y", "Resize"),
    ]
    assert "interpolation" in comparison.lowered.islands[1].reason
    assert comparison.operators["DequantizeLinear"] == comparison.operators["QuantizeLinear"] == 2
    assert comparison.exact


def test_a_mean_that_is_not_quantized_is_summed_in_integers(qdq: Any, compare: Any) -> None:
    builder = qdq()
    x = builder.input("x", IMAGE, scale=0.02)
    mean = builder.op("ReduceMean", [x], "mean", axes=[2, 3], keepdims=0)
    comparison = compare(builder.finish(mean))
    (io,) = comparison.lowered.outputs
    assert (io.type, io.shape) == ("float32", (1, 6))
    assert comparison.lowered.islands == ()
    assert comparison.operators["MatMulInteger"] == 1
    assert comparison.real < 1e-5


def test_an_input_that_is_also_used_in_floating_point_stays_float(qdq: Any, compare: Any) -> None:
    builder = qdq()
    x = builder.input("x", IMAGE)
    exponent = builder.op("Exp", ["x"], "exponent")
    y = builder.step("Conv", [x, builder.weights((4, 6, 1, 1))], "y", scale=0.3)
    comparison = compare(builder.finish(y, exponent))
    assert comparison.lowered.inputs[0].type == "float32"
    assert [island.op_type for island in comparison.lowered.islands] == ["Exp"]
    assert comparison.real < 0.31


def test_reshapes_in_a_row_become_one(qdq: Any, compare: Any) -> None:
    builder = qdq()
    x = builder.input("x", IMAGE, scale=0.03, zero_point=5)
    flat = builder.step("Flatten", [x], "flat", scale=0.03, zero_point=5)
    y = builder.step("Gemm", [flat, builder.weights((384, 4))], "y", scale=0.5)
    operators = compare(builder.finish(y)).operators
    assert operators == {"Reshape": 2, "QLinearConv": 1}


def test_a_shape_computed_from_the_batch_becomes_a_constant(qdq: Any, compare: Any) -> None:
    builder = qdq()
    x = builder.input("x", ("batch", *IMAGE[1:]), scale=0.03, zero_point=5)
    batch = builder.op("Gather", [builder.op("Shape", [x], "shape"), builder.constant(np.array([0]))], "first")
    target = builder.op("Concat", [batch, builder.constant(np.array([-1]))], "target", axis=0)
    y = builder.step("Reshape", [x, target], "y", scale=0.03, zero_point=5)
    comparison = compare(builder.finish(y))
    assert comparison.operators == {"Reshape": 1}
    assert comparison.lowered.outputs[0].shape == (1, 384)


def float_model() -> onnx.ModelProto:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3, "height", "width"]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "float", values[:1], values[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def test_every_reason_to_refuse_is_given_at_once() -> None:
    with pytest.raises(UserError) as caught:
        lower(float_model())
    message = str(caught.value)
    assert "3 reasons" in message
    assert "float model" in message
    assert "input x has no fixed length in axis 2 (height)" in message
    assert "input x has no fixed length in axis 3 (width)" in message
    assert "Quantize it first" in message


def test_more_than_8_bits_are_refused_by_name(qdq: Any) -> None:
    builder = qdq("int16", opset=21)
    model = builder.finish(builder.step("Relu", [builder.input("image", IMAGE)], "y"))
    with pytest.raises(UserError, match=re.escape("tensor image is quantized to int16")):
        refuse_unsuitable(model)


def test_old_opsets_and_operator_form_are_refused(qdq: Any) -> None:
    builder = qdq(opset=11)
    builder.op("QLinearGlobalAveragePool", [builder.input("x", IMAGE)], "y", domain="com.microsoft")
    with pytest.raises(UserError, match="instead of QDQ pairs") as caught:
        refuse_unsuitable(builder.finish("y"))
    assert "opset 11; 13 is the oldest" in str(caught.value)


def test_a_model_that_onnxruntime_cannot_run_is_refused_in_words(qdq: Any) -> None:
    builder = qdq()
    y = builder.step("Conv", [builder.input("x", IMAGE), builder.weights((4, 5, 1, 1))], "y")
    with pytest.raises(UserError, match="onnxruntime cannot run the model"):
        lower(builder.finish(y))
