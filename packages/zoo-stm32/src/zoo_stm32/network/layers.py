"""Own the description of the layers: name, operator, activations, multiply-accumulates, bytes of constants."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import prod

from zoo_stm32.artifacts import Layer
from zoo_stm32.network.folding import BoundFunction
from zoo_stm32.network.graph import Graph, Node, tensor_of
from zoo_stm32.network.support import full_name

NAME_LENGTH = 48
"""Characters of a layer's name that go into the name of its C function."""


def function_name(node: Node, position: int) -> str:
    """Return the C function of a layer: unique by its position, readable by its name."""
    readable = re.sub(r"\W+", "_", node.name, flags=re.ASCII).strip("_").lower()[:NAME_LENGTH].strip("_")
    return f"zoo_layer_{position:03}_{readable or node.op_type.lower()}"


def describe_layers(
    nodes: Sequence[Node], functions: Sequence[BoundFunction], graph: Graph, stored: Mapping[str, tuple[str, int]]
) -> tuple[Layer, ...]:
    """Describe the layers that run.

    Args:
        nodes: Their nodes in the order in which they run.
        functions: The C function of each.
        graph: Graph that the nodes belong to.
        stored: Symbol and bytes of each constant; what several layers use counts for the first of them.
    """
    counted: set[str] = set()
    layers = []
    for position, (node, bound) in enumerate(zip(nodes, functions, strict=True)):
        used = dict(stored[name] for name in bound.arguments if name in stored)
        fresh = {symbol: size for symbol, size in used.items() if symbol not in counted}
        counted.update(fresh)
        layers.append(
            Layer(
                index=position,
                name=node.name,
                op_type=full_name(node),
                function=bound.function.name,
                inputs=tuple(name for name in node.inputs if name and name not in graph.constants),
                outputs=tuple(name for name in node.outputs if name),
                macs=count_node_macs(node, graph),
                weight_bytes=sum(fresh.values()),
            )
        )
    return tuple(layers)


def count_node_macs(node: Node, graph: Graph) -> int:
    """Return the multiplications with accumulation of a layer; 0 for operators that are no sums of products."""
    counter = _COUNTERS.get(node.op_type)
    return counter(node, graph) if counter else 0


def _convolution(weights: int) -> Callable[[Node, Graph], int]:
    def count(node: Node, graph: Graph) -> int:
        return prod(tensor_of(graph, node.outputs[0]).shape) * prod(tensor_of(graph, node.inputs[weights]).shape[1:])

    return count


def _transposed_convolution(node: Node, graph: Graph) -> int:
    return prod(tensor_of(graph, node.inputs[0]).shape) * prod(tensor_of(graph, node.inputs[1]).shape[1:])


def _product(node: Node, graph: Graph) -> int:
    left = tensor_of(graph, node.inputs[0]).shape
    return prod(tensor_of(graph, node.outputs[0]).shape) * left[-2 if node.attributes.get("transA") else -1]


_COUNTERS: Mapping[str, Callable[[Node, Graph], int]] = {
    "QLinearConv": _convolution(3),
    "Conv": _convolution(1),
    "ConvInteger": _convolution(1),
    "FusedConv": _convolution(1),
    "ConvTranspose": _transposed_convolution,
    **dict.fromkeys(("Gemm", "QGemm", "MatMul", "QLinearMatMul", "MatMulInteger"), _product),
}
