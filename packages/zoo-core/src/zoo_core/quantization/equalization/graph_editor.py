"""Own the view of a graph in which weights are read as arrays, replaced, and never shared by accident."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

Array = npt.NDArray[Any]


class GraphEditor:
    """Read and change a model in place; `index` is called anew after nodes were added, removed or rewired."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.graph = model.graph
        _constants_to_initializers(self.graph)
        self.index()

    def index(self) -> None:
        """Find out who makes and who reads every tensor."""
        self._initializers = {tensor.name: tensor for tensor in self.graph.initializer}
        self.producers = {name: node for node in self.graph.node for name in node.output if name}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in self.graph.node:
            for name in node.input:
                if name:
                    self.readers.setdefault(name, []).append(node)
        self.inputs = {value.name for value in self.graph.input} - set(self._initializers)
        self.outputs = {value.name for value in self.graph.output}
        self.captured = set(_captured_names(self.graph.node))

    @property
    def nodes(self) -> Sequence[onnx.NodeProto]:
        """Return the nodes in order of computation."""
        return list(self.graph.node)

    def constant(self, name: str) -> Array | None:
        """Return the value of a constant tensor, or nothing when it is computed or absent."""
        tensor = self._initializers.get(name)
        return None if tensor is None else np.asarray(numpy_helper.to_array(tensor))

    def is_private(self, name: str) -> bool:
        """Tell whether a constant is read once and nowhere else."""
        return len(self.readers.get(name, ())) == 1 and name not in self.outputs and name not in self.captured

    def read_input(self, node: onnx.NodeProto, position: int) -> Array | None:
        """Return the constant that a node takes at a position, or nothing."""
        return self.constant(node.input[position]) if position < len(node.input) else None

    def write_input(self, node: onnx.NodeProto, position: int, value: Array) -> None:
        """Let a node take a constant at a position; a tensor that others read too stays as it is for them."""
        while len(node.input) <= position:
            node.input.append("")
        name = node.input[position]
        if name in self._initializers and self.is_private(name):
            self._initializers[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value), name))
            return
        fresh = self.add_constant(f"{node.name or node.output[0]}_input{position}", value)
        if name:
            self.readers[name].remove(node)
        node.input[position] = fresh
        self.readers.setdefault(fresh, []).append(node)

    def add_constant(self, name: str, value: Array) -> str:
        """Add a constant and return the name it got."""
        while name in self._initializers or name in self.producers or name in self.inputs:
            name += "_"
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        self._initializers[name] = self.graph.initializer[-1]
        return name

    def remove_node(self, node: onnx.NodeProto, replacement: str) -> None:
        """Take a node of one output out; who read its output reads `replacement`, which keeps an output's name."""
        gone = node.output[0]
        self.graph.node.remove(node)
        if gone in self.outputs:
            self._rename(replacement, gone)
        else:
            self._rename(gone, replacement)
        self.index()

    def _rename(self, old: str, new: str) -> None:
        for node in self.graph.node:
            for names in (node.input, node.output):
                for position, name in enumerate(names):
                    if name == old:
                        names[position] = new


def attribute(node: onnx.NodeProto, name: str, default: Any = None) -> Any:
    """Return the value of an attribute of a node, or the default."""
    found = next((entry for entry in node.attribute if entry.name == name), None)
    return default if found is None else helper.get_attribute_value(found)


def _constants_to_initializers(graph: onnx.GraphProto) -> None:
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        value = attribute(node, "value")
        if value is not None and node.output[0] not in {output.name for output in graph.output}:
            tensor = onnx.TensorProto()
            tensor.CopyFrom(value)
            tensor.name = node.output[0]
            graph.initializer.append(tensor)
            graph.node.remove(node)


def _captured_names(nodes: Iterable[onnx.NodeProto]) -> Iterable[str]:
    """Yield the names that subgraphs read, at any depth."""
    for node in nodes:
        for entry in node.attribute:
            for inner in (*([entry.g] if entry.HasField("g") else []), *entry.graphs):
                for child in inner.node:
                    yield from child.input
                yield from (output.name for output in inner.output)
                yield from _captured_names(inner.node)
