"""Own the integer forms of means and extremes over windows or axes."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from typing import TYPE_CHECKING

import numpy as np
import onnx

from zoo_stm32.lowering.forms import NoIntegerFormError, Operand, Wanted
from zoo_stm32.lowering.operators import DOMAIN, MAX_WINDOW, MEAN_POOL
from zoo_stm32.lowering.qdq import Params, attribute, input_name

if TYPE_CHECKING:
    from zoo_stm32.lowering.rewriting import Rewriter

IMAGE_RANK = 4


@dataclass(frozen=True, slots=True)
class _Window:
    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    count_include_pad: int = 0


@dataclass(frozen=True, slots=True)
class _Axes:
    """Count the elements before, in and behind neighbouring axes."""

    before: int
    reduced: int
    behind: int


def average_pool(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write an AveragePool of images as MeanPool."""
    node = wanted.node
    shape = rewriter.graph.shapes[node.input[0]]
    if len(shape) != IMAGE_RANK:
        raise NoIntegerFormError("it pools over other than two axes")
    window = _read_window(node, shape[2:], rewriter.graph.shapes[wanted.tensor][2:])
    output = rewriter.fresh(wanted.tensor, wanted.params)
    return _write_mean(rewriter, node.name, rewriter.operand(node.input[0]), window, Operand(output, wanted.params))


def mean(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a mean over neighbouring axes as MeanPool.

    Other axes than rows and columns are viewed as (1, before, reduced, behind).
    """
    node, shapes = wanted.node, rewriter.graph.shapes
    shape, result = shapes[node.input[0]], shapes[wanted.tensor]
    axes = _reduced_axes(rewriter, node)
    operand = rewriter.operand(node.input[0])
    if len(shape) == IMAGE_RANK and axes == (2, 3):
        window, given = _Window((shape[2], shape[3])), (*shape[:2], 1, 1)
    else:
        sizes = _sizes(shape, axes)
        view = rewriter.writer.name(f"{wanted.tensor}_view")
        viewed = (1, sizes.before, sizes.reduced, sizes.behind)
        rewriter.writer.reshape(operand.name, viewed, view, name=f"{node.name}_view")
        operand, window = Operand(view, operand.params), _Window((sizes.reduced, 1))
        given = (1, sizes.before, 1, sizes.behind)
    output = rewriter.fresh(wanted.tensor, wanted.params)
    target = Operand(output if given == result else rewriter.writer.name(f"{wanted.tensor}_mean"), wanted.params)
    _write_mean(rewriter, node.name, operand, window, target)
    if given != result:
        rewriter.writer.reshape(target.name, result, output, name=f"{node.name}_shape")
    return output


def float_mean(rewriter: Rewriter, node: onnx.NodeProto, output: str) -> None:
    """Write a mean over the last axes whose result is not quantized: integer sums by MatMulInteger, then one product.

    Raises:
        NoIntegerFormError: When it reduces other axes, or its input is not quantized.
    """
    shape, writer = rewriter.graph.shapes[node.input[0]], rewriter.writer
    sizes = _sizes(shape, _reduced_axes(rewriter, node))
    operand = rewriter.operand(node.input[0])
    if sizes.behind != 1 or sizes.reduced > MAX_WINDOW:
        raise NoIntegerFormError("it does not reduce the last axes")
    rows, sums, real, scaled = (writer.name(f"{output}_{part}") for part in ("rows", "sums", "real", "scaled"))
    writer.reshape(operand.name, (sizes.before, sizes.reduced), rows, name=f"{node.name}_rows")
    ones = writer.constant("ones", np.ones((sizes.reduced, 1), np.int8))
    writer.node("MatMulInteger", [rows, ones, writer.zero_point(operand.params)], [sums], name=node.name)
    writer.node("Cast", [sums], [real], name=f"{node.name}_cast", to=onnx.TensorProto.FLOAT)
    factor = np.float32(operand.params.scale / sizes.reduced)
    writer.node("Mul", [real, writer.scale(float(factor))], [scaled], name=f"{node.name}_scale")
    writer.reshape(scaled, rewriter.graph.shapes[node.output[0]], output, name=f"{node.name}_shape")


def max_pool(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a MaxPool on stored values; padding never wins, because it counts as the least value of the type."""
    node = wanted.node
    if any(name and rewriter.graph.consumers[name] for name in node.output[1:]):
        raise NoIntegerFormError("the places of its maxima are asked for")
    operand = rewriter.operand(node.input[0])
    output = rewriter.fresh(wanted.tensor, operand.params)
    rewriter.writer.copy(node, [operand.name], [output])
    return rewriter.requantize(Operand(output, operand.params), wanted)


def global_max_pool(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a GlobalMaxPool as MaxPool over the whole image, which integers have."""
    node = wanted.node
    operand = rewriter.operand(node.input[0])
    output = rewriter.fresh(wanted.tensor, operand.params)
    kernel = list(rewriter.graph.shapes[node.input[0]][2:])
    rewriter.writer.node("MaxPool", [operand.name], [output], name=node.name, kernel_shape=kernel)
    return rewriter.requantize(Operand(output, operand.params), wanted)


def extreme(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a ReduceMax or ReduceMin on stored values."""
    node, constants = wanted.node, rewriter.graph.constants
    axes = [name for name in node.input[1:] if name]
    if any(name not in constants for name in axes):
        raise NoIntegerFormError("its axes are not constant")
    operand = rewriter.operand(node.input[0])
    inputs = [operand.name, *(rewriter.writer.constant(name, constants[name]) for name in axes)]
    output = rewriter.fresh(wanted.tensor, operand.params)
    rewriter.writer.copy(node, inputs, [output])
    return rewriter.requantize(Operand(output, operand.params), wanted)


def _reduced_axes(rewriter: Rewriter, node: onnx.NodeProto) -> tuple[int, ...]:
    rank = len(rewriter.graph.shapes[node.input[0]])
    if node.op_type == "GlobalAveragePool":
        return tuple(range(2, rank))
    axes = attribute(node, "axes", None)
    if axes is None and input_name(node, 1):
        axes = rewriter.graph.constants.get(node.input[1])
    if axes is None or len(axes) == 0:
        if attribute(node, "noop_with_empty_axes", 0):
            raise NoIntegerFormError("it reduces no axis")
        axes = range(rank)
    return tuple(sorted(int(axis) % rank for axis in axes))


def _sizes(shape: tuple[int, ...], axes: tuple[int, ...]) -> _Axes:
    first, last = axes[0], axes[-1] + 1
    if axes != tuple(range(first, last)):
        raise NoIntegerFormError("it reduces axes that are not neighbours")
    return _Axes(prod(shape[:first]), prod(shape[first:last]), prod(shape[last:]))


def _write_mean(rewriter: Rewriter, name: str, operand: Operand, window: _Window, result: Operand) -> str:
    if prod(window.kernel) > MAX_WINDOW:
        raise NoIntegerFormError(f"its windows have more than {MAX_WINDOW} elements")
    rewriter.writer.node(
        MEAN_POOL,
        [operand.name],
        [result.name],
        name=name,
        domain=DOMAIN,
        kernel_shape=list(window.kernel),
        strides=list(window.strides),
        pads=list(window.pads),
        count_include_pad=window.count_include_pad,
        x_zero_point=operand.params.zero_point,
        y_zero_point=result.params.zero_point,
        ratio=ratio(operand.params, result.params),
        to=onnx.helper.np_dtype_to_tensor_dtype(np.dtype(result.params.type)),
    )
    return result.name


def ratio(source: Params, target: Params) -> float:
    """Return the quotient of two scales, rounded to float32."""
    return float(np.float32(source.scale) / np.float32(target.scale))


def _read_window(node: onnx.NodeProto, sizes: tuple[int, ...], results: tuple[int, ...]) -> _Window:
    kernel = attribute(node, "kernel_shape", None)
    strides = attribute(node, "strides", [1, 1])
    if any(step != 1 for step in attribute(node, "dilations", [1, 1])):
        raise NoIntegerFormError("its windows have gaps")
    include = int(attribute(node, "count_include_pad", 0))
    pads = list(attribute(node, "pads", [0, 0, 0, 0]))
    mode = attribute(node, "auto_pad", "NOTSET")
    for axis in range(2):
        needed = max((results[axis] - 1) * strides[axis] + kernel[axis] - sizes[axis], 0)
        if mode in ("SAME_UPPER", "SAME_LOWER"):
            pads[axis] = needed // 2 if mode == "SAME_UPPER" else ceil(needed / 2)
            pads[axis + 2] = needed - pads[axis]
        elif needed > pads[axis] + pads[axis + 2]:
            if include:
                raise NoIntegerFormError("ceil_mode with count_include_pad counts unevenly")
            pads[axis + 2] = needed - pads[axis]
    if any(pads[index] >= kernel[index % 2] for index in range(4)):
        raise NoIntegerFormError("its padding is as large as its windows")
    top, left, bottom, right = pads
    return _Window((kernel[0], kernel[1]), (strides[0], strides[1]), (top, left, bottom, right), include)
