"""Own the integer forms of convolutions and matrix products: QLinearConv for all that have constant weights."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from zoo_stm32.lowering.forms import NoIntegerFormError, Operand, Wanted
from zoo_stm32.lowering.probe import Array
from zoo_stm32.lowering.qdq import attribute
from zoo_stm32.lowering.weights import Weights, read_bias, read_weights

if TYPE_CHECKING:
    from zoo_stm32.lowering.rewriting import Rewriter

MATRIX_RANK = 2


def convolution(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a Conv as QLinearConv."""
    node = wanted.node
    weights = read_weights(rewriter, node.input[1], 0)
    operand = rewriter.operand(node.input[0])
    bias = read_bias(rewriter, node, operand, weights)
    result = Operand(rewriter.fresh(wanted.tensor, wanted.params), wanted.params)
    attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    return write_convolution(rewriter, node.name, (operand, result), weights, bias, **attributes)


def gemm(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a Gemm with constant weights as QLinearConv over one pixel."""
    node = wanted.node
    if attribute(node, "transA", 0) or attribute(node, "alpha", 1.0) != 1.0 or attribute(node, "beta", 1.0) != 1.0:
        raise NoIntegerFormError("it scales its factors or transposes the first")
    transposed = bool(attribute(node, "transB", 0))
    return _matrix_product(rewriter, wanted, read_weights(rewriter, node.input[1], 0 if transposed else 1))


def matmul(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a MatMul as QLinearConv over one pixel, or as QLinearMatMul when both factors are computed."""
    node, shapes = wanted.node, rewriter.graph.shapes
    if any(len(shapes[name]) < MATRIX_RANK for name in node.input):
        raise NoIntegerFormError("it multiplies a vector")
    if node.input[1] in rewriter.graph.constants and len(shapes[node.input[1]]) == MATRIX_RANK:
        return _matrix_product(rewriter, wanted, read_weights(rewriter, node.input[1], 1))
    first, second = (rewriter.operand(name) for name in node.input)
    if len({first.params.type, second.params.type, wanted.params.type}) > 1:
        raise NoIntegerFormError("its tensors are quantized to int8 and uint8 at once")
    writer, output = rewriter.writer, rewriter.fresh(wanted.tensor, wanted.params)
    inputs = [part for item in (first, second) for part in (item.name, *writer.quantization(item.params))]
    writer.node("QLinearMatMul", [*inputs, *writer.quantization(wanted.params)], [output], name=node.name)
    return output


def write_convolution(
    rewriter: Rewriter,
    name: str,
    tensors: tuple[Operand, Operand],
    weights: Weights,
    bias: Array | None,
    **attributes: Any,
) -> str:
    """Write a QLinearConv from one tensor to another and return the name of its result."""
    writer, (source, result) = rewriter.writer, tensors
    scale = weights.scale.reshape(()) if weights.scale.size == 1 else weights.scale
    inputs = [
        source.name,
        *writer.quantization(source.params),
        writer.constant(f"{name}_weight", weights.values),
        writer.constant(f"{name}_weight_scale", scale),
        writer.constant("zero_point", np.array(weights.zero_point, np.int8)),
        *writer.quantization(result.params),
    ]
    if bias is not None:
        inputs.append(writer.constant(f"{name}_bias", bias))
    writer.node("QLinearConv", inputs, [result.name], name=name, **attributes)
    return result.name


def _matrix_product(rewriter: Rewriter, wanted: Wanted, weights: Weights) -> str:
    """Write the product of rows and a constant matrix: every row is an image of one pixel."""
    node, writer, tensor = wanted.node, rewriter.writer, wanted.tensor
    operand = rewriter.operand(node.input[0])
    shape, result = rewriter.graph.shapes[node.input[0]], rewriter.graph.shapes[tensor]
    bias = read_bias(rewriter, node, operand, weights)
    pixels = Operand(writer.name(f"{tensor}_pixels"), operand.params)
    writer.reshape(operand.name, (prod(shape[:-1]), shape[-1], 1, 1), pixels.name, name=f"{node.name}_pixels")
    products = Operand(writer.name(f"{tensor}_products"), wanted.params)
    image = Weights(weights.values[:, :, None, None], weights.scale, weights.zero_point)
    write_convolution(rewriter, node.name, (pixels, products), image, bias, kernel_shape=[1, 1])
    output = rewriter.fresh(tensor, wanted.params)
    writer.reshape(products.name, result, output, name=f"{node.name}_shape")
    return output
