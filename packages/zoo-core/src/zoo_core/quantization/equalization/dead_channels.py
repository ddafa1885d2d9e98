"""Own the search for output channels of layers that are constant, and the removal of the rest of their weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zoo_core.quantization.equalization.elements import Elements
from zoo_core.quantization.equalization.graph_editor import GraphEditor
from zoo_core.quantization.equalization.layers import LinearLayer
from zoo_core.quantization.equalization.statistics import ChannelStatistics

OF_BIAS = 1e-6
"""Share of the bias below which what a channel computes is lost in float32."""
OF_LARGEST = 1e-9
"""Share of the widest channel below which a channel is dead, beyond what any sensible rescaling does."""


def clear_dead_channels(editor: GraphEditor, elements: Elements, statistics: Mapping[str, ChannelStatistics]) -> int:
    """Set the weights of channels to zero that compute their bias only, and return how many there were."""
    return sum(_clear(editor, layer, statistics[layer.source]) for layer in elements.layers)


def _clear(editor: GraphEditor, layer: LinearLayer, source: ChannelStatistics) -> int:
    weight = layer.read_weight(editor)
    largest = np.maximum(np.abs(source.low), np.abs(source.high))
    reach = (np.abs(weight).sum(axis=2) * largest[layer.input_channels()]).sum(axis=1)
    dead = reach <= np.maximum(OF_BIAS * np.abs(layer.read_bias(editor)), OF_LARGEST * reach.max(initial=0.0))
    found = dead & weight.any(axis=(1, 2))
    if found.any():
        layer.write_weight(editor, np.where(dead[:, None, None], 0.0, weight))
    return int(found.sum())
