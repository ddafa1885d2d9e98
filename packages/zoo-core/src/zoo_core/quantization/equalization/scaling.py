"""Own cross-layer equalization: factors per channel, found from weights and statistics, and their application."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zoo_core.quantization.equalization.balance import Ranges, balance_ranges, minimise_noise
from zoo_core.quantization.equalization.elements import FIXED, Elements
from zoo_core.quantization.equalization.graph_editor import GraphEditor
from zoo_core.quantization.equalization.layers import Floats, LinearLayer
from zoo_core.quantization.equalization.noise import POWER, ActivationNoise, Index, NoiseTerm, WeightNoise
from zoo_core.quantization.equalization.statistics import ChannelStatistics

Statistics = Mapping[str, ChannelStatistics]
TINY = 1e-30
VARIANCE_SHARE = 1e-4
"""Least variance of a channel, as a share of its mean square, that noise is compared with."""
MARGIN, DEVIATIONS = 1.2, 6.0
"""Room left below the bound of a clip for images that reach higher than those of the calibration: a factor on the
largest value seen, and standard deviations above the mean."""
CHANGED = 1e-3
"""Change of a logarithm from which a channel counts as equalised."""


@dataclass(frozen=True, slots=True)
class _Layer:
    layer: LinearLayer
    weight: Floats
    inputs: Index
    outputs: Index


def find_factors(
    editor: GraphEditor, elements: Elements, statistics: Statistics, *, per_channel: bool, mode: str = "noise"
) -> Floats:
    """Return the factor of every element, 1 for those that are fixed."""
    representatives = elements.representatives()
    layers = [_read(editor, elements, layer, representatives) for layer in elements.layers]
    upper = _upper_bounds(elements, layers, statistics, representatives)
    ranges = [Ranges(one.inputs, one.outputs, np.abs(one.weight).max(axis=2)) for one in layers]
    logs = balance_ranges(ranges, upper)
    if mode == "noise":
        terms = _noise_terms(elements, layers, statistics, representatives, logs, per_channel=per_channel)
        logs = minimise_noise(terms, logs, upper)
    return np.exp(logs)[representatives]


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
        seen = statistics[tensor.source]
        labels = representatives[np.broadcast_to(tensor.labels.reshape(-1), seen.high.shape)]
        reach = np.maximum(MARGIN * seen.high, seen.mean + DEVIATIONS * np.sqrt(seen.variance))
        room = np.log(tensor.bound / np.maximum(reach, TINY))
        np.minimum.at(upper, labels, np.maximum(room, 0.0))
    return upper


def _noise_terms(
    elements: Elements,
    layers: list[_Layer],
    statistics: Statistics,
    representatives: Index,
    start: Floats,
    *,
    per_channel: bool,
) -> list[NoiseTerm]:
    gains = np.zeros(len(representatives))
    importances = []
    for one in layers:
        seen = statistics[one.layer.target]
        variance = np.maximum(seen.variance, VARIANCE_SHARE * seen.square) + TINY
        importance = 1.0 / (len(variance) * variance)
        importances.append(importance)
        squares = (one.weight**2).sum(axis=2) * importance[:, None]
        np.add.at(gains, one.inputs, squares.sum(axis=0, keepdims=True) if len(one.inputs) == 1 else squares)
    gains[FIXED] = 0.0
    terms: list[NoiseTerm] = []
    tensors: dict[str, Index] = {}
    for one, importance in zip(layers, importances, strict=True):
        terms.append(_weight_noise(one, importance, gains, statistics, start, per_channel=per_channel))
        tensors[one.layer.source] = representatives[
            np.broadcast_to(elements.labels[one.layer.source].reshape(-1), statistics[one.layer.source].low.shape)
        ]
    for name, labels in tensors.items():
        seen = statistics[name]
        if (labels != FIXED).any():
            terms.append(ActivationNoise(labels, seen.low, seen.high, gains[labels]))
    return terms


def _weight_noise(
    one: _Layer, importance: Floats, gains: Floats, statistics: Statistics, start: Floats, *, per_channel: bool
) -> WeightNoise:
    """Return the noise of one layer's weight, its powers scaled to be near 1 at the logarithms `start`."""
    gain = np.where(one.outputs == FIXED, importance, gains[one.outputs])
    balanced = start[one.outputs][:, None] - start[one.inputs]
    magnitudes = np.abs(one.weight).max(axis=2) * np.exp(balanced)
    largest = max(float(magnitudes.max(initial=0.0)), TINY)
    energy = one.weight.shape[2] * statistics[one.layer.source].square[one.layer.input_channels()]
    return WeightNoise(
        inputs=one.inputs,
        outputs=one.outputs,
        powers=((magnitudes / largest) ** POWER).astype(np.float32),
        start=start,
        energy=energy,
        gain=gain * largest**2,
        per_channel=per_channel,
    )
