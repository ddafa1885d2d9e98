"""Own the expansion of a lowered graph to operators that onnxruntime has, equal in every bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from zoo_stm32.artifacts import LoweredModel
from zoo_stm32.lowering.operators import DOMAIN, MEAN_POOL, MICROSOFT, SOFTMAX, TABLE_LOOKUP
from zoo_stm32.lowering.probe import Array
from zoo_stm32.lowering.qdq import attribute


def as_runnable(lowered: LoweredModel) -> onnx.ModelProto:
    """Return the graph for onnxruntime; every tensor of the lowered graph keeps its name and gets the same value.

    Run it with all graph optimisations off: fusing would change how sums and quotients are rounded.
    """
    return expand(lowered.model)


def expand(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model without private operators, and with QLinearAdd in the order of operations that the C code has."""
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    types |= {value.name: value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.value_info)}
    types |= {value.name: value.type.tensor_type.elem_type for value in model.graph.output}
    expanded = onnx.ModelProto()
    expanded.CopyFrom(model)
    del expanded.graph.node[:]
    for index, node in enumerate(model.graph.node):
        expansion = _EXPANSIONS.get((node.domain, node.op_type))
        if expansion is None:
            expanded.graph.node.append(node)
            continue
        part = _Part(f"{node.output[0]}__{index}", types)
        expansion(part, node)
        expanded.graph.node.extend(part.nodes)
        expanded.graph.initializer.extend(part.constants)
    kept = [entry for entry in model.opset_import if entry.domain != DOMAIN]
    del expanded.opset_import[:]
    expanded.opset_import.extend(kept)
    return expanded


@dataclass
class _Part:
    """Collect the nodes that stand for one node."""

    prefix: str
    types: dict[str, int]

    def __post_init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: Array) -> str:
        name = f"{self.prefix}_c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def add(self, op_type: str, inputs: Sequence[str], output: str | None = None, **attributes: Any) -> str:
        name = output or f"{self.prefix}_t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, inputs, [name], name=name, **attributes))
        return name

    def cast(self, name: str, to: int) -> str:
        return self.add("Cast", [name], to=to)

    def less(self, name: str, value: int) -> str:
        """Cast to int32 and subtract."""
        return self.add("Sub", [self.cast(name, TensorProto.INT32), self.constant(np.array(value, np.int32))])

    def finish(self, name: str, zero_point: int, to: int, output: str) -> None:
        """Round half to even, add the zero point, saturate."""
        kind = helper.tensor_dtype_to_np_dtype(to)
        one, zero = self.constant(np.array(1, np.float32)), self.constant(np.array(zero_point, kind))
        self.add("QuantizeLinear", [name, one, zero], output)


def _table_lookup(part: _Part, node: onnx.NodeProto) -> None:
    """Look up by index; Gather counts negative indices from the end, so for int8 the table is turned by half."""
    source, table = node.input
    if part.types[source] == TensorProto.INT8:
        table = part.add("Gather", [table, part.constant(np.r_[128:256, 0:128].astype(np.int32))])
    part.add("Gather", [table, part.cast(source, TensorProto.INT32)], node.output[0])


def _mean_pool(part: _Part, node: onnx.NodeProto) -> None:
    """Sum by a convolution with ones: float sums of integers below 2^24 are exact in any order."""
    shifted = part.cast(part.less(node.input[0], attribute(node, "x_zero_point", 0)), TensorProto.FLOAT)
    kernel = list(attribute(node, "kernel_shape", None))
    windows = {
        "kernel_shape": kernel,
        "strides": attribute(node, "strides", None),
        "pads": attribute(node, "pads", None),
    }
    dims = part.add("Shape", [shifted])
    flat = part.add("Reshape", [shifted, _dims(part, dims, (-1, 1))])
    ones = part.constant(np.ones((1, 1, *kernel), np.float32))
    sums = part.add("Conv", [flat, ones], **windows)
    scaled = part.add("Mul", [sums, part.constant(np.array(attribute(node, "ratio", 1.0), np.float32))])
    if attribute(node, "count_include_pad", 0):
        count = part.constant(np.array(kernel[0] * kernel[1], np.float32))
    else:
        count = part.add("Conv", [_ones_like(part, flat), ones], **windows)
    mean = part.add("Div", [scaled, count])
    back = part.add("Reshape", [mean, _back(part, dims, mean)])
    part.finish(back, attribute(node, "y_zero_point", 0), attribute(node, "to", 0), node.output[0])


def _slice(part: _Part, name: str, start: int, end: int) -> str:
    return part.add("Slice", [name, part.constant(np.array([start])), part.constant(np.array([end]))])


def _dims(part: _Part, dims: str, head: tuple[int, ...]) -> str:
    """Return the given axes followed by the last two of a shape."""
    return part.add("Concat", [part.constant(np.array(head)), _slice(part, dims, 2, 4)], axis=0)


def _back(part: _Part, dims: str, mean: str) -> str:
    """Return batch and channels of one shape followed by the last two axes of a tensor."""
    return part.add("Concat", [_slice(part, dims, 0, 2), _slice(part, part.add("Shape", [mean]), 2, 4)], axis=0)


def _ones_like(part: _Part, name: str) -> str:
    shape = part.add("Shape", [name])
    return part.add("ConstantOfShape", [shape], value=numpy_helper.from_array(np.ones(1, np.float32)))


def _softmax(part: _Part, node: onnx.NodeProto) -> None:
    axis = attribute(node, "axis", -1)
    wide = part.cast(node.input[0], TensorProto.INT32)
    top = part.add("ArgMax", [wide], axis=axis, keepdims=1)
    below = part.add("Sub", [part.add("GatherElements", [wide, top], axis=axis), wide])
    powers = part.add("Gather", [node.input[1], below])
    total = part.add("ReduceSum", [powers, part.constant(np.array([axis]))], keepdims=1)
    factor = part.constant(np.array(attribute(node, "factor", 1.0), np.float32))
    scaled = part.add("Mul", [part.cast(powers, TensorProto.FLOAT), factor])
    share = part.add("Div", [scaled, part.cast(total, TensorProto.FLOAT)])
    part.finish(share, attribute(node, "y_zero_point", 0), attribute(node, "to", 0), node.output[0])


def _add(part: _Part, node: onnx.NodeProto) -> None:
    """Follow the C code: both terms in float32, sum, quotient, zero point, then rounding half to even."""
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = node.input
    terms = [part.add("DequantizeLinear", [a, a_scale, a_zero]), part.add("DequantizeLinear", [b, b_scale, b_zero])]
    quotient = part.add("Div", [part.add("Add", terms), y_scale])
    shifted = part.add("Add", [quotient, part.cast(y_zero, TensorProto.FLOAT)])
    part.finish(shifted, 0, part.types[y_zero], node.output[0])


_EXPANSIONS: dict[tuple[str, str], Callable[[_Part, onnx.NodeProto], None]] = {
    (DOMAIN, TABLE_LOOKUP): _table_lookup,
    (DOMAIN, MEAN_POOL): _mean_pool,
    (DOMAIN, SOFTMAX): _softmax,
    (MICROSOFT, "QLinearAdd"): _add,
}
