"""Own the reading of a QDQ graph: who makes a tensor, how it is quantized, what is constant."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from zoo_stm32.lowering.probe import Array, observe

QUANTIZE = "QuantizeLinear"
DEQUANTIZE = "DequantizeLinear"
ZERO_POINT = 2
"""Place of the zero point among the inputs of QuantizeLinear and DequantizeLinear."""
ACTIVATION_TYPES = ("int8", "uint8")


@dataclass(frozen=True, slots=True)
class Params:
    """State how a tensor is quantized: real value = (stored value - zero_point) * scale."""

    scale: float
    """Value of a float32."""
    zero_point: int
    type: str

    @property
    def limits(self) -> tuple[int, int]:
        """Return the least and the greatest stored value."""
        info = np.iinfo(self.type)
        return int(info.min), int(info.max)

    def quantize(self, values: Array) -> Array:
        """Return real values as they are stored, rounded half to even in float32."""
        steps = np.rint(np.asarray(values, np.float32) / np.float32(self.scale)) + np.float32(self.zero_point)
        stored: Array = np.clip(steps, *self.limits).astype(self.type)
        return stored


@dataclass(frozen=True, slots=True)
class QuantizedConstant:
    """Hold a constant as it is stored, with one scale and zero point, or one of each per index of an axis."""

    name: str
    values: Array
    scale: Array
    zero_point: Array
    axis: int

    @property
    def params(self) -> Params | None:
        """Return the parameters where there is one pair for an 8-bit tensor."""
        if self.scale.size != 1 or str(self.values.dtype) not in ACTIVATION_TYPES:
            return None
        return Params(float(self.scale.ravel()[0]), int(self.zero_point.ravel()[0]), str(self.values.dtype))


class QdqGraph:
    """Answer questions about a QDQ graph whose shapes are all known."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.nodes: tuple[onnx.NodeProto, ...] = tuple(model.graph.node)
        self.producers = {name: node for node in self.nodes for name in node.output if name}
        self.consumers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in self.nodes:
            for name in dict.fromkeys(node.input):
                self.consumers[name].append(node)
        self.order = {name: index for index, node in enumerate(self.nodes) for name in node.output}
        initializers = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self.inputs = tuple(value.name for value in model.graph.input if value.name not in initializers)
        self.outputs = tuple(value.name for value in model.graph.output)
        values = observe(model)
        self.constants = _constants(self.nodes, initializers, values)
        observed = initializers | values
        self.shapes = {name: tuple(int(size) for size in value.shape) for name, value in observed.items()}
        self.types = {name: str(value.dtype) for name, value in observed.items()}

    def quantization(self, node: onnx.NodeProto) -> Params | None:
        """Return the parameters of a QuantizeLinear or DequantizeLinear of 8 bits with one scale; None otherwise."""
        scale = self.constants.get(node.input[1])
        if scale is None or scale.size != 1:
            return None
        name = input_name(node, ZERO_POINT)
        default = self.types[node.input[0]] if node.op_type == DEQUANTIZE else "uint8"
        zero = self.constants.get(name) if name else np.zeros((), default)
        if zero is None or str(zero.dtype) not in ACTIVATION_TYPES:
            return None
        return Params(float(np.float32(scale.ravel()[0])), int(zero.ravel()[0]), str(zero.dtype))

    def dequantized(self, name: str) -> tuple[str, Params] | None:
        """Return the stored tensor and the parameters of an activation that a DequantizeLinear gives."""
        node = self.producers.get(name)
        if node is None or node.op_type != DEQUANTIZE or node.input[0] in self.constants:
            return None
        params = self.quantization(node)
        return None if params is None else (node.input[0], params)

    def quantized_constant(self, name: str) -> QuantizedConstant | None:
        """Return a constant that a DequantizeLinear gives."""
        node = self.producers.get(name)
        if node is None or node.op_type != DEQUANTIZE or node.input[0] not in self.constants:
            return None
        if attribute(node, "block_size", 0):
            return None
        values = self.constants[node.input[0]]
        scale = self.constants[node.input[1]]
        zero_name = input_name(node, ZERO_POINT)
        zero = self.constants[zero_name] if zero_name else np.zeros(scale.shape, values.dtype)
        axis = attribute(node, "axis", 1) % max(values.ndim, 1)
        return QuantizedConstant(node.input[0], *_widened(values, zero, scale), axis)


def _widened(values: Array, zero: Array, scale: Array) -> tuple[Array, Array, Array]:
    """Return values, scale and zero point; types of fewer than 8 bits become int8 or uint8 with the same values."""
    name = str(values.dtype)
    if name in ("int4", "uint4", "int2", "uint2"):
        wide = np.uint8 if name.startswith("u") else np.int8
        values, zero = values.astype(wide), zero.astype(wide)
    return values, scale, zero


def _constants(
    nodes: tuple[onnx.NodeProto, ...], initializers: dict[str, Array], values: dict[str, Array]
) -> dict[str, Array]:
    """Return what does not depend on the inputs, shapes of tensors among it."""
    constants = dict(initializers)
    for node in nodes:
        fixed = node.op_type == "Shape" or all(name in constants for name in node.input if name)
        if fixed and not node.op_type.startswith("Random"):
            constants.update({name: values[name] for name in node.output if name})
    return constants


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """Return an attribute of a node; text is decoded."""
    for item in node.attribute:
        if item.name == name:
            value = helper.get_attribute_value(item)
            return value.decode() if isinstance(value, bytes) else value
    return default


def input_name(node: onnx.NodeProto, index: int) -> str:
    """Return the name of an input, empty where it is left out."""
    return str(node.input[index]) if index < len(node.input) else ""


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of the ONNX operators that a model uses."""
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1)
