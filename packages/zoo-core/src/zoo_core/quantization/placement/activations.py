"""Own activations that exporters and onnxruntime take apart: hard-swish, hard-sigmoid, functions of one tensor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import numpy as np
import onnx
from onnx import helper

from zoo_core.export.opset import opset_of
from zoo_core.quantization.placement.topology import Ranges, Topology, attribute

HARD_SWISH_OPSET = 14
"""First opset with HardSwish."""
SLOPE, OFFSET = 1 / 6, 0.5
"""Hard-sigmoid of MobileNetV3: clip(x / 6 + 1 / 2, 0, 1)."""
SHIFT, LIMITS = 3.0, [0.0, 6.0]
"""The same as clip(x + 3, 0, 6) / 6."""
TOLERANCE = 1e-4
CLIP_INPUTS = 3
ELEMENTWISE = frozenset({
    "Abs", "Add", "Clip", "Div", "Elu", "Erf", "Exp", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Max", "Min",
    "Mul", "Neg", "Pow", "Reciprocal", "Relu", "Sigmoid", "Softplus", "Sqrt", "Sub", "Tanh",
})  # fmt: skip
"""Operators that compute each element from the elements at the same place alone."""
BOUNDED = frozenset({"Sigmoid", "HardSigmoid"})
UNIT_RANGE = (0.0, 1.0)
NEAR_END = 0.9
"""Value from which rounding up the range to 1 costs less than a tenth of a step."""


def fuse_activations(model: onnx.ModelProto) -> tuple[str, ...]:
    """Replace hard-swish and hard-sigmoid that are written in several nodes by one node each, in place.

    The function stays the same; between fewer nodes there are fewer roundings. Returns the names of the new nodes,
    which are those of the last nodes they replace.

    Source: Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2.
    """
    fused: list[str] = []
    if opset_of(model) < HARD_SWISH_OPSET:
        return ()
    for wanted in ("HardSwish", "HardSigmoid"):
        matcher = _Matcher(Topology(model))
        for node in list(model.graph.node):
            found = matcher.match(node, wanted)
            if found is not None:
                _replace(model.graph, node, wanted, *found)
                fused.append(node.name)
                matcher = _Matcher(Topology(model))
    return tuple(fused)


def find_scalar_functions(topology: Topology, quantized: Iterable[str]) -> tuple[str, ...]:
    """Return the nodes of elementwise functions of one tensor that onnxruntime would quantize only here and there.

    Their inner nodes stay as they are and only what goes in and what comes out is rounded, so that a compiler can
    turn the whole, GELU for example, into a table.

    Args:
        topology: The float graph.
        quantized: Operators that onnxruntime quantizes.
    """
    possible = frozenset(quantized)
    found: list[str] = []
    for members in _groups(topology):
        operators = {topology.nodes[name].op_type for name in members}
        if len(members) > 1 and not operators <= possible and len(_results(topology, members)) == 1:
            found += members
    return tuple(found)


def bounded_outputs(topology: Topology, ranges: Ranges, tail: frozenset[str]) -> dict[str, tuple[float, float]]:
    """Return the range from 0 to 1 of the sigmoids that fill it: scores, and gates that came near its end.

    Gates that stay well below 1 keep the finer steps of what was seen of them.
    """
    nodes = [node for node in topology.model.graph.node if node.op_type in BOUNDED]
    filled = (node for node in nodes if node.name in tail or ranges.get(node.output[0], (0.0, 0.0))[1] >= NEAR_END)
    return {node.output[0]: UNIT_RANGE for node in filled}


def _groups(topology: Topology) -> list[list[str]]:
    """Return the nodes that compute elementwise functions of one tensor, by that tensor."""
    sources: dict[str, str] = {}
    groups: dict[str, list[str]] = defaultdict(list)
    for node in topology.model.graph.node:
        if node.op_type not in ELEMENTWISE or topology.is_fused(node):
            continue
        fixed = [topology.constants[name] for name in node.input if name in topology.constants]
        found = {sources.get(name, name) for name in topology.activations(node)}
        if len(found) == 1 and all(values.size <= 1 for values in fixed):
            (source,) = found
            sources[node.output[0]] = source
            groups[source].append(node.name)
    return list(groups.values())


def _results(topology: Topology, members: list[str]) -> list[str]:
    """Return the tensors of some nodes that others use."""
    inside = set(members)
    tensors = [name for member in members for name in topology.nodes[member].output]
    return [
        name
        for name in tensors
        if name in topology.outputs or any(user.name not in inside for user in topology.consumers.get(name, ()))
    ]


Found = tuple[str, list[onnx.NodeProto]]
"""Tensor that a function is applied to, and the nodes inside of it."""


class _Matcher:
    """Recognise activations that are written in several nodes."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology

    def match(self, node: onnx.NodeProto, wanted: str) -> Found | None:
        """Return what a function of the wanted kind that ends in a node is applied to."""
        found = self._hard_swish(node) if wanted == "HardSwish" else self._hard_sigmoid_parts(node)
        return found if found is not None and found[1] else None

    def _hard_swish(self, node: onnx.NodeProto) -> Found | None:
        scaled = self._scaled(node, SLOPE)
        if scaled is not None:
            product = self._inner(scaled)
            found = None if product is None else self._times(product, self._relu6)
            return None if found is None or product is None else (found[0], [product, *found[1]])
        return self._times(node, self._hard_sigmoid)

    def _times(self, node: onnx.NodeProto, gate: Callable[[str], Found | None]) -> Found | None:
        """Match x * gate(x)."""
        if node.op_type != "Mul" or len(set(node.input)) != len(node.input):
            return None
        first, second = node.input
        for plain, gated in ((first, second), (second, first)):
            found = gate(gated)
            if found is not None and found[0] == plain:
                return plain, found[1]
        return None

    def _hard_sigmoid(self, tensor: str) -> Found | None:
        node = self._inner(tensor)
        if node is None:
            return None
        if node.op_type == "HardSigmoid":
            close = np.allclose(
                (attribute(node, "alpha", 0.2), attribute(node, "beta", 0.5)), (SLOPE, OFFSET), TOLERANCE
            )
            return (node.input[0], [node]) if close else None
        found = self._hard_sigmoid_parts(node)
        return None if found is None else (found[0], [node, *found[1]])

    def _hard_sigmoid_parts(self, node: onnx.NodeProto) -> Found | None:
        scaled = self._scaled(node, SLOPE)
        return None if scaled is None else self._relu6(scaled)

    def _relu6(self, tensor: str) -> Found | None:
        """Match clip(x + 3, 0, 6)."""
        clip = self._inner(tensor)
        if clip is None or clip.op_type != "Clip" or len(clip.input) != CLIP_INPUTS:
            return None
        limits = [self._number(name) for name in clip.input[1:]]
        shift = self._inner(clip.input[0])
        if limits != LIMITS or shift is None or shift.op_type != "Add":
            return None
        for plain, offset in (tuple(shift.input), tuple(reversed(shift.input))):
            if self._number(offset) == SHIFT:
                return plain, [clip, shift]
        return None

    def _scaled(self, node: onnx.NodeProto, factor: float) -> str | None:
        """Return the tensor that a node multiplies by a factor."""
        if node.op_type == "Div":
            divisor = self._number(node.input[1])
            return str(node.input[0]) if divisor and np.isclose(1 / divisor, factor, TOLERANCE) else None
        if node.op_type == "Mul":
            for plain, other in (tuple(node.input), tuple(reversed(node.input))):
                number = self._number(other)
                if number is not None and np.isclose(number, factor, TOLERANCE):
                    return str(plain)
        return None

    def _inner(self, tensor: str) -> onnx.NodeProto | None:
        """Return the node that makes a tensor which only one node uses."""
        if tensor in self._topology.outputs or len(self._topology.consumers.get(tensor, ())) != 1:
            return None
        return self._topology.producers.get(tensor)

    def _number(self, name: str) -> float | None:
        values = self._topology.constants.get(name)
        return float(values.reshape(-1)[0]) if values is not None and values.size == 1 else None


def _replace(
    graph: onnx.GraphProto, last: onnx.NodeProto, op_type: str, source: str, inner: list[onnx.NodeProto]
) -> None:
    """Put one node in the place of several."""
    attributes = {"alpha": SLOPE, "beta": OFFSET} if op_type == "HardSigmoid" else {}
    new = helper.make_node(op_type, [source], list(last.output), last.name, **attributes)
    gone = {node.name for node in inner}
    kept = [new if node.name == last.name else node for node in graph.node if node.name not in gone]
    del graph.node[:]
    graph.node.extend(kept)
    used = {name for node in kept for name in node.input} | {value.name for value in graph.output}
    weights = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(weights)
