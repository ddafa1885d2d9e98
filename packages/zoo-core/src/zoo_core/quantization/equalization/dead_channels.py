"""Own the search for output channels of layers that are constant, and the removal of weights that do nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from zoo_core.quantization.equalization.elements import Elements
from zoo_core.quantization.equalization.graph_editor import GraphEditor
from zoo_core.quantization.equalization.layers import Floats, LinearLayer
from zoo_core.quantization.equalization.statistics import ChannelStatistics

OF_BIAS = 1e-6
"""Share of the bias below which what a channel computes is lost in float32."""
OF_LARGEST = 1e-9
"""Share of the widest channel below which a channel is dead, beyond what any sensible rescaling does."""
RECTIFIERS = ("Relu", "Clip")


def clear_dead_channels(editor: GraphEditor, elements: Elements, statistics: Mapping[str, ChannelStatistics]) -> int:
    """Set weights to zero that compute nothing but a constant, or read nothing but zeros.

    Returns:
        The number of output channels that compute their bias only, and whose weights were not zero before.
    """
    silent: dict[str, npt.NDArray[np.bool_]] = {}
    count = 0
    for layer in elements.layers:
        weight = layer.read_weight(editor)
        kept = weight
        if layer.source in silent:
            kept = np.where(silent[layer.source][layer.input_channels()][:, :, None], 0.0, kept)
        dead = _dead_rows(kept, layer.read_bias(editor), statistics[layer.source], layer)
        kept = np.where(dead[:, None, None], 0.0, kept)
        if not np.array_equal(kept, weight):
            layer.write_weight(editor, kept)
        count += int((dead & weight.any(axis=(1, 2))).sum())
        _note_silence(editor, layer, dead & (layer.read_bias(editor) <= 0.0), silent)
    return count


def _dead_rows(weight: Floats, bias: Floats, source: ChannelStatistics, layer: LinearLayer) -> npt.NDArray[np.bool_]:
    """Tell which rows reach nowhere; channels that no image has moved from zero may reach any height."""
    largest = np.maximum(np.abs(source.low), np.abs(source.high))
    reached = np.where(largest > 0.0, largest, np.inf)[layer.input_channels()]
    sizes = np.abs(weight).sum(axis=2)
    reach = np.multiply(sizes, reached, out=np.zeros_like(sizes), where=sizes > 0.0).sum(axis=1)
    widest = reach[np.isfinite(reach)].max(initial=0.0)
    return np.asarray(reach <= np.maximum(OF_BIAS * np.abs(bias), OF_LARGEST * widest))


def _note_silence(
    editor: GraphEditor,
    layer: LinearLayer,
    zero: npt.NDArray[np.bool_],
    silent: dict[str, npt.NDArray[np.bool_]],
) -> None:
    """Remember which channels are zero always, behind the functions that cut off what is negative."""
    for reader in editor.readers.get(layer.target, ()):
        if reader.op_type in RECTIFIERS and zero.any():
            silent[reader.output[0]] = zero
