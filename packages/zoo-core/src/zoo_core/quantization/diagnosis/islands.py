"""Own the question which layers of a QDQ graph are computed in integers, and which in floating point."""

from __future__ import annotations

from dataclasses import dataclass

import onnx
from onnx import TensorProto

from zoo_core.quantization.diagnosis.qdq import QUANTIZE, QdqGraph

FUSED = frozenset({"Relu", "Clip", "LeakyRelu", "HardSigmoid", "Sigmoid", "HardSwish", "Tanh", "PRelu"})
"""Activations that runtimes compute together with the layer before them."""
LINEAR = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Operators with a weight as their second input."""
SHAPES = frozenset({"Shape", "Size", "Range", "ConstantOfShape", "NonZero"})
"""Operators on sizes, which are integers in every model."""
FLOATS = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16})


@dataclass(frozen=True, slots=True, kw_only=True)
class Island:
    """Hold connected layers that are computed in floating point."""

    nodes: tuple[onnx.NodeProto, ...]
    inside: bool
    """Whether quantized layers lie both before and behind."""


def element_types(model: onnx.ModelProto) -> dict[str, int]:
    """Return the element type of every tensor for which it can be found out."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    types = {value.name: int(value.type.tensor_type.elem_type) for value in (*graph.value_info, *graph.output)}
    types.update({value.name: int(value.type.tensor_type.elem_type) for value in graph.input})
    types.update({tensor.name: int(tensor.data_type) for tensor in graph.initializer})
    return types


def float_layers(graph: QdqGraph) -> list[onnx.NodeProto]:
    """Return the layers that compute in floating point."""
    types = element_types(graph.model)
    return [node for node in graph.layers if _is_float(graph, node, types)]


def float_islands(graph: QdqGraph) -> list[Island]:
    """Return the connected groups of layers that compute in floating point, in the order of the graph."""
    groups: list[list[onnx.NodeProto]] = []
    home: dict[str, list[onnx.NodeProto]] = {}
    for node in float_layers(graph):
        joined = [node]
        before = {id(home[name]): home[name] for name in node.input if name in home}
        for group in before.values():
            joined = [*group, *joined]
            groups.remove(group)
        groups.append(joined)
        for member in joined:
            home.update(dict.fromkeys(member.output, joined))
    return [Island(nodes=tuple(group), inside=_lies_inside(graph, group)) for group in groups]


def _is_float(graph: QdqGraph, node: onnx.NodeProto, types: dict[str, int]) -> bool:
    if node.op_type in SHAPES or not any(_holds_floats(name, types) for name in node.output):
        return False
    data = [name for name in node.input if name and _holds_floats(name, types) and graph.tensor(name) is None]
    if not data:
        return False
    if node.op_type in FUSED and _continues_layer(graph, node, types):
        return False
    if not all(graph.dequantizer(name) for name in data) or _has_float_weight(graph, node):
        return True
    return not all(_ends_quantized(graph, name) for name in node.output if name)


def _has_float_weight(graph: QdqGraph, node: onnx.NodeProto) -> bool:
    return node.op_type in LINEAR and graph.tensor(node.input[1]) is not None


def _holds_floats(name: str, types: dict[str, int]) -> bool:
    return bool(name) and types.get(name, TensorProto.FLOAT) in FLOATS


def _ends_quantized(graph: QdqGraph, name: str) -> bool:
    """Tell whether a tensor is quantized at once, or behind one activation that is computed with its layer."""
    users = graph.consumers.get(name, [])
    if name in graph.outputs or not users:
        return False
    if all(user.op_type == QUANTIZE for user in users):
        return True
    return len(users) == 1 and users[0].op_type in FUSED and _quantized_at_once(graph, users[0].output[0])


def _quantized_at_once(graph: QdqGraph, name: str) -> bool:
    users = graph.consumers.get(name, [])
    return bool(users) and name not in graph.outputs and all(user.op_type == QUANTIZE for user in users)


def _continues_layer(graph: QdqGraph, node: onnx.NodeProto, types: dict[str, int]) -> bool:
    """Tell whether an activation is computed with a quantized layer before it."""
    before = graph.producers.get(node.input[0])
    if before is None or not _quantized_at_once(graph, node.output[0]) or len(graph.consumers[node.input[0]]) != 1:
        return False
    data = [name for name in before.input if _holds_floats(name, types) and graph.tensor(name) is None]
    return bool(data) and all(graph.dequantizer(name) for name in data)


def _lies_inside(graph: QdqGraph, group: list[onnx.NodeProto]) -> bool:
    before = any(_computed(graph, name) for node in group for name in node.input)
    behind = any(graph.quantizers(name) for node in group for name in node.output)
    return before and behind


def _computed(graph: QdqGraph, name: str) -> bool:
    """Tell whether a tensor is dequantized, and not a weight."""
    return graph.dequantizer(name) is not None and graph.constant(name) is None
