"""Own the pairing of the layers of a quantized graph with those of the float graph it was made from."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from zoo_core.errors import UserError
from zoo_core.export.opset import change_opset, opset_of
from zoo_core.quantization.diagnosis.qdq import Constant, QdqGraph

ABSORBED = frozenset({"Relu", "Clip"})
"""Operators that onnxruntime leaves out where the range of their quantized output clips in their place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Pair one node of a quantized graph with its float original."""

    name: str
    quantized: onnx.NodeProto
    original: onnx.NodeProto
    outputs: tuple[tuple[str, str], ...]
    """For every output the tensor in the quantized graph, before it is quantized, and the same of the float graph.

    Where a ReLU was left out, the tensor of the float graph is the one behind it.
    """
    constants: tuple[tuple[int, Constant], ...]
    """Weights and bias that are stored in integers, by their position among the inputs."""

    @property
    def op_type(self) -> str:
        """Return the operator."""
        return str(self.original.op_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Hold a quantized graph and its float original with the layers that both have."""

    quantized: QdqGraph
    original: QdqGraph
    layers: tuple[Layer, ...]


def pair_graphs(quantized: onnx.ModelProto, original: onnx.ModelProto) -> Pair:
    """Match the layers of two graphs by name, or by their output where nodes have no names.

    Raises:
        UserError: When they have no layer in common, or a weight of another shape.
    """
    inside, outside = QdqGraph(quantized), QdqGraph(_in_opset_of(quantized, original))
    by_name = {node.name: node for node in outside.layers if node.name}
    names = {node.name for node in inside.layers if node.name}
    layers = []
    for node in inside.layers:
        twin = by_name.get(node.name) if node.name else outside.producers.get(node.output[0])
        if twin is not None and twin.op_type == node.op_type:
            layers.append(_pair(node, twin, inside, outside, names))
    if not layers:
        raise UserError(
            "The quantized model and the float model have no layer in common.",
            hint="Compare a quantized model with the float graph that it was made from.",
        )
    return Pair(quantized=inside, original=outside, layers=tuple(layers))


def _in_opset_of(quantized: onnx.ModelProto, original: onnx.ModelProto) -> onnx.ModelProto:
    if opset_of(original) >= opset_of(quantized):
        return original
    copy = onnx.ModelProto()
    copy.CopyFrom(original)
    return change_opset(copy, opset_of(quantized))


def _pair(node: onnx.NodeProto, twin: onnx.NodeProto, inside: QdqGraph, outside: QdqGraph, names: set[str]) -> Layer:
    constants = []
    for position, name in enumerate(node.input):
        constant = inside.constant(name)
        if constant is not None and position < len(twin.input):
            _refuse_other_shape(node, constant, outside, twin.input[position])
            constants.append((position, constant))
    outputs = [
        (name, twin.output[index]) for index, name in enumerate(node.output) if name and index < len(twin.output)
    ]
    if outputs and inside.quantizers(outputs[0][0]):
        outputs[0] = (outputs[0][0], _behind_absorbed(outputs[0][1], outside, names))
    return Layer(
        name=node.name or node.output[0],
        quantized=node,
        original=twin,
        outputs=tuple(outputs),
        constants=tuple(constants),
    )


def _behind_absorbed(name: str, outside: QdqGraph, names: set[str]) -> str:
    """Follow a float tensor through the activation that the quantized graph does without."""
    users = outside.consumers.get(name, [])
    if name in outside.outputs or len(users) != 1:
        return name
    user = users[0]
    gone = user.op_type in ABSORBED and user.input[0] == name and bool(user.name) and user.name not in names
    return str(user.output[0]) if gone else name


def _refuse_other_shape(node: onnx.NodeProto, constant: Constant, outside: QdqGraph, name: str) -> None:
    tensor = outside.tensor(name)
    if tensor is not None and tuple(tensor.dims) != constant.integers.shape:
        raise UserError(
            f'The weight "{name}" of layer "{node.name}" has the shape {tuple(tensor.dims)} in the float model and '
            f"{constant.integers.shape} in the quantized one.",
            hint="Compare a quantized model with the float graph that it was made from.",
        )
