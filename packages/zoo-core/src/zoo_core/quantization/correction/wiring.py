"""Own the look-up of who makes, uses and stores a tensor of a graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import onnx

DEQUANTIZE = "DequantizeLinear"
QUANTIZE = "QuantizeLinear"


@dataclass(frozen=True, slots=True)
class Wiring:
    """Tell for each tensor the node that makes it, the nodes that use it, and its constant value."""

    producers: dict[str, onnx.NodeProto]
    consumers: dict[str, list[onnx.NodeProto]]
    constants: dict[str, onnx.TensorProto]
    outputs: frozenset[str]

    def only_consumer(self, tensor: str) -> onnx.NodeProto | None:
        """Return the node that alone uses a tensor, or nothing when several do or the graph returns it."""
        users = self.consumers.get(tensor, [])
        return users[0] if len(users) == 1 and tensor not in self.outputs else None

    def before_quantization(self, tensor: str) -> str:
        """Return the tensor that a dequantized one was before it was quantized; others as they are."""
        for operator in (DEQUANTIZE, QUANTIZE):
            node = self.producers.get(tensor)
            if node is not None and node.op_type == operator:
                tensor = node.input[0]
        return tensor

    def after_quantization(self, tensor: str) -> str:
        """Return the dequantized form of a tensor when nothing but its quantization uses it."""
        for operator in (QUANTIZE, DEQUANTIZE):
            node = self.only_consumer(tensor)
            if node is not None and node.op_type == operator:
                tensor = node.output[0]
        return tensor


def wire(graph: onnx.GraphProto) -> Wiring:
    """Look through a graph; what is found holds until nodes or constants are added or taken away."""
    consumers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in read_tensors(node):
            consumers.setdefault(name, []).append(node)
    return Wiring(
        producers={name: node for node in graph.node for name in node.output if name},
        consumers=consumers,
        constants={tensor.name: tensor for tensor in graph.initializer},
        outputs=frozenset(value.name for value in graph.output),
    )


def read_tensors(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the tensors that a node uses, those inside its branches and loops included."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            for child in inner.node:
                yield from read_tensors(child)


def attribute_of(node: onnx.NodeProto, name: str, default: object) -> object:
    """Return the value of an attribute, or the default when the node does not state it."""
    for attribute in node.attribute:
        if attribute.name == name:
            return onnx.helper.get_attribute_value(attribute)
    return default
