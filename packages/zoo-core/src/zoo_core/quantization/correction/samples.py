"""Own the view of a linear layer as rows of inputs times a matrix, and the drawing of such rows from images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from zoo_core.quantization.correction.descent import Single
from zoo_core.quantization.correction.layers import LinearLayer
from zoo_core.quantization.correction.wiring import attribute_of

CONV_RANK = 4


@dataclass(frozen=True, slots=True)
class RowForm:
    """Describe a layer as `groups` products of rows of `inputs` numbers with a matrix of `inputs` x `outputs`."""

    groups: int
    outputs: int
    inputs: int
    node: onnx.NodeProto
    shape: tuple[int, ...]
    """Shape of the weights in the graph."""

    def matrix(self, weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return weights, or anything of their shape, as an array of shape (groups, outputs, inputs)."""
        rows = weights if self.node.op_type == "Conv" or self._rows_are_outputs else weights.T
        return rows.reshape(self.groups, self.outputs, self.inputs)

    def weights(self, matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Undo `matrix`."""
        if self.node.op_type == "Conv" or self._rows_are_outputs:
            return matrix.reshape(self.shape)
        return matrix.reshape(self.shape[::-1]).T

    @property
    def _rows_are_outputs(self) -> bool:
        return self.node.op_type == "Gemm" and bool(attribute_of(self.node, "transB", 0))

    def positions(self, output_shape: tuple[int, ...]) -> int:
        """Return how many rows one image gives, from the shape of the layer's output."""
        channels = self.groups * self.outputs
        return math.prod(output_shape) // channels

    def draw_inputs(self, values: Single, output_shape: tuple[int, ...], chosen: npt.NDArray[np.int64]) -> Single:
        """Return the rows of chosen positions, of shape (groups, rows, inputs)."""
        if self.node.op_type != "Conv":
            return np.ascontiguousarray(values.reshape(-1, self.inputs)[chosen][None], dtype=np.float32)
        return self._draw_patches(values, output_shape, chosen)

    def draw_outputs(self, values: Single, chosen: npt.NDArray[np.int64]) -> Single:
        """Return what the layer gives at chosen positions, of shape (groups, rows, outputs)."""
        if self.node.op_type == "Conv":
            values = np.moveaxis(values, 1, -1)
        rows = values.reshape(-1, self.groups, self.outputs)[chosen]
        return np.ascontiguousarray(rows.transpose(1, 0, 2), dtype=np.float32)

    def _draw_patches(self, values: Single, output_shape: tuple[int, ...], chosen: npt.NDArray[np.int64]) -> Single:
        (high, wide), (down, right) = self.shape[2:], _pair(self.node, "strides")
        spread = _pair(self.node, "dilations")
        padded = np.pad(values, ((0, 0), (0, 0), *_padding(self.node, values.shape, output_shape, (high, wide))))
        image, row, column = np.unravel_index(chosen, (output_shape[0], *output_shape[2:]))
        rows = row[:, None] * down + np.arange(high) * spread[0]
        columns = column[:, None] * right + np.arange(wide) * spread[1]
        patches = padded[image[:, None, None], :, rows[:, :, None], columns[:, None, :]]
        # (positions, kernel rows, kernel columns, channels) -> (groups, positions, inputs)
        patches = patches.transpose(0, 3, 1, 2).reshape(len(chosen), self.groups, self.inputs)
        return np.ascontiguousarray(patches.transpose(1, 0, 2), dtype=np.float32)


def row_form(layer: LinearLayer) -> RowForm | None:
    """Return the row form of a two-dimensional convolution or a product with a matrix; of others there is none."""
    node, shape = layer.node, layer.float_weight.shape
    if node.op_type == "Conv" and len(shape) == CONV_RANK:
        groups = int(str(attribute_of(node, "group", 1)))
        return RowForm(groups, shape[0] // groups, math.prod(shape[1:]), node, shape)
    plain = not attribute_of(node, "transA", 0) and attribute_of(node, "alpha", 1.0) == 1.0
    if node.op_type in ("Gemm", "MatMul") and len(shape) == 2 and plain:  # noqa: PLR2004
        inputs, outputs = shape[::-1] if attribute_of(node, "transB", 0) else shape
        return RowForm(1, outputs, inputs, node, shape)
    return None


def _pair(node: onnx.NodeProto, name: str) -> tuple[int, int]:
    found: Any = attribute_of(node, name, (1, 1))
    return int(found[0]), int(found[1])


def _padding(
    node: onnx.NodeProto, shape: tuple[int, ...], output_shape: tuple[int, ...], kernel: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    mode = attribute_of(node, "auto_pad", b"NOTSET")
    if mode in (b"NOTSET", b""):
        pads: Any = attribute_of(node, "pads", (0, 0, 0, 0))
        return (int(pads[0]), int(pads[2])), (int(pads[1]), int(pads[3]))
    if mode == b"VALID":
        return (0, 0), (0, 0)
    ends = []
    for place, (stride, spread) in enumerate(zip(_pair(node, "strides"), _pair(node, "dilations"), strict=True)):
        reach = (output_shape[2 + place] - 1) * stride + (kernel[place] - 1) * spread + 1
        total = max(0, reach - shape[2 + place])
        less, more = total // 2, total - total // 2
        ends.append((less, more) if mode == b"SAME_UPPER" else (more, less))
    return ends[0], ends[1]
