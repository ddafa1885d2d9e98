"""Own the reading of a lowered graph: nodes with names, element type and shape of every tensor, constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from zoo_core.errors import UserError, ZooError
from zoo_stm32.artifacts import ITEM_BYTES, LoweredModel

C_TYPES = {
    **{f"{sign}int{bits}": f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "float32": "float",
    "bool": "_Bool",
}
"""C type by NumPy's name of an element type."""
WEIGHT_RANK = 2
"""Fewest axes of an array of weights."""
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Tensor:
    """Describe a tensor of the graph."""

    name: str
    type: str
    """NumPy's name of the element type."""
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Return the size in bytes."""
        return prod(self.shape) * ITEM_BYTES[self.type]


@dataclass(frozen=True, slots=True)
class Node:
    """Describe an operator; its inputs and outputs are names, an empty one stands for nothing."""

    index: int
    name: str
    op_type: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    proto: onnx.NodeProto


@dataclass(frozen=True, slots=True)
class Graph:
    """Hold a lowered graph in the order in which it runs."""

    nodes: tuple[Node, ...]
    tensors: Mapping[str, Tensor]
    constants: Mapping[str, Array]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def read_graph(lowered: LoweredModel) -> Graph:
    """Read the graph of a lowered model.

    Raises:
        UserError: When an output is no result of a layer.
        ZooError: When the shape or type of a tensor is not known.
    """
    model = lowered.model
    constants: dict[str, Array] = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes: list[Node] = []
    for proto in model.graph.node:
        if proto.op_type == "Constant" and not proto.domain:
            constants[proto.output[0]] = _constant(proto)
        else:
            nodes.append(_node(len(nodes), proto))
    tensors = _declared(model.graph) | {
        io.name: Tensor(io.name, io.type, io.shape) for io in (*lowered.inputs, *lowered.outputs)
    }
    graph = Graph(
        nodes=tuple(nodes),
        tensors=tensors,
        constants=constants,
        inputs=tuple(io.name for io in lowered.inputs),
        outputs=tuple(io.name for io in lowered.outputs),
    )
    _check(graph)
    return graph


def tensor_of(graph: Graph, name: str) -> Tensor:
    """Return the description of a tensor or constant."""
    if name in graph.constants:
        value = graph.constants[name]
        return Tensor(name, value.dtype.name, tuple(value.shape))
    return graph.tensors[name]


def is_weight(value: Array) -> bool:
    """Tell whether a constant is an array of weights; biases, scales and tables have at most one axis."""
    return value.ndim >= WEIGHT_RANK and value.size > 1


def _node(index: int, proto: onnx.NodeProto) -> Node:
    return Node(
        index=index,
        name=proto.name or next((name for name in proto.output if name), proto.op_type),
        op_type=proto.op_type,
        domain="" if proto.domain == "ai.onnx" else proto.domain,
        inputs=tuple(proto.input),
        outputs=tuple(proto.output),
        attributes={attribute.name: helper.get_attribute_value(attribute) for attribute in proto.attribute},
        proto=proto,
    )


def _constant(proto: onnx.NodeProto) -> Array:
    attribute = proto.attribute[0]
    value = helper.get_attribute_value(attribute)
    if attribute.name == "value":
        array: Array = numpy_helper.to_array(value)
        return array
    return np.asarray(value, np.float32 if attribute.name.startswith("value_float") else np.int64)


def _declared(graph: onnx.GraphProto) -> dict[str, Tensor]:
    found = {}
    for value in (*graph.value_info, *graph.input, *graph.output):
        kind = value.type.tensor_type
        dims = kind.shape.dim
        if kind.elem_type and all(dim.HasField("dim_value") for dim in dims):
            type_name = helper.tensor_dtype_to_np_dtype(kind.elem_type).name
            found[value.name] = Tensor(value.name, type_name, tuple(dim.dim_value for dim in dims))
    return found


def _check(graph: Graph) -> None:
    made = {name for node in graph.nodes for name in node.outputs}
    for name in graph.outputs:
        if name not in made:
            msg = f"The output '{name}' of the network is no result of a layer: it is an input or a constant."
            raise UserError(msg, hint="Remove this output from the model, or compute it in the application.")
    for node in graph.nodes:
        for name in (*node.inputs, *node.outputs):
            if name and name not in graph.constants and name not in graph.tensors:
                msg = f"Shape or type of the tensor '{name}' of the layer '{node.name}' ({node.op_type}) is not known."
                raise ZooError(msg, hint="Please report this with the model: the lowering should have found it out.")
            if name in graph.tensors and graph.tensors[name].type not in C_TYPES:
                msg = (
                    f"The tensor '{name}' of the layer '{node.name}' ({node.op_type}) has the element type "
                    f"{graph.tensors[name].type}, which firmware does not support."
                )
                raise UserError(msg, hint=f"Supported are {', '.join(C_TYPES)}.")
