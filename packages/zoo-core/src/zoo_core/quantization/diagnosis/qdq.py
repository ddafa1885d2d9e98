"""Own the reading of QDQ graphs: which integers, scales and zero points stand for which tensor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"
MARKERS = frozenset({QUANTIZE, DEQUANTIZE, "Constant"})
"""Nodes that are no layers."""
BITS = {
    TensorProto.INT4: (4, True), TensorProto.UINT4: (4, False), TensorProto.INT8: (8, True),
    TensorProto.UINT8: (8, False), TensorProto.INT16: (16, True), TensorProto.UINT16: (16, False),
    TensorProto.INT32: (32, True),
}  # fmt: skip
"""Element type -> number of bits, and whether there is a sign."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization:
    """State how a tensor is stored in integers: `value = scale * (integer - zero_point)`."""

    scale: Floats
    """One number, or one per channel."""
    zero_point: Integers
    """One number, or one per channel."""
    type: int
    """Element type of ONNX."""
    axis: int
    """Axis of the channels; without meaning when there is one scale."""
    block: int = 0
    """Values along the axis that share a scale; 0 when all of a channel do."""

    @property
    def per_channel(self) -> bool:
        """Tell whether the tensor has more than one scale."""
        return self.scale.size > 1

    @property
    def levels(self) -> tuple[int, int]:
        """Return the smallest and largest integer."""
        bits, signed = BITS[self.type]
        return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)

    @property
    def range(self) -> tuple[float, float]:
        """Return the smallest and largest value that can be stored, over all channels."""
        low, high = self.levels
        with np.errstate(over="ignore", invalid="ignore"):
            ends = self.scale * np.array([[low], [high]]) - self.scale * self.zero_point
        return float(ends.min()), float(ends.max())

    @property
    def magnitude(self) -> float:
        """Return the largest magnitude that can be stored."""
        return max(abs(end) for end in self.range)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """Hold a weight or bias that is stored in integers."""

    name: str
    """Tensor of integers."""
    integers: npt.NDArray[Any]
    quantization: Quantization
    scale_name: str
    zero_point_name: str

    def values(self) -> Floats:
        """Return the numbers that the integers stand for."""
        quantization, rank = self.quantization, self.integers.ndim
        scale, zero_point = quantization.scale, quantization.zero_point
        if quantization.block:
            scale = np.repeat(scale, quantization.block, axis=quantization.axis)
            zero_point = np.repeat(
                np.broadcast_to(zero_point, quantization.scale.shape), quantization.block, axis=quantization.axis
            )
        elif quantization.per_channel:
            shape = [-1 if axis == quantization.axis % rank else 1 for axis in range(rank)]
            scale, zero_point = scale.reshape(shape), np.broadcast_to(zero_point, scale.size).reshape(shape)
        return (self.integers.astype(np.float64) - zero_point) * scale


class QdqGraph:
    """Look things up in a graph with quantize and dequantize nodes; the graph must not change meanwhile."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.graph = model.graph
        self._initializers = {tensor.name: tensor for tensor in model.graph.initializer}
        self.producers = {name: node for node in model.graph.node for name in node.output if name}
        self.consumers: dict[str, list[onnx.NodeProto]] = {}
        for node in model.graph.node:
            for name in dict.fromkeys(node.input):
                self.consumers.setdefault(name, []).append(node)
        self.outputs = frozenset(value.name for value in model.graph.output)
        self.inputs = tuple(value.name for value in model.graph.input if value.name not in self._initializers)

    @property
    def layers(self) -> Iterator[onnx.NodeProto]:
        """Yield the nodes that compute, in their order."""
        return (node for node in self.graph.node if node.op_type not in MARKERS)

    def tensor(self, name: str) -> onnx.TensorProto | None:
        """Return a constant of the graph, or nothing when the tensor is computed."""
        if name in self._initializers:
            return self._initializers[name]
        node = self.producers.get(name)
        if node is None or node.op_type != "Constant":
            return None
        return next((attribute.t for attribute in node.attribute if attribute.name == "value"), None)

    def array(self, name: str) -> npt.NDArray[Any] | None:
        """Return the values of a constant, or nothing when the tensor is computed."""
        tensor = self.tensor(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def quantization(self, node: onnx.NodeProto) -> Quantization | None:
        """Return the scale and zero point of a quantize or dequantize node; nothing when they are computed."""
        scale = self.array(node.input[1])
        zero_tensor = self.tensor(node.input[2]) if len(node.input) > 2 and node.input[2] else None  # noqa: PLR2004
        if scale is None:
            return None
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        kind = int(zero_tensor.data_type) if zero_tensor is not None else self._type_without_zero(node, attributes)
        if kind not in BITS:
            return None
        zero_point = np.zeros(1) if zero_tensor is None else numpy_helper.to_array(zero_tensor)
        return Quantization(
            scale=np.atleast_1d(scale.astype(np.float64)),
            zero_point=np.atleast_1d(zero_point.astype(np.int64)),
            type=kind,
            axis=int(attributes.get("axis", 1)),
            block=int(attributes.get("block_size", 0)),
        )

    def constant(self, name: str) -> Constant | None:
        """Return the integers behind a dequantized weight or bias; nothing when the tensor is something else."""
        node = self.producers.get(name)
        if node is None or node.op_type != DEQUANTIZE:
            return None
        integers, quantization = self.array(node.input[0]), self.quantization(node)
        if integers is None or quantization is None:
            return None
        if quantization.type in (TensorProto.INT4, TensorProto.UINT4):
            integers = integers.astype(np.int8)
        zero_point_name = node.input[2] if len(node.input) > 2 else ""  # noqa: PLR2004
        return Constant(
            name=node.input[0],
            integers=integers,
            quantization=quantization,
            scale_name=node.input[1],
            zero_point_name=zero_point_name,
        )

    def dequantizer(self, name: str) -> onnx.NodeProto | None:
        """Return the node that dequantizes a tensor, when one does."""
        node = self.producers.get(name)
        return node if node is not None and node.op_type == DEQUANTIZE else None

    def quantizers(self, name: str) -> list[onnx.NodeProto]:
        """Return the nodes that quantize a tensor."""
        return [node for node in self.consumers.get(name, ()) if node.op_type == QUANTIZE]

    def source(self, name: str) -> str:
        """Return the tensor that was quantized to give a dequantized one; a tensor that was not stays itself."""
        node = self.producers.get(name)
        while node is not None and node.op_type in (QUANTIZE, DEQUANTIZE):
            name = node.input[0]
            node = self.producers.get(name)
        return name

    def _type_without_zero(self, node: onnx.NodeProto, attributes: dict[str, Any]) -> int:
        """Return the element type where the zero point was left out."""
        if node.op_type == QUANTIZE:
            return int(attributes.get("output_dtype", 0)) or int(TensorProto.UINT8)
        tensor = self.tensor(node.input[0])
        if tensor is not None:
            return int(tensor.data_type)
        before = self.producers.get(node.input[0])
        found = self.quantization(before) if before is not None and before.op_type == QUANTIZE else None
        return found.type if found is not None else int(TensorProto.UINT8)
