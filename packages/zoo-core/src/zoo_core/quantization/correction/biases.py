"""Own the empirical correction of the biases of a quantized graph: the mean error of each layer is taken out of it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from zoo_core.protocols import CalibrationData, Progress, ProgressTask
from zoo_core.quantization.correction.agreement import JUDGING_IMAGES, FewImages, output_snr, pick_images
from zoo_core.quantization.correction.bias_terms import shift_bias
from zoo_core.quantization.correction.integers import Floats
from zoo_core.quantization.correction.layers import LinearLayer, pair_layers
from zoo_core.quantization.correction.stepwise import StepwiseModel
from zoo_core.quantization.tapping import TappedModel

IMAGES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerShift:
    """State what the correction did to one layer."""

    name: str
    error: float
    """Largest mean error of a channel, in units of the layer's output."""
    remaining: float
    """Largest part of it that the bias could not take: rounding, or a bias that is shared, computed or absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasReport:
    """State what the correction did and what it was worth."""

    layers: tuple[LayerShift, ...]
    images: int
    snr_before: float
    """Mean signal to noise at the outputs in dB, on images that no mean was taken from where there are enough."""
    snr_after: float
    """The same with corrected biases, whether or not they were kept."""
    kept: bool
    """Whether the graph holds the corrected biases; it is as before where they did not help."""


def correct_biases(
    quantized: onnx.ModelProto,
    original: onnx.ModelProto,
    calibration: CalibrationData,
    progress: Progress,
    *,
    images: int = IMAGES,
) -> BiasReport:
    """Shift the biases of a quantized graph, in place, by the mean error of each layer and channel.

    Layers follow one another in the order of the graph, each with the errors that the corrected layers before it leave:
    empirical bias correction of Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias
    Correction", appendix D. The correction is taken back where the outputs do not come closer to those of `original`,
    the float graph of the same node names.
    """
    layers = pair_layers(quantized, original)
    before = onnx.ModelProto()
    before.CopyFrom(quantized)
    with tempfile.TemporaryDirectory(prefix="zoo_correct_") as name:
        folder = Path(name)
        chosen, judging = pick_images(calibration, (images, JUDGING_IMAGES), folder)
        snr_before = output_snr(quantized, original, judging)
        with progress.track("correcting biases", len(chosen) + len(layers)) as bar:
            means = _mean_outputs(original, layers, chosen, bar)
            steps = StepwiseModel(quantized, chosen, folder / "steps")
            shifts = []
            for layer, expected in zip(layers, means, strict=True):
                shifts.append(_correct_layer(quantized, layer, expected, steps))
                bar.advance()
        snr_after = output_snr(quantized, original, judging)
    kept = snr_after > snr_before
    if not kept:
        quantized.CopyFrom(before)
    return BiasReport(layers=tuple(shifts), images=len(chosen), snr_before=snr_before, snr_after=snr_after, kept=kept)


def _mean_outputs(
    original: onnx.ModelProto, layers: tuple[LinearLayer, ...], images: FewImages, bar: ProgressTask
) -> list[Floats]:
    """Return the mean output per channel of each layer of the float graph."""
    taps = TappedModel(original, [layer.original_output for layer in layers])
    sums = [np.zeros(1) for _ in layers]
    for image in images:
        values = taps.run(image)
        sums = [
            total + channel_means(values[layer.original_output], layer.channel_axis)
            for total, layer in zip(sums, layers, strict=True)
        ]
        bar.advance()
    return [total / len(images) for total in sums]


def _correct_layer(
    quantized: onnx.ModelProto, layer: LinearLayer, expected: Floats, steps: StepwiseModel
) -> LayerShift:
    steps.pass_over([layer.node.input[0]])
    found = sum(channel_means(values[layer.output], layer.channel_axis) for values in steps.values([layer.output]))
    error = expected - found / len(steps)
    added = shift_bias(quantized, layer, error)
    return LayerShift(name=layer.name, error=float(np.abs(error).max()), remaining=float(np.abs(error - added).max()))


def channel_means(output: np.ndarray, axis: int) -> Floats:
    """Return the mean of an output of shape (N, C, ...) or (N, ..., C) over all but its channels."""
    axis %= output.ndim
    means: Floats = output.mean(axis=tuple(other for other in range(output.ndim) if other != axis), dtype=np.float64)
    return means
