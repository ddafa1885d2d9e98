"""Own the integer forms of operators that only move elements: they run on stored values as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx

from zoo_stm32.lowering.forms import NoIntegerFormError, Operand, Wanted
from zoo_stm32.lowering.qdq import attribute, input_name

if TYPE_CHECKING:
    from zoo_stm32.lowering.rewriting import Rewriter

RESHAPING = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")
COPYING = ("Expand", "Tile")
PLAIN = (*RESHAPING, *COPYING, "Identity", "Transpose", "Slice", "Gather", "DepthToSpace", "SpaceToDepth")
PAD_VALUE = 2
"""Place of the constant among the inputs of Pad."""


def move(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write an operator of `PLAIN`, requantized afterwards, or before when it copies elements."""
    node, tensor = wanted.node, wanted.tensor
    others = _constant_inputs(rewriter, node)
    natural = rewriter.natural(node.input[0])
    own = wanted.params if natural is None or node.op_type in COPYING else natural
    source = rewriter.integer(node.input[0], own)
    if node.op_type == "Identity":
        moved = source
    elif node.op_type in RESHAPING:
        moved = rewriter.fresh(tensor, own)
        rewriter.writer.reshape(source, rewriter.graph.shapes[tensor], moved, name=node.name)
    else:
        moved = rewriter.fresh(tensor, own)
        rewriter.writer.copy(node, [source, *others], [moved])
    return rewriter.requantize(Operand(moved, own), wanted)


def split(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a Split once for all its outputs, each requantized where its parameters differ."""
    node = wanted.node
    own = rewriter.natural(node.input[0]) or wanted.params
    source = rewriter.integer(node.input[0], own)

    def write() -> tuple[str, ...]:
        outputs = tuple(rewriter.fresh(name, own) for name in node.output)
        rewriter.writer.copy(node, [source, *_constant_inputs(rewriter, node)], outputs)
        return outputs

    part = rewriter.parts(node, own, write)[list(node.output).index(wanted.tensor)]
    return rewriter.requantize(Operand(part, own), wanted)


def pad(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a Pad whose constant is quantized as its result is."""
    node = wanted.node
    others = _constant_inputs(rewriter, node)
    if attribute(node, "mode", "constant") == "constant":
        name = input_name(node, PAD_VALUE)
        value = rewriter.graph.constants[name].reshape(()) if name else np.zeros((), np.float32)
        others[1:2] = [rewriter.writer.constant("pad_value", wanted.params.quantize(value))]
    source = rewriter.integer(node.input[0], wanted.params)
    output = rewriter.fresh(wanted.tensor, wanted.params)
    rewriter.writer.copy(node, [source, *others], [output])
    return output


def concat(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a Concat of tensors that tables bring to the parameters of the result, exactly as QDQ rounds them."""
    sources = [rewriter.integer(name, wanted.params) for name in wanted.node.input]
    output = rewriter.fresh(wanted.tensor, wanted.params)
    rewriter.writer.copy(wanted.node, sources, [output])
    return output


def resize(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a Resize that repeats or skips elements."""
    node = wanted.node
    crops = attribute(node, "coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize"
    if attribute(node, "mode", "nearest") != "nearest" or crops:
        raise NoIntegerFormError("interpolation has no exact integer operator")
    own = rewriter.natural(node.input[0]) or wanted.params
    source = rewriter.integer(node.input[0], own)
    output = rewriter.fresh(wanted.tensor, own)
    rewriter.writer.copy(node, [source, *_constant_inputs(rewriter, node)], [output])
    return rewriter.requantize(Operand(output, own), wanted)


def _constant_inputs(rewriter: Rewriter, node: onnx.NodeProto) -> list[str]:
    """Return all inputs but the first, written as constants."""
    constants, names = rewriter.graph.constants, node.input[1:]
    for name in names:
        if name and name not in constants:
            raise NoIntegerFormError(f"its input {name} is not a constant")
    return [rewriter.writer.constant(name, constants[name]) if name else "" for name in names]
