"""Own cross-layer equalization: factors per channel, found from weights and statistics, and their application."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zoo_core.quantization.equalization.balance import Ranges, balance_ranges, minimise_noise
from zoo_core.quantization.equalization.elements import FIXED, Elements
from zoo_core.quantization.equalization.graph_editor import GraphEditor
from zoo_core.quantization.equalization.layers import Floats, LinearLayer
from zoo_core.quantization.equalization.noise import (
    POWER,
    WEIGHT_LEVELS,
    ActivationNoise,
    Index,
    NoiseTerm,
    WeightNoise,
    total_noise,
)
from zoo_core.quantization.equalization.splitting import RowNoise
from zoo_core.quantization.equalization.statistics import ChannelStatistics

Statistics = Mapping[str, ChannelStatistics]
TINY = 1e-30
VARIANCE_SHARE = 1e-4
"""Least variance of a channel, as a share of its mean square, that noise is compared with."""
CHANGED = 1e-3
"""Change of a logarithm from which a channel counts as equalised."""


@dataclass(frozen=True, slots=True)
class _Layer:
    layer: LinearLayer
    weight: Floats
    inputs: Index
    outputs: Index


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Hold the factors that were found and the noise they leave."""

    factors: Floats
    """Factor of every element, 1 for those that are fixed."""
    row_noises: Mapping[str, RowNoise]
    """Cost of rounding the scaled weights, by name of a layer's output."""
    unavoidable: float
    """Noise of the activations, and of weights with a range for every output channel."""


def find_scaling(editor: GraphEditor, elements: Elements, statistics: Statistics, *, per_channel: bool) -> Scaling:
    """Return the factors that make least noise of 8-bit rounding."""
    representatives = elements.representatives()
    layers = [_read(editor, elements, layer, representatives) for layer in elements.layers]
    upper = _upper_bounds(elements, layers, statistics, representatives)
    ranges = [Ranges(one.inputs, one.outputs, np.abs(one.weight).max(axis=2)) for one in layers]
    start = balance_ranges(ranges, upper)
    model = _NoiseModel(elements, layers, statistics, representatives)
    logs = minimise_noise(model.terms(start, per_channel=per_channel), start, upper)
    rows = {one.layer.target: model.row_noise(one, logs) for one in layers}
    ideal = sum(float((row.costs * row.ranges**2).sum()) for row in rows.values())
    activations, _ = total_noise(model.activation_terms(), logs)
    return Scaling(factors=np.exp(logs)[representatives], row_noises=rows, unavoidable=ideal + activations)


def apply_factors(editor: GraphEditor, elements: Elements, factors: Floats) -> None:
    """Multiply what makes every element by its factor and divide what reads it."""
    for layer in elements.layers:
        inputs, outputs = factors[_inputs(elements, layer)], factors[_outputs(elements, layer)]
        weight = layer.read_weight(editor) * outputs[:, None, None] / inputs[:, :, None]
        bias = layer.read_bias(editor) * outputs
        layer.write_weight(editor, weight)
        layer.write_bias(editor, bias)
    for constant in elements.constants:
        value = editor.read_input(constant.node, constant.position)
        if value is not None:
            scaled = value.astype(np.float64) * factors[constant.labels]
            editor.write_input(constant.node, constant.position, scaled.astype(value.dtype))


def _read(editor: GraphEditor, elements: Elements, layer: LinearLayer, representatives: Index) -> _Layer:
    inputs, outputs = representatives[_inputs(elements, layer)], representatives[_outputs(elements, layer)]
    return _Layer(layer, layer.read_weight(editor), inputs, outputs)


def _inputs(elements: Elements, layer: LinearLayer) -> Index:
    channels = layer.input_channels()
    count = elements.shapes[layer.source][layer.channel_axis]
    return np.broadcast_to(elements.labels[layer.source].reshape(-1), (count,))[channels]


def _outputs(elements: Elements, layer: LinearLayer) -> Index:
    count = elements.shapes[layer.target][layer.channel_axis]
    return np.broadcast_to(elements.labels[layer.target].reshape(-1), (count,))


def _upper_bounds(elements: Elements, layers: list[_Layer], statistics: Statistics, representatives: Index) -> Floats:
    """Return the largest logarithm of every representative; zero means that it is fixed."""
    made, read = (np.zeros(len(representatives), dtype=bool) for _ in range(2))
    for one in layers:
        made[one.outputs] = True
        read[one.inputs] = True
    upper = np.where(made & read & (representatives == np.arange(len(representatives))), np.inf, 0.0)
    upper[FIXED] = 0.0
    for tensor in elements.bounded:
        upper[representatives[tensor.labels]] = 0.0
    return upper


class _NoiseModel:
    """Describe the rounding noise of every layer and tensor of a graph.

    Noise counts relative to what a layer computes, each of its channels by how much the layers behind make of it: from
    the last layer backwards, a channel weighs what its squared weights carry to weighted channels. A layer whose noise
    is spread over its channels as its signal is costs 1 when the noise is as large as the signal.
    """

    def __init__(
        self, elements: Elements, layers: list[_Layer], statistics: Statistics, representatives: Index
    ) -> None:
        self._elements = elements
        self._layers = layers
        self._statistics = statistics
        self._representatives = representatives
        self._costs: dict[str, Floats] = {}
        """Cost of noise in the channels of a layer's output, by its name."""
        self._gains: dict[str, Floats] = {}
        """Cost of noise in the channels of a tensor that layers read, by its name."""
        carried = np.zeros(len(representatives))
        for one in reversed(layers):
            costs = self._costs[one.layer.target] = self._cost_of(one, carried)
            squares = (one.weight**2).sum(axis=2) * costs[:, None]
            np.add.at(carried, one.inputs, squares.sum(axis=0, keepdims=True) if len(one.inputs) == 1 else squares)
            carried[FIXED] = 0.0
            self._gains[one.layer.source] = carried[self._labels(one.layer.source)]

    def terms(self, start: Floats, *, per_channel: bool) -> list[NoiseTerm]:
        """Return all shares of the noise, prepared for logarithms of factors around `start`."""
        weights = [self._weight_term(one, start, per_channel=per_channel) for one in self._layers]
        return [*weights, *self.activation_terms()]

    def activation_terms(self) -> list[NoiseTerm]:
        """Return the shares of the tensors that layers read."""
        tensors = {one.layer.source: self._labels(one.layer.source) for one in self._layers}
        return [
            ActivationNoise(labels, self._statistics[name].low, self._statistics[name].high, self._gains[name])
            for name, labels in tensors.items()
            if (labels != FIXED).any()
        ]

    def row_noise(self, one: _Layer, logs: Floats) -> RowNoise:
        """Return the cost of rounding every row of a layer's scaled weight."""
        inputs, outputs = logs[one.inputs], logs[one.outputs]
        read = np.broadcast_to((self._energy(one) * np.exp(2.0 * inputs)).sum(axis=1), outputs.shape)
        scaled = np.abs(one.weight).max(axis=2) * np.exp(outputs[:, None] - inputs)
        costs = self._costs[one.layer.target] * np.exp(-2.0 * outputs) * read / WEIGHT_LEVELS**2
        return RowNoise(costs=costs, ranges=scaled.max(axis=1))

    def _weight_term(self, one: _Layer, start: Floats, *, per_channel: bool) -> WeightNoise:
        balanced = start[one.outputs][:, None] - start[one.inputs]
        magnitudes = np.abs(one.weight).max(axis=2) * np.exp(balanced)
        largest = max(float(magnitudes.max(initial=0.0)), TINY)
        return WeightNoise(
            inputs=one.inputs,
            outputs=one.outputs,
            powers=((magnitudes / largest) ** POWER).astype(np.float32),
            start=start,
            energy=self._energy(one),
            gain=self._costs[one.layer.target] * largest**2,
            per_channel=per_channel,
        )

    def _cost_of(self, one: _Layer, carried: Floats) -> Floats:
        """Return the cost of noise in every output channel, by what is carried on, or alike where that is unknown."""
        seen = self._statistics[one.layer.target]
        variance = np.maximum(seen.variance, VARIANCE_SHARE * seen.square) + TINY
        known = one.outputs != FIXED
        costs = np.where(known, carried[one.outputs], 1.0)
        if not known.all() or not costs.any():
            costs = np.ones_like(costs)
        return np.asarray(costs / (costs * variance).sum())

    def _energy(self, one: _Layer) -> Floats:
        square = self._statistics[one.layer.source].square
        return np.asarray(one.weight.shape[2] * square[one.layer.input_channels()])

    def _labels(self, name: str) -> Index:
        labels = self._elements.labels[name].reshape(-1)
        return self._representatives[np.broadcast_to(labels, self._statistics[name].low.shape)]
