"""Own the counting of an ONNX graph's parameters and multiply-accumulate operations, without running it."""

from __future__ import annotations

from math import prod

import onnx
from onnx import TensorProto

WEIGHT_POSITIONS = {
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "Gemm": (1, 2),
    "MatMul": (0, 1),
    "BatchNormalization": (1, 2, 3, 4),
    "InstanceNormalization": (1, 2),
    "LayerNormalization": (1, 2),
    "GroupNormalization": (1, 2),
    "PRelu": (1,),
    "Add": (0, 1),
    "Mul": (0, 1),
}
"""Inputs of an operator that may hold learnt values."""
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
Shape = list[int]


def count_parameters(model: onnx.ModelProto) -> int:
    """Return the number of learnt values: weights and biases, quantized or not, but no scales and zero points."""
    shapes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    stored = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    used = {
        stored.get(name, name)
        for node in model.graph.node
        for position, name in enumerate(node.input)
        if position in WEIGHT_POSITIONS.get(node.op_type, ())
    }
    quantized = set(stored.values())
    scalars = {name for name, dims in shapes.items() if not dims}
    learnt = [name for name in used & set(shapes) - scalars if types[name] in FLOATS or name in quantized]
    return sum(prod(shapes[name]) for name in learnt)


def count_macs(model: onnx.ModelProto) -> int | None:
    """Return the multiply-accumulate operations of convolutions and matrix products for one image.

    Nothing is returned when a shape cannot be found out.
    """
    shapes = _shapes_for_one_image(model)
    total = 0
    for node in model.graph.node:
        if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
            continue
        first, second, out = (shapes.get(name) for name in (node.input[0], node.input[1], node.output[0]))
        if first is None or second is None or out is None:
            return None
        total += _macs(node, first, second, out)
    return total


def _macs(node: onnx.NodeProto, first: Shape, second: Shape, out: Shape) -> int:
    """Count one node: shapes of its two operands and of its output."""
    if node.op_type == "Conv":
        return prod(out) * prod(second[1:])
    if node.op_type == "ConvTranspose":
        return prod(first) * prod(second[1:])
    if node.op_type == "MatMul":
        return prod(out) * first[-1]
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return prod(out) * first[0 if transposed else 1]


def _shapes_for_one_image(model: onnx.ModelProto) -> dict[str, Shape]:
    single = onnx.ModelProto()
    single.CopyFrom(model)
    del single.graph.value_info[:]
    weights = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    for value in single.graph.input:
        dims = value.type.tensor_type.shape.dim
        if value.name not in weights and dims:
            dims[0].dim_value = 1
    for value in single.graph.output:
        value.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(single, data_prop=True).graph
    known = dict(weights)
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        dims = value.type.tensor_type.shape.dim
        if all(dim.HasField("dim_value") for dim in dims):
            known[value.name] = [dim.dim_value for dim in dims]
    return known
