"""Own the splitting of layers into several that compute some of the channels each, with a weight range of their own.

What a factor per channel cannot do, because a clip at 6 or another function stands between two layers, this does
exactly: channels whose weights are small are not rounded in the steps of the largest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from zoo_core.quantization.equalization.graph_editor import GraphEditor
from zoo_core.quantization.equalization.layers import Floats, LinearLayer, as_layer

MAXIMUM_PARTS = 8
NEED, WORTH = 0.02, 0.003
"""Shares of the noise that cannot be avoided: what splitting a chain must bring in all, and every further part."""
POINTWISE = ("Relu", "Clip", "LeakyRelu", "HardSwish", "HardSigmoid", "Sigmoid", "Elu", "Tanh")
"""Functions of one value, the same for all channels."""
Index = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowNoise:
    """Hold what rounding a layer's weight costs: the sum over outputs of cost * (range of its part)^2."""

    costs: Floats
    ranges: Floats
    """Largest magnitude of the weights of every output."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Name a dense convolution, depthwise ones behind it, and the functions between and behind them."""

    layers: tuple[LinearLayer, ...]
    nodes: tuple[onnx.NodeProto, ...]
    """All nodes of the chain in order."""
    readers: tuple[LinearLayer, ...]
    """Dense layers that alone read the last tensor, so that its channels may come in any order; else empty."""

    @property
    def target(self) -> str:
        """Return the name of the last tensor."""
        return str(self.nodes[-1].output[0])


@dataclass(frozen=True, slots=True)
class Division:
    """Say how the channels of a chain are divided: an order of them and the number in every part."""

    order: Index
    sizes: tuple[int, ...]
    noise: float


def split_layers(editor: GraphEditor, noises: Mapping[str, RowNoise], unavoidable: float) -> int:
    """Split the chains whose weights make most noise; return how many layers were split.

    `noises` are by name of a layer's output, `unavoidable` is the noise that stays with a range for every channel.
    """
    chains = [chain for chain in find_chains(editor) if all(layer.target in noises for layer in chain.layers)]
    choices = [
        divide([noises[layer.target] for layer in chain.layers], reorder=bool(chain.readers)) for chain in chains
    ]
    parts = choose_parts([[choice.noise for choice in options] for options in choices], unavoidable)
    split = 0
    for chain, options, count in zip(chains, choices, parts, strict=True):
        if count > 1:
            _rewrite(editor, chain, options[count - 1])
            split += len(chain.layers)
    return split


def find_chains(editor: GraphEditor) -> list[Chain]:
    """Return the chains of a graph, each as long as it goes."""
    layers = [as_layer(editor, node) for node in editor.nodes]
    return [
        _follow(editor, layer)
        for layer in layers
        if layer is not None and layer.node.op_type == "Conv" and layer.groups == 1
    ]


def divide(noises: Sequence[RowNoise], *, reorder: bool = True) -> list[Division]:
    """Return the divisions of channels into 1, 2, ... parts that make least noise.

    Channels are put in the order of one layer's ranges, unless they have to stay in theirs; the best order is taken
    for each number of parts.
    """
    own = np.arange(len(noises[0].ranges))
    orders = [np.argsort(-noise.ranges, kind="stable") for noise in noises] if reorder else [own]
    by_order = [_divide_ordered(noises, order) for order in orders]
    return [min(options, key=lambda option: option.noise) for options in zip(*by_order, strict=True)]


def choose_parts(noises: Sequence[Sequence[float]], unavoidable: float) -> list[int]:
    """Return how many parts each chain gets, so that every further part lowers the noise by `WORTH` or more.

    `noises[chain][parts - 1]` is the noise of a chain in that many parts; one whose noise falls by less than `NEED`
    stays whole.
    """
    chosen = []
    for options in noises:
        count = 1
        while count < len(options):
            gains = [
                (options[count - 1] - options[more - 1]) / (more - count) for more in range(count + 1, len(options) + 1)
            ]
            best = int(np.argmax(gains))
            if not gains[best] > WORTH * unavoidable:
                break
            count += best + 1
        chosen.append(count if options[0] - options[count - 1] > NEED * unavoidable else 1)
    return chosen


def _divide_ordered(noises: Sequence[RowNoise], order: Index) -> list[Division]:
    """Return the best divisions of ordered channels into runs, by dynamic programming."""
    count = len(order)
    cost = sum(_run_costs(noise.costs[order], noise.ranges[order]) for noise in noises)
    least = np.full((MAXIMUM_PARTS + 1, count + 1), np.inf)
    starts = np.zeros((MAXIMUM_PARTS + 1, count + 1), dtype=np.int64)
    least[0, 0] = 0.0
    for parts in range(1, MAXIMUM_PARTS + 1):
        total = least[parts - 1][:, None] + cost
        starts[parts] = total.argmin(axis=0)
        least[parts] = total.min(axis=0)
    divisions = []
    for parts in range(1, min(MAXIMUM_PARTS, count) + 1):
        ends, end = [], count
        for left in range(parts, 0, -1):
            ends.append(end)
            end = int(starts[left, end])
        sizes = np.diff([0, *reversed(ends)])
        divisions.append(Division(order, tuple(int(size) for size in sizes), float(least[parts, count])))
    return divisions


def _run_costs(costs: Floats, ranges: Floats) -> Floats:
    """Return the noise of every run [start, end) of channels, infinite where it is empty."""
    count = len(costs)
    sums = np.concatenate([[0.0], np.cumsum(costs)])
    found = np.full((count + 1, count + 1), np.inf)
    for start in range(count):
        widest = np.maximum.accumulate(ranges[start:])
        found[start, start + 1 :] = widest**2 * (sums[start + 1 :] - sums[start])
    return found


def _follow(editor: GraphEditor, first: LinearLayer) -> Chain:
    layers, nodes, tensor = [first], [first.node], first.target
    while True:
        readers = editor.readers.get(tensor, [])
        if tensor in editor.outputs or tensor in editor.captured or not readers:
            return Chain(tuple(layers), tuple(nodes), ())
        dense = [layer for layer in (as_layer(editor, reader) for reader in readers) if layer is not None]
        if len(dense) == len(readers) and all(_reads_densely(layer, tensor) for layer in dense):
            return Chain(tuple(layers), tuple(nodes), tuple(dense))
        reader = readers[0]
        layer = as_layer(editor, reader)
        if len(readers) > 1 or not (_is_pointwise(editor, reader) if layer is None else _is_depthwise(layer)):
            return Chain(tuple(layers), tuple(nodes), ())
        if layer is not None:
            layers.append(layer)
        nodes.append(reader)
        tensor = reader.output[0]


def _reads_densely(layer: LinearLayer, tensor: str) -> bool:
    return layer.node.op_type == "Conv" and layer.groups == 1 and layer.source == tensor


def _is_depthwise(layer: LinearLayer) -> bool:
    return layer.node.op_type == "Conv" and layer.groups == layer.shape[0] and layer.shape[1] == 1


def _is_pointwise(editor: GraphEditor, node: onnx.NodeProto) -> bool:
    values = [editor.constant(name) for name in node.input[1:] if name]
    return node.op_type in POINTWISE and all(value is not None and value.size == 1 for value in values)


def _rewrite(editor: GraphEditor, chain: Chain, division: Division) -> None:
    """Write a chain as parallel ones, concatenate what they make, and reorder the columns that read it."""
    ends = np.cumsum(division.sizes)
    members = np.split(division.order, ends[:-1])
    fresh, last = [], []
    for number, rows in enumerate(members, start=1):
        nodes = _copy_part(editor, chain, rows, f"part{number}")
        fresh.extend(nodes)
        last.append(nodes[-1].output[0])
    concat = helper.make_node("Concat", last, [chain.target], f"{chain.nodes[-1].name}_parts", axis=1)
    for reader in chain.readers:
        reader.write_weight(editor, reader.read_weight(editor)[:, division.order])
    _replace(editor, chain.nodes, [*fresh, concat])


def _copy_part(editor: GraphEditor, chain: Chain, rows: Index, suffix: str) -> list[onnx.NodeProto]:
    names = {chain.layers[0].source: chain.layers[0].source}
    layers = {layer.node.name or layer.target: layer for layer in chain.layers}
    nodes = []
    for node in chain.nodes:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.name, copy.output[0] = f"{node.name}_{suffix}", f"{node.output[0]}_{suffix}"
        copy.input[0] = names[node.input[0]]
        names[node.output[0]] = copy.output[0]
        layer = layers.get(node.name or node.output[0])
        if layer is not None:
            _take_rows(editor, copy, layer, rows, suffix)
        nodes.append(copy)
    return nodes


def _take_rows(editor: GraphEditor, copy: onnx.NodeProto, layer: LinearLayer, rows: Index, suffix: str) -> None:
    for position, name in enumerate(layer.node.input[1:], start=1):
        value = editor.constant(name) if name else None
        if value is not None:
            copy.input[position] = editor.add_constant(f"{name}_{suffix}", value[rows])
    for entry in copy.attribute:
        if entry.name == "group" and layer.groups > 1:
            entry.i = len(rows)


def _replace(editor: GraphEditor, old: Sequence[onnx.NodeProto], new: Sequence[onnx.NodeProto]) -> None:
    gone = [node.output[0] for node in old]
    place = next(index for index, node in enumerate(editor.graph.node) if node.output[0] == gone[-1])
    nodes = list(editor.graph.node)
    nodes[place : place + 1] = new
    kept = [node for node in nodes if node.output[0] not in gone[:-1]]
    editor.graph.ClearField("node")
    editor.graph.node.extend(kept)
    used = {name for node in kept for name in node.input}
    weights = [tensor for tensor in editor.graph.initializer if tensor.name in used or tensor.name in editor.captured]
    editor.graph.ClearField("initializer")
    editor.graph.initializer.extend(weights)
    editor.index()
