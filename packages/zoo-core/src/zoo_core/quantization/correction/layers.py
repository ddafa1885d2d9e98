"""Own the pairing of the linear layers of a quantized graph with those of the float graph it was made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from zoo_core.quantization.correction.integers import Floats, IntegerConstant, find_integers
from zoo_core.quantization.correction.wiring import Wiring, attribute_of, wire

CHANNEL_AXES = {"Conv": 1, "ConvTranspose": 1, "Gemm": -1, "MatMul": -1}
"""Linear operator -> axis of its output that the channels lie on."""
BIAS_INPUT = 2


@dataclass(frozen=True, slots=True)
class LinearLayer:
    """Pair one linear layer of the quantized graph with its float original."""

    name: str
    node: onnx.NodeProto
    """Node of the quantized graph."""
    original: onnx.NodeProto
    """Node of the float graph."""
    weight: IntegerConstant
    float_weight: Floats
    output: str
    """Tensor of the quantized graph with the linear result, bias included, before it is quantized."""
    original_output: str
    """The same of the float graph."""
    bias: str | None
    """Tensor of the quantized graph that holds the bias; of a MatMul, what the addition behind it adds."""

    @property
    def channel_axis(self) -> int:
        """Return the axis of the output that the channels lie on."""
        return CHANNEL_AXES[self.node.op_type]

    @property
    def channels(self) -> int:
        """Return the number of channels of the output."""
        shape = self.float_weight.shape
        if self.node.op_type == "ConvTranspose":
            return int(shape[1]) * int(str(attribute_of(self.node, "group", 1)))
        first = self.node.op_type == "Conv" or bool(attribute_of(self.node, "transB", 0))
        return int(shape[0] if first else shape[-1])


def pair_layers(quantized: onnx.ModelProto, original: onnx.ModelProto) -> tuple[LinearLayer, ...]:
    """Return the layers with quantized constant weights that exist in both graphs by name, in topological order."""
    inside, outside = wire(quantized.graph), wire(original.graph)
    originals = {node.name: node for node in original.graph.node if node.op_type in CHANNEL_AXES}
    layers = []
    for node in quantized.graph.node:
        source = originals.get(node.name)
        if node.op_type in CHANNEL_AXES and source is not None and source.op_type == node.op_type:
            layer = _pair(node, source, inside, outside)
            layers.extend([] if layer is None else [layer])
    return tuple(layers)


def _pair(node: onnx.NodeProto, source: onnx.NodeProto, inside: Wiring, outside: Wiring) -> LinearLayer | None:
    weight = find_integers(inside, node.input[1])
    stored = outside.constants.get(source.input[1])
    if weight is None or stored is None or tuple(stored.dims) != tuple(weight.stored.dims):
        return None
    output, original_output = node.output[0], source.output[0]
    bias = node.input[BIAS_INPUT] if len(node.input) > BIAS_INPUT and node.input[BIAS_INPUT] else None
    added = _find_addition(node, source, inside, outside) if node.op_type == "MatMul" else None
    if added is not None:
        bias, output, original_output = added
    return LinearLayer(
        name=node.name,
        node=node,
        original=source,
        weight=weight,
        float_weight=numpy_helper.to_array(stored).astype(np.float64),
        output=output,
        original_output=original_output,
        bias=bias,
    )


def _find_addition(
    node: onnx.NodeProto, source: onnx.NodeProto, inside: Wiring, outside: Wiring
) -> tuple[str, str, str] | None:
    """Return what an addition behind a MatMul adds, its output, and its output in the float graph."""
    there = outside.only_consumer(source.output[0])
    product = inside.after_quantization(node.output[0])
    here = inside.only_consumer(product)
    if there is None or here is None or here.op_type != "Add" or here.name != there.name:
        return None
    constant = any(name in outside.constants for name in there.input)
    bias = next((name for name in here.input if name != product), None)
    return (bias, here.output[0], there.output[0]) if constant and bias is not None else None
