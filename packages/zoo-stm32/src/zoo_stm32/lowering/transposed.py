"""Own the integer form of transposed convolutions: a convolution that makes blocks of pixels, then spread out."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from zoo_stm32.lowering.forms import NoIntegerFormError, Operand, Wanted
from zoo_stm32.lowering.products import write_convolution
from zoo_stm32.lowering.qdq import attribute
from zoo_stm32.lowering.weights import Weights, read_bias, read_weights

if TYPE_CHECKING:
    import onnx

    from zoo_stm32.lowering.rewriting import Rewriter

IMAGE_RANK = 4


@dataclass(frozen=True, slots=True)
class _Grid:
    """State how an image is made of blocks, in rows and columns."""

    block: tuple[int, int]
    """Pixels of a block, which are the strides."""
    count: tuple[int, int]
    """Blocks of the image before its borders are cut off."""
    start: tuple[int, int]
    """Rows and columns cut off at the start."""
    sizes: tuple[int, int]
    """Rows and columns of the result."""


def transposed_convolution(rewriter: Rewriter, wanted: Wanted) -> str:
    """Write a ConvTranspose of images as QLinearConv with all pixels of a block as channels, and a Transpose.

    Follows W. Shi et al., "Is the deconvolution layer the same as a convolutional layer?", arXiv 1609.07009.
    """
    node = wanted.node
    shape, result = rewriter.graph.shapes[node.input[0]], rewriter.graph.shapes[wanted.tensor]
    grid = _read_grid(node, shape, result)
    group = attribute(node, "group", 1)
    weights = read_weights(rewriter, node.input[1], 1, group)
    operand = rewriter.operand(node.input[0])
    bias = read_bias(rewriter, node, operand, weights)
    spread = _spread(weights, grid)
    taps = spread.values.shape[2:]
    ends = [count - size for count, size in zip(grid.count, shape[2:], strict=True)]
    if min(ends) < 0:
        raise NoIntegerFormError("it cuts off more than it adds")
    blocks = Operand(rewriter.writer.name(f"{wanted.tensor}_blocks"), wanted.params)
    write_convolution(
        rewriter,
        node.name,
        (operand, blocks),
        spread,
        None if bias is None else np.repeat(bias, prod(grid.block)),
        group=group,
        kernel_shape=list(taps),
        pads=[taps[0] - 1, taps[1] - 1, *ends],
    )
    return _unfold(rewriter, wanted, blocks.name, grid)


def _read_grid(node: onnx.NodeProto, shape: tuple[int, ...], result: tuple[int, ...]) -> _Grid:
    if len(shape) != IMAGE_RANK or any(step != 1 for step in attribute(node, "dilations", [1, 1])):
        raise NoIntegerFormError("it is not a plain transposed convolution of images")
    if attribute(node, "auto_pad", "NOTSET") != "NOTSET" or attribute(node, "output_shape", None) is not None:
        raise NoIntegerFormError("its padding is given by the size of its output")
    block, start = attribute(node, "strides", [1, 1]), attribute(node, "pads", [0, 0, 0, 0])[:2]
    count = [-(-(begin + size) // step) for begin, size, step in zip(start, result[2:], block, strict=True)]
    return _Grid((block[0], block[1]), (count[0], count[1]), (start[0], start[1]), (result[2], result[3]))


def _spread(weights: Weights, grid: _Grid) -> Weights:
    """Return weights with a channel per pixel of a block: pixel p of block Y takes w[p + s * j] from input Y - j."""
    out, inner, *kernel = weights.values.shape
    taps = [-(-size // step) for size, step in zip(kernel, grid.block, strict=True)]
    rows, columns = (tap * step for tap, step in zip(taps, grid.block, strict=True))
    filled = np.full((out, inner, rows, columns), weights.zero_point, np.int8)
    filled[:, :, : kernel[0], : kernel[1]] = weights.values
    parts = filled.reshape(out, inner, taps[0], grid.block[0], taps[1], grid.block[1])[:, :, ::-1, :, ::-1]
    values = np.ascontiguousarray(parts.transpose(0, 3, 5, 1, 2, 4).reshape(-1, inner, *taps))
    scale = weights.scale if weights.scale.size == 1 else np.repeat(weights.scale, prod(grid.block))
    return Weights(values, scale, weights.zero_point)


def _unfold(rewriter: Rewriter, wanted: Wanted, blocks: str, grid: _Grid) -> str:
    """Write the moving of channels to rows and columns, and the cutting of the borders."""
    writer, tensor, name = rewriter.writer, wanted.tensor, wanted.node.name
    result = rewriter.graph.shapes[tensor]
    full = (1, result[1], *(count * step for count, step in zip(grid.count, grid.block, strict=True)))
    parts, turned, whole = (writer.name(f"{tensor}_{part}") for part in ("parts", "turned", "whole"))
    writer.reshape(blocks, (1, result[1], *grid.block, *grid.count), parts, name=f"{name}_parts")
    writer.node("Transpose", [parts], [turned], name=f"{name}_turn", perm=[0, 1, 4, 2, 5, 3])
    output = rewriter.fresh(tensor, wanted.params)
    if full == result:
        writer.reshape(turned, full, output, name=f"{name}_shape")
        return output
    writer.reshape(turned, full, whole, name=f"{name}_shape")
    ends = [start + size for start, size in zip(grid.start, grid.sizes, strict=True)]
    limits = [writer.constant("cut", np.array(item, np.int64)) for item in (grid.start, ends, (2, 3))]
    writer.node("Slice", [whole, *limits], [output], name=f"{name}_cut")
    return output
