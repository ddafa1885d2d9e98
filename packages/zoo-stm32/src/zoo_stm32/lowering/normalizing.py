"""Own the integer form of Softmax: exponentials from a table, summed as integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx

from zoo_stm32.lowering.forms import NoIntegerFormError, Wanted
from zoo_stm32.lowering.operators import DOMAIN, LEVELS, SOFTMAX
from zoo_stm32.lowering.probe import Array
from zoo_stm32.lowering.qdq import attribute

if TYPE_CHECKING:
    from zoo_stm32.lowering.rewriting import Rewriter

LONGEST = 2048
"""Longest axis: the rounding of its exponentials adds up to less than half a step of an 8-bit result."""
EXACT_BITS = 24
SUM_BITS = 30


def softmax(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a Softmax with a table of exponentials in fixed point."""
    node, params = wanted.node, wanted.params
    shape = rewriter.graph.shapes[wanted.tensor]
    axis = int(attribute(node, "axis", -1)) % len(shape)
    if shape[axis] > LONGEST:
        raise NoIntegerFormError(f"its axis has more than {LONGEST} elements, too many for exact integer sums")
    operand = rewriter.operand(node.input[0])
    output = rewriter.fresh(wanted.tensor, params)
    table = exponentials(operand.params.scale, shape[axis])
    rewriter.writer.node(
        SOFTMAX,
        [operand.name, rewriter.writer.constant("exponentials", table)],
        [output],
        name=node.name,
        domain=DOMAIN,
        axis=axis,
        y_zero_point=params.zero_point,
        factor=float(np.float32(1) / np.float32(params.scale)),
        to=onnx.helper.np_dtype_to_tensor_dtype(np.dtype(params.type)),
    )
    return output


def exponentials(scale: float, length: int) -> Array:
    """Return exp(-d * scale) for differences d of 0 to 255 in fixed point, such that a sum of `length` fits int32."""
    bits = min(EXACT_BITS, SUM_BITS - (length - 1).bit_length())
    table: Array = np.rint(np.exp(-np.arange(LEVELS) * float(scale)) * 2.0**bits).astype(np.int32)
    return table
