"""Own the absorption of high biases: what a channel never falls below moves through a ReLU into the biases behind it.

Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section
4.1.3. The paper takes what follows from batch norm; here no image of the calibration may fall below either.
"""

from __future__ import annotations

import numpy as np

from zoo_core.quantization.equalization.elements import Elements
from zoo_core.quantization.equalization.graph_editor import GraphEditor
from zoo_core.quantization.equalization.layers import Floats, LinearLayer, as_layer
from zoo_core.quantization.equalization.statistics import ChannelStatistics

DEVIATIONS = 3.0
"""Standard deviations below the mean that a channel may still fall."""


def absorb_biases(editor: GraphEditor, elements: Elements, statistics: dict[str, ChannelStatistics]) -> int:
    """Move the constant part of channels into the layers behind, bring the statistics up to date, count channels."""
    count = 0
    for layer in elements.layers:
        found = _readers(editor, layer)
        if found is None:
            continue
        middle, readers = found
        seen = statistics[layer.target]
        spread = DEVIATIONS * np.sqrt(seen.variance)
        constant = np.maximum(np.minimum(seen.low, seen.mean - spread), 0.0)
        if not constant.any():
            continue
        _move(editor, layer, readers, constant)
        for name in (layer.target, middle):
            statistics[name] = statistics[name].shifted(constant)
        count += int((constant > 0.0).sum())
    return count


def _readers(editor: GraphEditor, layer: LinearLayer) -> tuple[str, list[LinearLayer]] | None:
    """Return the ReLU's output behind a layer and the layers that alone read it, seeing no zeros around it."""
    behind = editor.readers.get(layer.target, [])
    if not layer.takes_bias or len(behind) != 1 or behind[0].op_type != "Relu" or _is_seen(editor, layer.target):
        return None
    middle = str(behind[0].output[0])
    readers = [as_layer(editor, node) for node in editor.readers.get(middle, [])]
    fitting = [one for one in readers if one is not None and one.source == middle and one.takes_bias]
    if not readers or len(fitting) < len(readers) or any(one.is_padded for one in fitting) or _is_seen(editor, middle):
        return None
    return middle, fitting


def _move(editor: GraphEditor, layer: LinearLayer, readers: list[LinearLayer], constant: Floats) -> None:
    layer.write_bias(editor, layer.read_bias(editor) - constant)
    for reader in readers:
        carried = reader.read_weight(editor).sum(axis=2) * constant[reader.input_channels()]
        reader.write_bias(editor, reader.read_bias(editor) + carried.sum(axis=1))


def _is_seen(editor: GraphEditor, name: str) -> bool:
    return name in editor.outputs or name in editor.captured
