"""Own the finding of nodes behind the last layers that 8 bits would crush: decoded boxes, points and scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx

from zoo_core.quantization.placement.topology import Array, Ranges, Topology

UNLIKE = 4.0
"""Ratio of two ranges from which one scale for both costs the narrower one at least two bits."""
ARITHMETIC = frozenset({"Add", "Sub", "Mul", "Div"})
SCALING = frozenset({"Mul", "Div"})
DECODING = frozenset({"Exp", "NonMaxSuppression"})
"""Operators that only decoding uses behind the last layers."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Say why a node must not be quantized."""

    node: str
    text: str


def find_decoding(topology: Topology, ranges: Ranges, tail: frozenset[str]) -> tuple[Reason, ...]:
    """Return the nodes of the tail that show that numbers of unlike size are computed there."""
    return tuple(
        Reason(node.name, text)
        for node in topology.model.graph.node
        if node.name in tail and (text := _reason(topology, ranges, node))
    )


def spread_decoding(topology: Topology, reasons: tuple[Reason, ...], tail: frozenset[str]) -> tuple[str, ...]:
    """Return all nodes of the tails that the reasons lie in, in the order of the graph.

    Activations that are part of a layer stay with it.
    """
    below = topology.descendants((reason.node for reason in reasons), tail)
    whole = topology.ancestors(below, tail)
    nodes = topology.model.graph.node
    return tuple(node.name for node in nodes if node.name in whole and not topology.is_fused(node))


def find_shared_scales(topology: Topology, ranges: Ranges, tail: frozenset[str]) -> Iterator[tuple[str, float]]:
    """Yield the concatenations before the last layers that share one scale, with the ratio of their ranges."""
    for node in topology.model.graph.node:
        if node.op_type == "Concat" and node.name not in tail:
            ratio = unlikeness(topology, ranges, node)
            if ratio > UNLIKE:
                yield node.name, ratio


def unlikeness(topology: Topology, ranges: Ranges, node: onnx.NodeProto) -> float:
    """Return how many times wider the widest input of a node is than its narrowest; 1 when they are not known."""
    found = [_width(topology, ranges, name) for name in dict.fromkeys(node.input) if name]
    widths = [width for width in found if width]
    return max(widths) / min(widths) if widths else 1.0


def _width(topology: Topology, ranges: Ranges, name: str) -> float:
    """Return the length of the range that is quantized, which always includes zero; 0 when it is not known."""
    if name in topology.constants:
        values = topology.constants[name]
        low, high = (float(values.min()), float(values.max())) if values.size and values.dtype.kind == "f" else (0, 0)
    else:
        low, high = ranges.get(name, (0.0, 0.0))
    return max(high, 0.0) - min(low, 0.0)


def _reason(topology: Topology, ranges: Ranges, node: onnx.NodeProto) -> str:
    if node.op_type == "Concat":
        ratio = unlikeness(topology, ranges, node)
        return f"it joins ranges that differ {ratio:.3g} times" if ratio > UNLIKE else ""
    if node.op_type in DECODING:
        return f"{node.op_type} decodes the outputs"
    if topology.is_expectation(node):
        return "it takes the mean over numbered bins"
    if node.op_type in ARITHMETIC:
        return _arithmetic_reason(topology, node)
    return ""


def _arithmetic_reason(topology: Topology, node: onnx.NodeProto) -> str:
    fixed = [topology.constants[name] for name in node.input if name in topology.constants]
    if len(fixed) != 1:
        return ""
    long_axes = sum(size > 1 for size in fixed[0].shape)
    if long_axes > 1:
        return "it places outputs on a grid"
    if long_axes == 1 and node.op_type in SCALING and _spread(fixed[0]) > UNLIKE:
        return "it scales its columns differently"
    return ""


def _spread(values: Array) -> float:
    magnitudes = np.abs(values[values != 0])
    return float(magnitudes.max() / magnitudes.min()) if magnitudes.size else 1.0
