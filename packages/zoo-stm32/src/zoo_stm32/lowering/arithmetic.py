"""Own the integer forms of sums, differences, products, extremes and limits of tensors."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

import onnx

from zoo_stm32.lowering.forms import NoIntegerFormError, Operand, Wanted
from zoo_stm32.lowering.operators import MICROSOFT
from zoo_stm32.lowering.qdq import input_name

if TYPE_CHECKING:
    from zoo_stm32.lowering.rewriting import Rewriter

CLIPS = ("Relu", "Clip")


def add(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a sum as QLinearAdd."""
    return _binary(rewriter, wanted, "QLinearAdd", *_operands(rewriter, wanted))


def subtract(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a difference as QLinearAdd whose second scale is negative."""
    first, second = _operands(rewriter, wanted)
    negative = replace(second, params=replace(second.params, scale=-second.params.scale))
    return _binary(rewriter, wanted, "QLinearAdd", first, negative)


def multiply(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a product as QLinearMul."""
    return _binary(rewriter, wanted, "QLinearMul", *_operands(rewriter, wanted))


def select(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write an elementwise maximum or minimum on stored values, which have the order of the real ones."""
    sources = [rewriter.integer(name, wanted.params) for name in wanted.node.input]
    output = rewriter.fresh(wanted.tensor, wanted.params)
    rewriter.writer.copy(wanted.node, sources, [output])
    return output


def clip(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a Relu or Clip of a layer's result, with those before it, as a table that limits it.

    Nothing is written where the type limits it as much.
    """
    tensor, low, high = wanted.node.input[0], *_limits(rewriter, wanted.node)
    node = rewriter.graph.producers.get(tensor)
    while node is not None and node.op_type in CLIPS:
        inner_low, inner_high = _limits(rewriter, node)
        low, high = min(max(inner_low, low), high), min(max(inner_high, low), high)
        tensor = node.input[0]
        node = rewriter.graph.producers.get(tensor)
    return rewriter.clamp(rewriter.integer(tensor, wanted.params), (low, high), wanted)


def _limits(rewriter: Rewriter, node: onnx.NodeProto) -> tuple[float, float]:
    if node.op_type == "Relu":
        return 0.0, inf
    return _limit(rewriter, node, 1, -inf), _limit(rewriter, node, 2, inf)


def _limit(rewriter: Rewriter, node: onnx.NodeProto, index: int, default: float) -> float:
    name = input_name(node, index)
    if not name:
        return default
    value = rewriter.graph.constants.get(name)
    if value is None or value.size != 1:
        raise NoIntegerFormError(f"its limit {name} is not a constant number")
    return float(value.ravel()[0])


def _operands(rewriter: Rewriter, wanted: Wanted) -> tuple[Operand, Operand]:
    first, second = (rewriter.operand(name) for name in wanted.node.input)
    if len({first.params.type, second.params.type, wanted.params.type}) > 1:
        raise NoIntegerFormError("its tensors are quantized to int8 and uint8 at once")
    return first, second


def _binary(rewriter: Rewriter, wanted: Wanted, op_type: str, first: Operand, second: Operand) -> str:
    writer = rewriter.writer
    inputs = [part for item in (first, second) for part in (item.name, *writer.quantization(item.params))]
    output = rewriter.fresh(wanted.tensor, wanted.params)
    inputs += writer.quantization(wanted.params)
    writer.node(op_type, inputs, [output], name=wanted.node.name, domain=MICROSOFT)
    return output
