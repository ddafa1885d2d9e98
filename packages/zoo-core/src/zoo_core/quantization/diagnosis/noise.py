"""Own the measurement of the noise that quantization adds to every tensor of a model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx

from zoo_core.errors import DataError
from zoo_core.export.onnx_file import IMAGE_RANK
from zoo_core.protocols import CalibrationData, Progress
from zoo_core.quantization.diagnosis.comparison import WHOLE, Comparison
from zoo_core.quantization.diagnosis.pairing import Layer, Pair, pair_graphs
from zoo_core.quantization.diagnosis.qdq import Floats
from zoo_core.quantization.tapping import TappedModel

LIMIT_DB = 200.0
"""Stands for no noise at all; its negative for noise without a signal, or that is no number."""
IMAGES = 32
ACTIVATION, WEIGHT, OPERAND = "activation", "weight", "operand"
ACCUMULATED, OWN, STEP, STORED = "accumulated", "own", "step", "stored"
WEIGHT_RANK = 2
"""Constants of a lower rank are biases: their noise counts beside the output's, in `stored`, and not by itself."""
CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})
JOINING = frozenset({"Concat"})
"""Operators whose output is made of their inputs as they are, so that each must fit its scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorNoise:
    """State how much of a tensor is left after quantization, as signal-to-noise ratios in decibels.

    The ratio is `20 log10(|x| / |x - q|)` with norms over all values of all images.
    """

    tensor: str
    kind: str
    """`activation`, `weight`, or `operand`: an input of a concatenation in the scale of its output."""
    layer: str
    """Node that makes the tensor or holds it; empty for the model's input."""
    op_type: str
    own: float
    """Ratio when the layer alone is quantized and its inputs are float."""
    channels: float | None = None
    """The own ratio with all channels counting the same, whatever their size; absent for what is no image.

    It is `-10 log10` of the mean of noise to signal over the channels, with 1 for a channel whose noise exceeds it:
    10 dB are what is left when a tenth of the channels is lost. Rescaling channels from layer to layer, which
    changes the other ratios, leaves it as it is.
    """
    accumulated: float | None = None
    """Ratio in the quantized model, with the noise of all layers before; absent for weights and operands."""
    step: float | None = None
    """Ratio that rounding to the output's levels alone gives; absent where the output stays float."""
    stored: float | None = None
    """Ratio of the unrounded output that the stored weights alone give; absent for layers without weights."""
    shift: float | None = None
    """Share of the noise behind `stored` that is the same at all places and images, from 0 to 1; convolutions only.

    Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.2.
    """


def decibels(signal: float, noise: float) -> float:
    """Return the ratio of two powers in decibels, within -200 and 200."""
    if not (math.isfinite(signal) and math.isfinite(noise)):
        return -LIMIT_DB
    if noise <= 0.0:
        return LIMIT_DB
    if signal <= 0.0:
        return -LIMIT_DB
    return max(-LIMIT_DB, min(LIMIT_DB, 10.0 * math.log10(signal / noise)))


def spread(calibration: CalibrationData, images: int | None) -> Iterator[npt.NDArray[np.float32]]:
    """Yield some of the images, at even distances, or all of them."""
    total = len(calibration)
    wanted = _positions(total, images)
    if not wanted:
        raise DataError("There are no images to measure noise with.", hint="Set dataset.quantization_path.")
    last = max(wanted)
    for index, image in enumerate(calibration):
        if index in wanted:
            yield image
        if index >= last:
            return


def _positions(total: int, images: int | None) -> frozenset[int]:
    count = total if images is None else min(images, total)
    return frozenset(index * total // count for index in range(count)) if count > 0 else frozenset()


def measure_noise(
    quantized: onnx.ModelProto,
    original: onnx.ModelProto,
    calibration: CalibrationData,
    progress: Progress,
    *,
    images: int | None = IMAGES,
) -> tuple[TensorNoise, ...]:
    """Return the noise of every activation and weight, the worst own ratio first.

    The float model, the quantized one and every layer of it alone are run in one graph, image by image; memory
    holds two sums per tensor.

    Args:
        quantized: QDQ graph.
        original: Float graph it was made from, with the same names of nodes.
        calibration: Images.
        progress: Shows the images that are done.
        images: Number of images, evenly spread; all when nothing.

    Raises:
        DataError: When there are no images.
        UserError: When the graphs do not belong together.
    """
    pair = pair_graphs(quantized, original)
    plan = _Plan(pair)
    sums, done = _run(plan.comparison, calibration, progress, images)
    found = [*plan.rows(sums, done), *stored_noise(pair)]
    return tuple(sorted(found, key=lambda row: (row.own, row.tensor)))


def output_snr(
    quantized: onnx.ModelProto,
    original: onnx.ModelProto,
    calibration: CalibrationData,
    *,
    images: int | None = IMAGES,
    threads: int | None = None,
) -> float:
    """Return the signal-to-noise ratio in decibels of the model output that suffers most.

    Raises:
        DataError: When there are no images.
    """
    reference = TappedModel(original, [value.name for value in original.graph.output], threads=threads)
    tested = TappedModel(quantized, [value.name for value in quantized.graph.output], threads=threads)
    powers = np.zeros((len(reference.tensors), 2))
    for image in spread(calibration, images):
        expected, found = reference.run(image).values(), tested.run(image).values()
        powers += [_powers(*values) for values in zip(expected, found, strict=True)]
    return min(decibels(signal, noise) for signal, noise in powers)


def _powers(wanted: npt.NDArray[np.generic], got: npt.NDArray[np.generic]) -> tuple[float, float]:
    wide = wanted.astype(np.float64)
    return float(np.square(wide).sum()), float(np.square(wide - got.astype(np.float64)).sum())


def stored_noise(pair: Pair) -> Iterator[TensorNoise]:
    """Yield the noise of every weight that is stored in integers."""
    for layer in pair.layers:
        for position, constant in layer.constants:
            name = layer.original.input[position]
            wanted = pair.original.array(name)
            if wanted is not None and wanted.ndim >= WEIGHT_RANK:
                own = decibels(*_powers(wanted, constant.values()))
                yield TensorNoise(tensor=name, kind=WEIGHT, layer=layer.name, op_type=layer.op_type, own=own)


@dataclass(slots=True)
class _Plan:
    """Decide which tensors are compared, and turn sums into rows."""

    pair: Pair
    comparison: Comparison = field(init=False)
    _names: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)
    _ranks: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.comparison = Comparison(self.pair)
        self._ranks = float_ranks(self.pair.original.model)
        for name, given in zip(self.pair.quantized.inputs, self.pair.original.inputs, strict=True):
            for quantizer in self.pair.quantized.quantizers(name):
                self._compare_quantized(_row_id(quantizer), given, WHOLE + name, quantizer)
                self._names[_row_id(quantizer)] = (given, ACTIVATION, "", "Input")
        for layer in self.pair.layers:
            self._plan_layer(layer)

    def _plan_layer(self, layer: Layer) -> None:
        alone = self.comparison.run_alone(layer) if layer.constants else list(layer.original.output)
        for index, (tested, reference) in enumerate(layer.outputs):
            plain = layer.original.output[index]
            if plain not in self._ranks:
                continue
            quantizers = self.pair.quantized.quantizers(tested)
            identifiers = [_row_id(quantizer) for quantizer in quantizers] or [WHOLE + tested]
            for identifier in identifiers:
                self._names[identifier] = (reference, ACTIVATION, layer.name, layer.op_type)
                if layer.constants:
                    self.comparison.compare((identifier, STORED), plain, alone[index])
                    if layer.op_type in CONVOLUTIONS:
                        self.comparison.average((identifier, STORED))
            for identifier, quantizer in zip(identifiers, quantizers, strict=False):
                self._compare_quantized(identifier, reference, WHOLE + tested, quantizer)
                if layer.constants:
                    rounded = self.comparison.quantize_like(alone[index], quantizer)
                    self._compare_own(identifier, OWN, reference, rounded)
                if layer.op_type in JOINING:
                    self._plan_operands(layer, quantizer)
            if not quantizers:
                self.comparison.compare((identifiers[0], ACCUMULATED), reference, WHOLE + tested)

    def _compare_quantized(self, identifier: str, reference: str, tested: str, quantizer: onnx.NodeProto) -> None:
        rounded = self.comparison.quantize_like(tested, quantizer)
        self.comparison.compare((identifier, ACCUMULATED), reference, rounded)
        self._compare_own(identifier, STEP, reference, self.comparison.quantize_like(reference, quantizer))

    def _compare_own(self, identifier: str, sense: str, reference: str, tested: str) -> None:
        self.comparison.compare((identifier, sense), reference, tested)
        if self._ranks.get(reference) == IMAGE_RANK:
            self.comparison.compare_channels((identifier, sense), reference)

    def _plan_operands(self, layer: Layer, quantizer: onnx.NodeProto) -> None:
        for position, name in enumerate(layer.original.input):
            identifier = f"{_row_id(quantizer)}/{position}"
            self._names[identifier] = (name, OPERAND, layer.name, layer.op_type)
            self.comparison.compare((identifier, STEP), name, self.comparison.quantize_like(name, quantizer))

    def rows(self, sums: Mapping[str, Floats], images: int) -> Iterator[TensorNoise]:
        """Yield what was measured."""
        ratios = {
            key: decibels(float(sums[signal]), float(sums[noise]))
            for key, (signal, noise) in self.comparison.keys.items()
        }
        shifts = {
            key: _share(sums[mean] / images, sums[square] / images)
            for key, (mean, square) in self.comparison.shifts.items()
        }
        channels = {
            key: _balanced(sums[signal], sums[noise]) for key, (signal, noise) in self.comparison.channels.items()
        }
        for identifier, (tensor, kind, layer, op_type) in self._names.items():
            accumulated, step, stored, own = (
                ratios.get((identifier, sense)) for sense in (ACCUMULATED, STEP, STORED, OWN)
            )
            yield TensorNoise(
                tensor=tensor,
                kind=kind,
                layer=layer,
                op_type=op_type,
                own=next((ratio for ratio in (own, step, stored) if ratio is not None), LIMIT_DB),
                channels=channels.get((identifier, OWN), channels.get((identifier, STEP))),
                accumulated=accumulated,
                step=step,
                stored=stored,
                shift=shifts.get((identifier, STORED)),
            )


def _share(mean: Floats, square: Floats) -> float:
    """Return the share of the power of differences that their means over images and places have."""
    power = float(square.sum())
    return float(np.square(mean).sum()) / power if power > 0.0 else 0.0


def _balanced(signal: Floats, noise: Floats) -> float:
    """Return the ratio in decibels of which every channel has the same share; those without a signal do not count."""
    alive = signal > 0.0
    lost = np.minimum(noise[alive] / signal[alive], 1.0)
    return decibels(float(lost.size), float(lost.sum()))


def _row_id(quantizer: onnx.NodeProto) -> str:
    return str(quantizer.output[0])


def float_ranks(model: onnx.ModelProto) -> Mapping[str, int]:
    """Return the number of dimensions of every tensor of 32-bit floats; -1 where it is unknown."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    types = {value.name: value.type.tensor_type for value in (*graph.input, *graph.value_info, *graph.output)}
    return {
        name: len(kind.shape.dim) if kind.HasField("shape") else -1
        for name, kind in types.items()
        if kind.elem_type == onnx.TensorProto.FLOAT
    }


def _run(
    comparison: Comparison, calibration: CalibrationData, progress: Progress, images: int | None
) -> tuple[Mapping[str, Floats], int]:
    """Return the sums over images of what the graph gives for each, and the number of images."""
    pairs = (*comparison.keys.values(), *comparison.shifts.values(), *comparison.channels.values())
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    tapped = TappedModel(comparison.model, names)
    totals: dict[str, Floats] = {name: np.zeros(()) for name in names}
    done = 0
    with progress.track("Measuring noise", len(_positions(len(calibration), images))) as bar:
        for image in spread(calibration, images):
            for name, value in tapped.run(image).items():
                totals[name] = totals[name] + np.asarray(value, dtype=np.float64)
            done += 1
            bar.advance()
    return totals, done
