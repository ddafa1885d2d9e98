"""The comparison of firmware with onnxruntime: what counts as different, and what a golden test may let pass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_core.training.silence import SilentProgress
from zoo_stm32.artifacts import Execution, IoTensor, Island, LoweredModel
from zoo_stm32.figures import exactness
from zoo_stm32.firmware import Golden
from zoo_stm32.verification import Comparison, compare, golden_data

SCORES = IoTensor(name="scores", type="int8", shape=(1, 4), scale=0.5, zero_point=3)
BOXES = IoTensor(name="boxes", type="float32", shape=(1, 3))
ISLAND = Island("norm", "LayerNormalization", "it has no integer form")
RIGHT = (np.array([1, -128, 127, 0], np.int8), np.array([0.5, -200, 7], np.float32))


def lowered(*outputs: IoTensor, islands: tuple[Island, ...] = ()) -> LoweredModel:
    return LoweredModel(model=onnx.ModelProto(), inputs=(), outputs=outputs, islands=islands, origins={})


def result(*arrays: Any) -> tuple[bytes, ...]:
    return tuple(np.asarray(array).tobytes() for array in arrays)


def compared(model: LoweredModel, wanted: list[tuple[Any, ...]], found: list[tuple[Any, ...]]) -> Comparison:
    data = [Golden(inputs=(bytes([index]),), outputs=result(*arrays)) for index, arrays in enumerate(wanted)]

    def run(inputs: Any) -> Execution:
        outputs = result(*found[inputs[0][0]])
        return Execution(outputs=outputs, instructions=inputs[0][0], layer_instructions={}, stack_bytes=8, seconds=0.1)

    return compare(model, data, run, SilentProgress(), "comparing")


def test_equal_bytes_are_exact_and_nothing_is_tolerated() -> None:
    found = compared(lowered(SCORES), [(RIGHT[0],)] * 2, [(RIGHT[0],)] * 2)
    assert found.exact
    assert found.finite
    assert exactness(found) == "yes"
    assert (found.inputs, found.first.instructions, found.golden.inputs) == (2, 0, (b"\0",))
    assert found.golden.tolerance == 0


def test_the_largest_difference_of_any_input_is_stated_in_steps() -> None:
    wrong = [np.array([1, -128, 126, 0], np.int8), np.array([2, -128, 124, 0], np.int8)]
    found = compared(lowered(SCORES), [(RIGHT[0],)] * 2, [(array,) for array in wrong])
    assert exactness(found) == "no: 3 of 8 values differ, by at most 3 steps of its quantization"
    assert found.golden.tolerance == 0  # nothing computes in floating point, so no other result is right


def test_the_ends_of_the_range_do_not_wrap() -> None:
    found = compared(lowered(SCORES), [(RIGHT[0],)], [(np.array([1, 127, -128, 0], np.int8),)])
    assert found.gaps[0].largest == 255


def test_each_output_is_counted_in_its_own_unit() -> None:
    model = lowered(SCORES, BOXES, islands=(ISLAND,))
    other = np.array([0.5, -200.25, 7], np.float32)
    found = compared(model, [RIGHT], [(RIGHT[0], other)])
    assert [(gap.different, gap.values) for gap in found.gaps] == [(0, 4), (1, 3)]
    assert exactness(found) == "no: 1 of 3 values of boxes differ, by at most 0.25"
    both = compared(model, [RIGHT], [(RIGHT[0] ^ 1, other)])
    assert exactness(both) == (
        "no: 4 of 4 values of scores differ, by at most 1 step of its quantization; "
        "1 of 3 values of boxes differ, by at most 0.25"
    )


@pytest.mark.parametrize(
    ("tensor", "wanted", "found", "tolerance"),
    [
        (SCORES, RIGHT[0], RIGHT[0], 1.0),
        (SCORES, RIGHT[0], np.array([1, -126, 127, 0], np.int8), 2.0),
        (BOXES, RIGHT[1], RIGHT[1], 200 * 1e-5),
        (BOXES, RIGHT[1], np.array([0.5, -200.25, 7], np.float32), 0.25),
        (BOXES, np.array([1, np.inf, np.nan], np.float32), np.array([1, np.inf, np.nan], np.float32), 1e-5),
    ],
)
def test_behind_floating_point_other_mathematics_are_tolerated(
    tensor: IoTensor, wanted: Any, found: Any, tolerance: float
) -> None:
    comparison = compared(lowered(tensor, islands=(ISLAND,)), [(wanted,)], [(found,)])
    assert comparison.golden.tolerance == pytest.approx(tolerance, rel=1e-6)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_equals_itself_and_nothing_else(broken: float) -> None:
    values = np.array([broken, 0, 1], np.float32)
    assert compared(lowered(BOXES), [(values,)], [(values,)]).exact
    found = compared(lowered(BOXES), [(values,)], [(np.array([2, 0, 1], np.float32),)])
    assert [(gap.different, gap.largest) for gap in found.gaps] == [(1, math.inf)]
    assert not found.finite


def test_large_integers_are_compared_to_the_last_bit() -> None:
    counts = IoTensor(name="counts", type="int64", shape=(1,))
    found = compared(lowered(counts), [(np.array([2**60]),)], [(np.array([2**60 + 1]),)])
    assert not found.exact


def adder() -> LoweredModel:
    """Return a graph of two inputs and two outputs: the larger of both, and a comparison of floats."""
    kinds = {"a": TensorProto.INT8, "b": TensorProto.INT8, "x": TensorProto.FLOAT}
    graph = helper.make_graph(
        [helper.make_node("Max", ["a", "b"], ["top"]), helper.make_node("Mul", ["x", "two"], ["twice"])],
        "pair",
        [helper.make_tensor_value_info(name, kind, (1, 64)) for name, kind in kinds.items()],
        [
            helper.make_tensor_value_info("twice", TensorProto.FLOAT, (1, 64)),
            helper.make_tensor_value_info("top", TensorProto.INT8, (1, 64)),
        ],
        [numpy_helper.from_array(np.array(2, np.float32), "two")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    inputs = tuple(
        IoTensor(name=name, type="float32" if name == "x" else "int8", shape=(1, 64)) for name in ("a", "b", "x")
    )
    outputs = (IoTensor(name="top", type="int8", shape=(1, 64)), IoTensor(name="twice", type="float32", shape=(1, 64)))
    return LoweredModel(model=model, inputs=inputs, outputs=outputs, islands=(), origins={})


def test_golden_data_follow_the_order_of_inputs_and_outputs() -> None:
    data = golden_data(adder(), 3)
    assert len(data) == 3
    for golden in data:
        a, b = (np.frombuffer(content, np.int8) for content in golden.inputs[:2])
        x = np.frombuffer(golden.inputs[2], np.float32)
        np.testing.assert_array_equal(np.frombuffer(golden.outputs[0], np.int8), np.maximum(a, b))
        np.testing.assert_array_equal(np.frombuffer(golden.outputs[1], np.float32), 2 * x)
    drawn = np.frombuffer(b"".join(golden.inputs[0] for golden in data), np.int8)
    assert drawn.min() < -110
    assert drawn.max() > 110
    assert golden_data(adder(), 1)[0] == data[0]
    assert len({golden.inputs for golden in data}) == 3
