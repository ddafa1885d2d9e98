"""Graphs rewritten in another opset compute the same, checked with onnx's reference implementation."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from zoo_core import UserError
from zoo_core.export.opset import change_opset, opset_of

SHAPE = (2, 7, 5, 6)


def graph(nodes: list[onnx.NodeProto], outputs: int = 1, opset: int = 18, **constants: Any) -> onnx.ModelProto:
    """Build a model of float32 input `x` of shape SHAPE and outputs `y0`, `y1`, ... with INT64 constants."""
    weights = [numpy_helper.from_array(np.asarray(value, np.int64), name) for name, value in constants.items()]
    return helper.make_model(
        helper.make_graph(
            nodes,
            "test",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
            [helper.make_tensor_value_info(f"y{index}", TensorProto.FLOAT, None) for index in range(outputs)],
            weights,
        ),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=8,
    )


def names(count: int) -> list[str]:
    return [f"y{index}" for index in range(count)]


node = helper.make_node
CASES = {
    "split_uneven": (graph([node("Split", ["x"], names(3), axis=1, num_outputs=3)], 3), ["Split"]),
    "split_sizes": (graph([node("Split", ["x", "s"], names(2), axis=1)], 2, s=[3, 4]), ["Split"]),
    "mean_axes": (graph([node("ReduceMean", ["x", "a"], ["y0"], keepdims=0)], a=[2, 3]), ["ReduceMean"]),
    "mean_explicit_default": (
        graph([node("ReduceMean", ["x", "a"], ["y0"], noop_with_empty_axes=0)], a=[-1]),
        ["ReduceMean"],
    ),
    "max_all": (graph([node("ReduceMax", ["x"], ["y0"], keepdims=1)]), ["ReduceMax"]),
    "noop": (graph([node("ReduceMean", ["x"], ["y0"], noop_with_empty_axes=1)]), ["Identity"]),
    "pad_axes": (graph([node("Pad", ["x", "p", "", "a"], ["y0"])], p=[1, 2, 3, 0], a=[-1, 1]), ["Pad"]),
    "pad_all": (graph([node("Pad", ["x", "p"], ["y0"])], p=[0, 1, 0, 2, 0, 0, 1, 0]), ["Pad"]),
    "mish": (graph([node("Mish", ["x"], ["y0"], name="m")]), ["Softplus", "Tanh", "Mul"]),
    "axes_from_constant_node": (
        graph([
            node("Constant", [], ["a"], value=numpy_helper.from_array(np.array([1], np.int64))),
            node("ReduceMin", ["x", "a"], ["y0"]),
        ]),
        ["Constant", "ReduceMin"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_lower_to_17_computes_the_same(case: str) -> None:
    model, operators = CASES[case]
    original = onnx.ModelProto.FromString(model.SerializeToString())
    images = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    wanted = ReferenceEvaluator(original).run(None, {"x": images})
    lowered = change_opset(model, 17)
    assert opset_of(lowered) == 17
    assert [part.op_type for part in lowered.graph.node] == operators
    onnx.checker.check_model(lowered, full_check=True)
    session = onnxruntime.InferenceSession(lowered.SerializeToString(), providers=["CPUExecutionProvider"])
    for expected, found in zip(wanted, session.run(None, {"x": images}), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_lower_removes_constants_nobody_uses() -> None:
    lowered = change_opset(graph([node("ReduceMean", ["x", "a"], ["y0"])], a=[2, 3]), 17)
    assert not lowered.graph.initializer


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("Resize", ["x", "", "s"], ["y0"], antialias=1, mode="linear", name="up")], 'Resize "up" uses antialias'),
        ([node("ReduceL2", ["x"], ["y0"], noop_with_empty_axes=1, name="n")], 'ReduceL2 "n" reduces no axis'),
        ([node("BitwiseNot", ["i"], ["z"]), node("Cast", ["z"], ["y0"], to=1)], "opset 17"),
        ([node("Shape", ["x"], ["h"], start=0, end=1), node("ReduceMax", ["x", "h"], ["y0"])], "computed tensor"),
    ],
)
def test_lower_impossible_says_so(nodes: list[onnx.NodeProto], message: str) -> None:
    model = graph(nodes, i=[1])
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "s"))
    with pytest.raises(UserError, match=message):
        change_opset(model, 17)


def test_raise_13_to_21_computes_the_same() -> None:
    model = graph([node("ReduceMean", ["x"], ["m"], axes=[1]), node("Relu", ["m"], ["y0"])], opset=13)
    images = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    wanted = ReferenceEvaluator(model).run(None, {"x": images})
    raised = change_opset(model, 21)
    assert (opset_of(raised), raised.ir_version) == (21, 10)
    session = onnxruntime.InferenceSession(raised.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"x": images})[0], wanted[0], rtol=1e-6)


def test_same_opset_is_left_alone() -> None:
    model = graph([node("Relu", ["x"], ["y0"])], opset=15)
    before = model.SerializeToString()
    assert change_opset(model, 15).SerializeToString() == before


def test_opset_of_other_domains_does_not_count() -> None:
    model = graph([node("Relu", ["x"], ["y0"])], opset=15)
    model.opset_import.insert(0, helper.make_opsetid("com.microsoft", 99))
    assert opset_of(model) == 15
