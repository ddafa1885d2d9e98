"""The expansion of each private operator computes what its description says, in every bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_stm32.lowering.operators import DOMAIN, MEAN_POOL, SOFTMAX, TABLE_LOOKUP
from zoo_stm32.lowering.runnable import expand

TYPES = {"int8": TensorProto.INT8, "uint8": TensorProto.UINT8}


def model_of(
    op_type: str, shape: Any, kind: str, table: np.ndarray | None = None, **attributes: Any
) -> onnx.ModelProto:
    inputs = ["x"] if table is None else ["x", "table"]
    graph = helper.make_graph(
        [helper.make_node(op_type, inputs, ["y"], domain=DOMAIN, **attributes)],
        "one",
        [helper.make_tensor_value_info("x", TYPES[kind], shape)],
        [onnx.ValueInfoProto(name="y")],
        [] if table is None else [numpy_helper.from_array(table, "table")],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]
    return expand(helper.make_model(graph, opset_imports=opsets, ir_version=9))


def stored(shape: Any, kind: str) -> np.ndarray:
    limits = np.iinfo(kind)
    return np.random.default_rng(3).integers(limits.min, limits.max + 1, shape).astype(kind)


def saturate(values: np.ndarray, kind: str) -> np.ndarray:
    limits = np.iinfo(kind)
    return np.clip(values, limits.min, limits.max).astype(kind)


@pytest.mark.parametrize(
    ("kind", "result"), [("int8", "int8"), ("uint8", "uint8"), ("int8", "uint8"), ("uint8", "int8")]
)
def test_table_lookup_takes_the_least_value_to_the_first_entry(kind: str, result: str, run_graph: Any) -> None:
    table, x = stored(256, result), stored((1, 3, 40, 5), kind)
    found = run_graph(model_of(TABLE_LOOKUP, x.shape, kind, table), {"x": x})["y"]
    assert found.dtype == result
    assert np.array_equal(found, table[x.astype(int) - np.iinfo(kind).min])


@pytest.mark.parametrize("kind", ["int8", "uint8"])
@pytest.mark.parametrize("include", [0, 1])
def test_mean_pool_sums_in_integers_and_rounds_half_to_even(kind: str, include: int, run_graph: Any) -> None:
    x, kernel, strides, pads = stored((1, 4, 9, 8), kind), (3, 2), (2, 3), (1, 0, 2, 1)
    ratio, x_zero, y_zero = np.float32(0.37), 9, 21
    found = run_graph(
        model_of(
            MEAN_POOL, x.shape, kind, kernel_shape=kernel, strides=strides, pads=pads, count_include_pad=include,
            ratio=float(ratio), x_zero_point=x_zero, y_zero_point=y_zero, to=TYPES[kind],
        ),
        {"x": x},
    )["y"]  # fmt: skip
    rows = (9 + pads[0] + pads[2] - kernel[0]) // strides[0] + 1
    columns = (8 + pads[1] + pads[3] - kernel[1]) // strides[1] + 1
    wanted = np.zeros((1, 4, rows, columns), kind)
    for row in range(rows):
        for column in range(columns):
            top, left = row * strides[0] - pads[0], column * strides[1] - pads[1]
            part = x[:, :, max(top, 0) : top + kernel[0], max(left, 0) : left + kernel[1]].astype(np.int32) - x_zero
            count = np.float32(kernel[0] * kernel[1] if include else part.shape[2] * part.shape[3])
            mean = part.sum((2, 3)).astype(np.float32) * ratio / count
            wanted[:, :, row, column] = saturate(np.rint(mean).astype(np.int32) + y_zero, kind)
    assert np.array_equal(found, wanted)


def test_mean_pool_rounds_ties_to_even_before_it_adds_the_zero_point(run_graph: Any) -> None:
    x = np.array([1, 3, 5, -1, -3], np.int8).reshape(1, 5, 1, 1)
    options = {"kernel_shape": [1, 1], "strides": [1, 1], "pads": [0] * 4, "ratio": 0.5, "to": TYPES["int8"]}
    found = run_graph(model_of(MEAN_POOL, x.shape, "int8", y_zero_point=1, **options), {"x": x})["y"]
    assert found.ravel().tolist() == [1, 3, 3, 1, -1]  # 0.5, 1.5, 2.5, -0.5, -1.5 round to 0, 2, 2, 0, -2


@pytest.mark.parametrize("kind", ["int8", "uint8"])
@pytest.mark.parametrize("axis", [1, 2])
def test_softmax_divides_entries_by_their_integer_sum(kind: str, axis: int, run_graph: Any) -> None:
    x = stored((1, 6, 7), kind)
    table = np.rint(np.exp(-np.arange(256) * 0.05) * 2**20).astype(np.int32)
    factor = np.float32(1) / np.float32(0.004)
    model = model_of(SOFTMAX, x.shape, kind, table, axis=axis, factor=float(factor), y_zero_point=-3, to=TYPES["int8"])
    below = x.astype(int).max(axis, keepdims=True) - x.astype(int)
    powers = table[below]
    share = powers.astype(np.float32) * factor / powers.sum(axis, keepdims=True).astype(np.float32)
    assert np.array_equal(run_graph(model, {"x": x})["y"], saturate(np.rint(share).astype(np.int32) - 3, "int8"))
