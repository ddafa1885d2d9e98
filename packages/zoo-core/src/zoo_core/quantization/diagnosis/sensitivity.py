"""Own the effect of single layers on what a model is for: its metric, or its output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import onnx

from zoo_core.protocols import Progress
from zoo_core.quantization.diagnosis.noise import OPERAND, WEIGHT, TensorNoise
from zoo_core.quantization.diagnosis.pairing import pair_graphs
from zoo_core.quantization.diagnosis.single_layers import INPUT, only_quantized

Measure = Callable[[onnx.ModelProto, str], float]
"""Measures a model; the text says which layer is quantized in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerEffect:
    """State what a model achieves in which one layer alone is quantized."""

    layer: str
    """Name of the node; empty for the model's input."""
    value: float
    """In the unit of whoever measured."""


def rank_layers(noise: Iterable[TensorNoise]) -> tuple[str, ...]:
    """Return the layers by the noise of their worst output when they alone are quantized, the worst first.

    Two rankings take turns: by the whole output, and by its channels with equal shares, because small channels that
    are lost may be those that the next layer makes large. The weights count by what they do to the output, and what
    joins tensors by the operand that suffers most.
    """
    whole: dict[str, float] = {}
    channels: dict[str, float] = {}
    for row in noise:
        if row.kind != WEIGHT and (row.kind == OPERAND or row.step is not None or row.stored is not None):
            whole[row.layer] = min(row.own, whole.get(row.layer, row.own))
            balanced = row.own if row.channels is None else row.channels
            channels[row.layer] = min(balanced, channels.get(row.layer, balanced))
    rankings = (sorted(whole, key=whole.__getitem__), sorted(channels, key=channels.__getitem__))
    return tuple(dict.fromkeys(layer for places in zip(*rankings, strict=True) for layer in places))


def layer_sensitivity(
    quantized: onnx.ModelProto,
    original: onnx.ModelProto,
    layers: Sequence[str],
    measure: Measure,
    progress: Progress,
) -> tuple[LayerEffect, ...]:
    """Measure the float model with one layer quantized, for each of the named layers, in their order.

    The other way round, the quantized model with one layer left float, would cost the same number of measurements
    and hide what is looked for: where two layers are broken, mending either of them mends nothing. Quantizing one
    layer in a sound model shows the harm of that layer alone, and is mostly run in float, which is faster. It is
    the per-layer analysis of AIMET's QuantAnalyzer (Qualcomm, "Quantization Analyzer").

    Raises:
        UserError: When the graphs do not belong together.
    """
    pair = pair_graphs(quantized, original)
    effects = []
    with progress.track("Measuring layers", len(layers)) as bar:
        for layer in layers:
            title = f'only "{layer}" quantized' if layer != INPUT else "only the input quantized"
            effects.append(LayerEffect(layer=layer, value=measure(only_quantized(pair, layer), title)))
            bar.advance()
    return tuple(effects)
