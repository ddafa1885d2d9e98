"""Own the reading of a float graph: who makes a tensor, which nodes carry weights, what lies behind the last one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

Array = npt.NDArray[Any]
Ranges = Mapping[str, tuple[float, float]]
"""Tensor -> its smallest and largest value."""
PRODUCTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
FUSED = frozenset({"Relu", "Clip"})
"""Activations that become part of the layer before them: the range of the layer's output does their work."""
LEAST_BINS = 3


class Topology:
    """Answer questions about a float graph whose nodes have names."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.nodes = {node.name: node for node in model.graph.node}
        self.outputs = frozenset(value.name for value in model.graph.output)
        self.constants = _constants(model.graph)
        self.producers = {name: node for node in model.graph.node for name in node.output if name}
        self.consumers: dict[str, list[onnx.NodeProto]] = {}
        for node in model.graph.node:
            for name in dict.fromkeys(node.input):
                self.consumers.setdefault(name, []).append(node)
        self._values = _values(model)

    def activations(self, node: onnx.NodeProto) -> list[str]:
        """Return the inputs of a node that are computed."""
        return [name for name in dict.fromkeys(node.input) if name and name not in self.constants]

    def is_float(self, name: str) -> bool:
        """Tell whether a tensor holds single-precision numbers, which is what gets quantized."""
        value = self._values.get(name)
        return value is not None and bool(value.elem_type == onnx.TensorProto.FLOAT)

    def rank(self, name: str) -> int | None:
        """Return the number of axes of a tensor; None when it is not known."""
        value = self._values.get(name)
        return len(value.shape.dim) if value is not None and value.HasField("shape") else None

    def is_weighted(self, node: onnx.NodeProto) -> bool:
        """Tell whether a node is a layer with weights; taking the mean over numbered bins is none."""
        if node.op_type in RECURRENT:
            return True
        if node.op_type not in PRODUCTS:
            return False
        weights = [self.constants[name] for name in node.input[:2] if name in self.constants]
        return any(weight.size > 1 for weight in weights) and not self.is_expectation(node)

    def is_expectation(self, node: onnx.NodeProto) -> bool:
        """Tell whether a product's factors are equally spaced numbers, as in a distance decoded from a distribution.

        Source: Li et al., "Generalized Focal Loss", NeurIPS 2020.
        """
        if node.op_type not in PRODUCTS:
            return False
        fixed = [self.constants[name] for name in node.input[:2] if name in self.constants]
        return len(fixed) == 1 and _is_spaced(fixed[0])

    def is_fused(self, node: onnx.NodeProto) -> bool:
        """Tell whether a node is an activation that the layer before it takes over."""
        if node.op_type not in FUSED or len(self.consumers.get(node.input[0], ())) != 1:
            return False
        producer = self.producers.get(node.input[0])
        return producer is not None and self.is_weighted(producer)

    def tail(self) -> frozenset[str]:
        """Return the names of the nodes that follow a weighted layer and that no weighted layer follows."""
        before: set[str] = set()
        behind: set[str] = set()
        for node in self.model.graph.node:
            makers = [self.producers[name] for name in node.input if name in self.producers]
            if any(maker.name in behind or self.is_weighted(maker) for maker in makers):
                behind.add(node.name)
        for node in reversed(self.model.graph.node):
            users = [user for name in node.output for user in self.consumers.get(name, ())]
            if self.is_weighted(node) or any(user.name in before for user in users):
                before.add(node.name)
        return frozenset(behind - before)

    def descendants(self, names: Iterable[str], within: frozenset[str]) -> set[str]:
        """Return the named nodes and all that depend on them, as far as they lie within a set."""
        return self._closure(
            names, within, lambda node: [user for name in node.output for user in self.consumers.get(name, ())]
        )

    def ancestors(self, names: Iterable[str], within: frozenset[str]) -> set[str]:
        """Return the named nodes and all that they depend on, as far as they lie within a set."""
        return self._closure(
            names, within, lambda node: [self.producers[name] for name in node.input if name in self.producers]
        )

    def _closure(
        self, names: Iterable[str], within: frozenset[str], step: Callable[[onnx.NodeProto], list[onnx.NodeProto]]
    ) -> set[str]:
        found: set[str] = set()
        waiting = [name for name in names if name in within]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += [other.name for other in step(self.nodes[name]) if other.name in within]
        return found


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """Return an attribute of a node."""
    return next((helper.get_attribute_value(item) for item in node.attribute if item.name == name), default)


def _constants(graph: onnx.GraphProto) -> dict[str, Array]:
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            value = attribute(node, "value", None)
            if isinstance(value, onnx.TensorProto):
                found[node.output[0]] = numpy_helper.to_array(value)
    return found


def _values(model: onnx.ModelProto) -> dict[str, onnx.TypeProto.Tensor]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    return {value.name: value.type.tensor_type for value in values}


def _is_spaced(values: Array) -> bool:
    """Tell whether an array has one long axis along which it counts up or down evenly."""
    if values.size < LEAST_BINS or max(values.shape) != values.size:
        return False
    steps = np.diff(values.reshape(-1).astype(np.float64))
    return bool(steps[0] != 0 and np.allclose(steps, steps[0], rtol=1e-3))
