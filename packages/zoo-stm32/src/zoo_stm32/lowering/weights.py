"""Own the reading of constant weights and biases as int8 and int32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx

from zoo_stm32.lowering.forms import NoIntegerFormError, Operand
from zoo_stm32.lowering.probe import Array
from zoo_stm32.lowering.qdq import input_name

if TYPE_CHECKING:
    from zoo_stm32.lowering.rewriting import Rewriter

BIAS = 2
"""Place of the bias among the inputs of Conv, ConvTranspose and Gemm."""
SAME_STEP = 1e-5
"""Relative difference up to which the scale of a bias is that of the products it is added to."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Hold int8 weights with output channels first, and the scale of each channel or of all."""

    values: Array
    scale: Array
    zero_point: int


def read_weights(rewriter: Rewriter, name: str, out_axis: int, group: int = 1) -> Weights:
    """Return constant weights as int8 with output channels first; uint8 is shifted by half its range.

    Raises:
        NoIntegerFormError: When they are computed, not quantized to 8 bits, or scaled along another axis.
    """
    constant = rewriter.graph.quantized_constant(name)
    if constant is None:
        raise NoIntegerFormError(f"its weights {name} are not a quantized constant")
    zero = np.unique(constant.zero_point)
    if zero.size != 1 or str(constant.values.dtype) not in ("int8", "uint8"):
        raise NoIntegerFormError(f"its weights {name} are not 8 bits with one zero point")
    shift = 128 if constant.values.dtype == np.uint8 else 0
    values = (constant.values.astype(np.int16) - shift).astype(np.int8)
    scale = constant.scale.astype(np.float32).reshape(-1)
    if scale.size > 1 and constant.axis != out_axis:
        raise NoIntegerFormError(f"its weights {name} have scales along axis {constant.axis}, not per output channel")
    if out_axis == 1:
        grouped = values.reshape(group, values.shape[0] // group, *values.shape[1:])
        values = np.swapaxes(grouped, 1, 2).reshape(-1, values.shape[0] // group, *values.shape[2:])
        scale = scale if scale.size == 1 else np.tile(scale, group)
    return Weights(np.ascontiguousarray(values), scale, int(zero[0]) - shift)


def read_bias(rewriter: Rewriter, node: onnx.NodeProto, operand: Operand, weights: Weights) -> Array | None:
    """Return a constant bias in int32 steps of input scale times weight scale, one per output channel.

    Raises:
        NoIntegerFormError: When it is computed, or is not one number per output channel.
    """
    name = input_name(node, BIAS)
    if not name:
        return None
    real = rewriter.graph.constants.get(name)
    if real is None:
        raise NoIntegerFormError(f"its bias {name} is not constant")
    channels = rewriter.graph.shapes[node.output[0]][1 if node.op_type.startswith("Conv") else -1]
    if real.size not in (1, channels):
        raise NoIntegerFormError(f"its bias {name} differs from row to row")
    step = np.float32(operand.params.scale) * weights.scale
    constant = rewriter.graph.quantized_constant(name)
    if constant is not None and constant.values.dtype == np.int32 and _same(constant.scale, step):
        stored = constant.values.astype(np.float64)
    else:
        stored = np.rint(real.reshape(-1).astype(np.float64) / step.astype(np.float64))
    limits = np.iinfo(np.int32)
    return np.broadcast_to(np.clip(stored, limits.min, limits.max).reshape(-1), (channels,)).astype(np.int32)


def _same(scale: Array, step: Array) -> bool:
    return bool(np.allclose(scale.reshape(-1), step, rtol=SAME_STEP, atol=0))
