"""Own lookup tables: find elementwise functions of one 8-bit tensor and compute them over all 256 values."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx

from zoo_stm32.lowering.operators import LEVELS
from zoo_stm32.lowering.probe import Array, evaluate
from zoo_stm32.lowering.qdq import DEQUANTIZE, QUANTIZE, Params, QdqGraph

ELEMENTWISE = frozenset({
    "Abs", "Add", "Acos", "Asin", "Atan", "Ceil", "Celu", "Clip", "Cos", "Div", "Elu", "Erf", "Exp", "Floor", "Gelu",
    "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Log", "Max", "Min", "Mish", "Mul", "Neg", "Pow", "PRelu",
    "QuickGelu", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Softplus", "Softsign", "Sqrt", "Sub",
    "Sum", "Tan", "Tanh", "ThresholdedRelu", "FastGelu",
    QUANTIZE, DEQUANTIZE,
})  # fmt: skip
"""Operators that compute each element from the elements at the same place alone."""
MAX_NODES = 64
"""Nodes of one function at most, which bounds the search."""


def values_of(params: Params) -> Array:
    """Return all 256 stored values in ascending order, which is the order of a table."""
    low, high = params.limits
    return np.arange(low, high + 1).astype(params.type)


def requantization(source: Params, target: Params) -> Array:
    """Return the table that turns stored values of one tensor into those of another, as QDQ rounds them."""
    steps = values_of(source).astype(np.int32) - np.int32(source.zero_point)
    return target.quantize(steps.astype(np.float32) * np.float32(source.scale))


def clamp(params: Params, low: float, high: float) -> Array:
    """Return the table that limits stored values to those of two real numbers."""
    least, most = (int(params.quantize(np.array(limit))) for limit in (low, high))
    limited: Array = np.minimum(np.maximum(values_of(params).astype(np.int32), least), most).astype(params.type)
    return limited


class Functions:
    """Find which tensors are elementwise functions of one stored tensor."""

    def __init__(self, graph: QdqGraph) -> None:
        self._graph = graph

    def source(self, name: str) -> tuple[str, Params] | None:
        """Return the stored tensor that a tensor is an elementwise function of; None when there is no single one.

        Quantize - dequantize pairs on the way are taken into the function only where its branches meet behind them.
        """
        leaves = self._leaves(name)
        seen: set[str] = set()
        while leaves is not None and len(leaves) > 1 and len(seen) < MAX_NODES:
            latest = max(leaves, key=self._depth)
            seen.add(latest)
            behind = self._behind(latest)
            if behind is None:
                return None
            leaves = {key: params for key, params in leaves.items() if key != latest} | behind
        if leaves is None or len(leaves) != 1:
            return None
        ((stored, params),) = leaves.items()
        same = self._graph.shapes[stored] == self._graph.shapes[name]
        return (stored, params) if same else None

    def values(self, name: str, source: str, params: Params) -> Array:
        """Compute a float tensor for all 256 stored values of the tensor it is a function of, in onnxruntime."""
        nodes: list[onnx.NodeProto] = []
        self._collect(name, source, nodes, set())
        fixed = {item for node in nodes for item in node.input if item in self._graph.constants}
        constants = {item: self._graph.constants[item] for item in sorted(fixed)}
        feeds = {source: values_of(params)}
        return evaluate(nodes, feeds, constants, name, self._graph.model.opset_import).reshape(LEVELS)

    def _depth(self, stored: str) -> int:
        node = self._graph.producers.get(stored)
        return -1 if node is None else self._graph.order[node.output[0]]

    def _behind(self, stored: str) -> dict[str, Params] | None:
        """Return the stored tensors that a stored tensor is computed from, elementwise."""
        node = self._graph.producers.get(stored)
        if node is None or node.op_type != QUANTIZE or self._graph.quantization(node) is None:
            return None
        return self._leaves(node.input[0])

    def _leaves(self, name: str) -> dict[str, Params] | None:
        """Return the stored tensors behind a float tensor up to the nearest quantization; None when not elementwise."""
        found: dict[str, Params] = {}
        waiting, seen = [name], set[str]()
        while waiting:
            tensor = waiting.pop()
            if tensor in seen:
                continue
            seen.add(tensor)
            stored = self._graph.dequantized(tensor)
            if stored is not None:
                found[stored[0]] = stored[1]
                continue
            node = self._graph.producers.get(tensor)
            if node is None or node.op_type not in ELEMENTWISE or len(seen) > MAX_NODES:
                return None
            inputs = [item for item in node.input if item and item not in self._graph.constants]
            fixed = [item for item in node.input if item in self._graph.constants]
            if any(self._graph.constants[item].size != 1 for item in fixed) or node.op_type == DEQUANTIZE:
                return None
            waiting.extend(inputs)
        return found

    def _collect(self, name: str, source: str, nodes: list[onnx.NodeProto], done: set[str]) -> None:
        if name == source or name in done or name in self._graph.constants or not name:
            return
        done.add(name)
        node = self._graph.producers[name]
        for item in node.input:
            self._collect(item, source, nodes, done)
        nodes.append(node)


def is_identity(table: Array, values: Iterable[int]) -> bool:
    """Tell whether a table returns what goes in."""
    return bool(np.array_equal(table.astype(np.int32), np.fromiter(values, np.int32)))
