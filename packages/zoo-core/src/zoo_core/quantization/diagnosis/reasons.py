"""Own the verdicts: the likely reasons why a layer loses accuracy, from what was measured, and what to try next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from zoo_core.quantization.diagnosis.evidence import MIXING, Filling, WeightFigures, cut_biases, weigh
from zoo_core.quantization.diagnosis.noise import OPERAND, WEIGHT, TensorNoise
from zoo_core.quantization.diagnosis.pairing import Layer, Pair

SOUND_DB = 30.0
"""From this ratio on a layer needs no reason: 8 bits give about 30 to 45 dB for bell-shaped values."""
OUTLIER = 4.0
"""Range over what 99.9 percent of the values need; 4 costs two bits, while bell-shaped values have about 1.5."""
WEIGHT_OUTLIER = 4.0
FEW_LEVELS = 8.0
"""Channels that reach fewer levels are crushed: 3 bits are left."""
CRUSHED_SHARE = 0.1
CHANNEL_GAIN_DB = 6.0
"""One bit."""
NEGLIGIBLE_DB = 10.0
"""What is so much better than the rest adds less than a tenth of the noise."""
MOSTLY = 0.5
MIXED_RATIO = 16.0
CLIPPED_SHARE = 0.001
USED_LEVELS = 16.0
PARAMETERS = "quantization.onnx_quant_parameters"
OPTIMIZE = "quantization.optimize: True"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """State one likely reason, what it was concluded from, and the cure to try."""

    code: str
    """`range_outlier`, `channel_spread`, `dead_channels`, `bias_overflow`, `shared_scale`, `clipping`, ..."""
    evidence: str
    remedy: str

    def __str__(self) -> str:
        """Return `range outlier: ... Try ...`."""
        return f"{self.code.replace('_', ' ')}: {self.evidence} Try {self.remedy}."


def explain_layer(
    layer: Layer | None,
    rows: Iterable[TensorNoise],
    pair: Pair,
    fillings: Mapping[str, Filling],
    *,
    harmful: bool = False,
) -> tuple[Reason, ...]:
    """Return the likely reasons for the noise of one layer, the likeliest first.

    Args:
        layer: The layer; nothing for the model's input.
        rows: What was measured of its tensors.
        pair: Quantized graph and its float original.
        fillings: Float tensor -> how it fills its range.
        harmful: Whether the layer was found to cost something, however little noise it has.
    """
    rows = [row for row in rows if row.kind != WEIGHT]
    if not rows or (min(row.own for row in rows) >= SOUND_DB and not harmful):
        return ()
    worst = min(rows, key=lambda row: row.own)
    by_weights = list(_weight_reasons(layer, worst, pair)) if layer is not None else []
    by_range = [*_mixing_reasons(layer, worst, fillings), *_range_reasons(worst, fillings.get(worst.tensor))]
    if worst.stored is None or worst.step is None or (worst.channels or worst.own) < worst.own - NEGLIGIBLE_DB:
        found = [*by_weights, *by_range]
    elif worst.stored < worst.step - NEGLIGIBLE_DB:
        found = by_weights
    elif worst.step < worst.stored - NEGLIGIBLE_DB:
        found = [reason for reason in by_weights if reason.code == "bias_overflow"] + by_range
    else:
        found = [*by_weights, *by_range] if worst.stored < worst.step else [*by_range, *by_weights]
    return tuple(found) or (_last_resort(layer, worst),)


def _weight_reasons(layer: Layer, worst: TensorNoise, pair: Pair) -> Iterator[Reason]:
    cut = sum(cut_biases(constant) for _, constant in layer.constants)
    if cut:
        yield Reason(
            code="bias_overflow",
            evidence=f"{cut} values of the bias do not fit 32 bits and were cut off.",
            remedy=f"{OPTIMIZE}, or {_exclude(layer.name)}",
        )
    for figures in weigh(layer, pair):
        yield from _explain_weight(figures)
    if worst.shift is not None and worst.shift > MOSTLY:
        yield Reason(
            code="mean_shift",
            evidence=f"{100.0 * worst.shift:.0f} % of the noise that the weights make is a shift of whole channels, "
            "which other biases would take back.",
            remedy=OPTIMIZE,
        )


def _explain_weight(figures: WeightFigures) -> Iterator[Reason]:
    name, channels = figures.tensor, figures.levels.size
    crushed = int(np.count_nonzero((figures.levels < FEW_LEVELS) & (figures.levels > 0.0)))
    if not figures.per_channel and (figures.gain > CHANNEL_GAIN_DB or crushed > CRUSHED_SHARE * channels):
        yield Reason(
            code="channel_spread",
            evidence=f'in "{name}" the widest channel is {figures.spread:.3g} times the median one, {crushed} of '
            f"{channels} channels use fewer than {FEW_LEVELS:.0f} levels, and a scale for each would bring "
            f"{figures.gain:.0f} dB.",
            remedy=f"{OPTIMIZE}, or quantization.granularity: per_channel",
        )
    lost = int(np.count_nonzero((figures.inputs < FEW_LEVELS) & (figures.inputs > 0.0)))
    if lost > CRUSHED_SHARE * max(figures.inputs.size, 1):
        yield Reason(
            code="input_spread",
            evidence=f'{lost} of {figures.inputs.size} input channels of "{name}" use fewer than {FEW_LEVELS:.0f} '
            "levels, because their weights are small beside those of the others.",
            remedy=OPTIMIZE,
        )
    if figures.dead > CRUSHED_SHARE * channels:
        yield Reason(
            code="dead_channels",
            evidence=f'{figures.dead} of {channels} channels of "{name}" are 0.',
            remedy=OPTIMIZE,
        )
    if figures.outlier > WEIGHT_OUTLIER:
        yield Reason(
            code="weight_outlier",
            evidence=f'the largest weight of "{name}" is {figures.outlier:.3g} times what 99.9 % of them need.',
            remedy=f"{OPTIMIZE}, or quantization.granularity: per_channel",
        )


def _mixing_reasons(layer: Layer | None, worst: TensorNoise, fillings: Mapping[str, Filling]) -> Iterator[Reason]:
    if layer is None or layer.op_type not in MIXING:
        return
    magnitudes = {name: fillings[name].magnitude for name in layer.original.input if name in fillings}
    if len(magnitudes) < 2 or min(magnitudes.values()) <= 0.0:  # noqa: PLR2004
        return
    large, small = max(magnitudes, key=magnitudes.__getitem__), min(magnitudes, key=magnitudes.__getitem__)
    if worst.kind != OPERAND and magnitudes[large] < MIXED_RATIO * magnitudes[small]:
        return
    if magnitudes[large] >= MIXED_RATIO * magnitudes[small]:
        yield Reason(
            code="shared_scale",
            evidence=f'"{large}" up to {magnitudes[large]:.3g} and "{small}" up to {magnitudes[small]:.3g} '
            "get one scale.",
            remedy=f"{OPTIMIZE}, or {_exclude(layer.name)}",
        )


def _range_reasons(worst: TensorNoise, filling: Filling | None) -> Iterator[Reason]:
    if filling is None or filling.quantization is None:
        return
    limit = filling.quantization.magnitude
    if filling.outside > CLIPPED_SHARE:
        yield Reason(
            code="clipping",
            evidence=f"{100.0 * filling.outside:.2g} % of the values, which reach {filling.magnitude:.3g}, lie "
            f"beyond the range of {limit:.3g}.",
            remedy=f"{PARAMETERS}.calibrate_method: MinMax, and images like those of the task",
        )
    elif filling.common > 0.0 and limit >= OUTLIER * filling.common:
        yield Reason(
            code="range_outlier",
            evidence=f"the range reaches {limit:.3g}, but 99.9 % of the values stay below {filling.common:.3g}.",
            remedy=f"{PARAMETERS}.calibrate_method: Percentile",
        )
    narrow = _narrow_channels(filling, limit)
    if narrow:
        yield Reason(
            code="activation_spread",
            evidence=f'{narrow} channels of "{worst.tensor}" fill less than a sixteenth of the range.',
            remedy=OPTIMIZE,
        )
    elif filling.levels < USED_LEVELS:
        yield Reason(
            code="few_levels",
            evidence=f"the values other than 0 use about {filling.levels:.0f} of 256 levels.",
            remedy=f"{PARAMETERS}.calibrate_method: Percentile, or 16 bits with activType: Int16",
        )


def _narrow_channels(filling: Filling, limit: float) -> int:
    """Return how many channels fill little of their range, when those are many."""
    if filling.channels is None:
        return 0
    narrow = int(np.count_nonzero((filling.channels < limit / 16.0) & (filling.channels > 0.0)))
    return narrow if narrow > CRUSHED_SHARE * filling.channels.size else 0


def _last_resort(layer: Layer | None, worst: TensorNoise) -> Reason:
    ratios = (("the weights give", worst.stored), ("the levels of the output", worst.step))
    parts = ", ".join(f"{name} {ratio:.0f} dB" for name, ratio in ratios if ratio is not None)
    remedy = f"{PARAMETERS}.activType: Int16"
    return Reason(
        code="narrow_type",
        evidence=f"nothing stands out ({parts}); 8 bits are few for this layer.",
        remedy=remedy if layer is None else f"{_exclude(layer.name)}, or {remedy}",
    )


def _exclude(name: str) -> str:
    return f"{PARAMETERS}.nodes_to_exclude: [{name}]"
