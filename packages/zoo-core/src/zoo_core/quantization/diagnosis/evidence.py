"""Own the figures that tell why a layer suffers: how tensors fill their ranges, how channels differ, cut biases."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from zoo_core.protocols import CalibrationData, Progress
from zoo_core.quantization.diagnosis.noise import IMAGES, spread
from zoo_core.quantization.diagnosis.pairing import Layer, Pair
from zoo_core.quantization.diagnosis.qdq import Constant, Floats, Quantization
from zoo_core.quantization.tapping import TappedModel

BINS = 4096
LEVELS = 256
LAST_INT32 = 2**31 - 1
COMMON_SHARE = 0.999
IMAGE_RANK = 4
MANY_WEIGHTS = 1000
"""From this many weights on, a share of one in a thousand says something."""
MIXING = frozenset({"Concat", "Add", "Sum", "Sub"})
"""Operators whose inputs end up in one scale."""


@dataclass(slots=True)
class Filling:
    """Gather how the values of one tensor fill the range it is quantized to, image by image."""

    quantization: Quantization | None
    """Range; nothing when only the magnitude matters."""
    magnitude: float = 0.0
    """Largest magnitude that was seen."""
    channels: Floats | None = None
    """Largest magnitude per channel; for images only."""
    _magnitudes: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    _levels: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(LEVELS, np.int64))
    _outside: int = 0

    def update(self, values: npt.NDArray[np.float32]) -> None:
        """Add the values of one image."""
        magnitudes = np.abs(values)
        self.magnitude = max(self.magnitude, float(magnitudes.max(initial=0.0)))
        if values.ndim == IMAGE_RANK:
            channels = magnitudes.max(axis=(0, 2, 3)).astype(np.float64)
            self.channels = channels if self.channels is None else np.maximum(self.channels, channels)
        if self.quantization is not None:
            self._count(values, magnitudes, self.quantization)

    def _count(self, values: npt.NDArray[np.float32], magnitudes: npt.NDArray[np.float32], kind: Quantization) -> None:
        low, high = kind.range
        limit = kind.magnitude
        if not np.isfinite(limit) or limit <= 0.0:
            return
        bins = np.minimum(magnitudes.ravel() * (BINS / limit), BINS - 1).astype(np.int64)
        self._magnitudes += np.bincount(bins, minlength=BINS)
        step = (high - low) / (LEVELS - 1)
        levels = np.clip(np.rint((values.ravel() - low) / step), 0, LEVELS - 1).astype(np.int64)
        self._levels += np.bincount(levels[values.ravel() != 0.0], minlength=LEVELS)
        self._outside += int(np.count_nonzero((values < low - step) | (values > high + step)))

    @property
    def common(self) -> float:
        """Return the magnitude that 99.9 percent of the values stay below."""
        total = int(self._magnitudes.sum())
        if self.quantization is None or not total:
            return self.magnitude
        index = int(np.searchsorted(np.cumsum(self._magnitudes), COMMON_SHARE * total))
        return (index + 1) / BINS * self.quantization.magnitude

    @property
    def outside(self) -> float:
        """Return the share of values beyond the range; a ReLU that the range stands for has removed its own."""
        total = int(self._magnitudes.sum())
        return self._outside / total if total else 0.0

    @property
    def levels(self) -> float:
        """Return the effective number of 256 levels that values other than 0 use, `exp` of their entropy."""
        total = int(self._levels.sum())
        if not total:
            return 0.0
        shares = self._levels[self._levels > 0] / total
        return float(np.exp(-(shares * np.log(shares)).sum()))


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFigures:
    """State how the channels of one stored weight fill their levels."""

    tensor: str
    per_channel: bool
    levels: Floats
    """Levels that each output channel reaches at most, of 127 for 8 bits."""
    inputs: Floats
    """The same by input channels; empty where each output has its own input."""
    dead: int
    """Channels whose weights are all 0."""
    spread: float
    """Largest channel over the median one, of those that are not dead."""
    gain: float
    """Decibels by which a scale for each channel would lower the weight's noise; 0 where it has that already.

    The noise of rounding is `step^2 / 12` (Widrow and Kollar, "Quantization Noise", 2008), for each channel its own.
    """
    outlier: float
    """Largest weight over the magnitude that 99.9 percent stay below; 1 for few weights."""


def weigh(layer: Layer, pair: Pair) -> list[WeightFigures]:
    """Return the figures of the weights of a layer."""
    found = []
    for position, constant in layer.constants:
        values = pair.original.array(layer.original.input[position])
        if values is not None and values.ndim > 1:
            found.append(_figures(layer, layer.original.input[position], values.astype(np.float64), constant))
    return found


def _figures(layer: Layer, name: str, values: Floats, constant: Constant) -> WeightFigures:
    axis = channel_axis(layer, values.ndim)
    others = tuple(index for index in range(values.ndim) if index != axis)
    channels = np.abs(values).max(axis=others)
    alive = channels[channels > 0.0]
    scale = constant.quantization.scale
    fits = scale if scale.size == channels.size else np.full(channels.shape, scale.max())
    common = float(np.quantile(np.abs(values), COMMON_SHARE)) if values.size >= MANY_WEIGHTS else 0.0
    return WeightFigures(
        tensor=name,
        per_channel=constant.quantization.per_channel,
        levels=channels / fits,
        inputs=_input_levels(layer, values, axis, scale),
        dead=int(np.count_nonzero(channels == 0.0)),
        spread=float(alive.max() / np.median(alive)) if alive.size else 1.0,
        gain=_gain(channels) if scale.size == 1 else 0.0,
        outlier=float(channels.max()) / common if common > 0.0 else 1.0,
    )


def _input_levels(layer: Layer, values: Floats, axis: int, scale: Floats) -> Floats:
    """Return the levels that the weights of each input channel reach at most, over all outputs."""
    groups = next((found.i for found in layer.original.attribute if found.name == "group"), 1)
    if groups != 1:
        return np.zeros(0)
    if scale.size > 1:
        scale = scale.reshape([-1 if index == axis else 1 for index in range(values.ndim)])
    input_axis = {"Conv": 1, "ConvTranspose": 0, "Gemm": 1 - axis}.get(layer.op_type, values.ndim - 2)
    others = tuple(index for index in range(values.ndim) if index != input_axis)
    return np.asarray((np.abs(values) / scale).max(axis=others))


def _gain(channels: Floats) -> float:
    """Return the noise of one step for all channels over that of a step for each, in decibels."""
    own = float(np.square(channels).mean())
    return 10.0 * float(np.log10(float(channels.max()) ** 2 / own)) if own > 0.0 else 0.0


def channel_axis(layer: Layer, rank: int) -> int:
    """Return the axis of a weight that the output channels lie on."""
    if layer.op_type == "Gemm":
        transposed = next((found.i for found in layer.original.attribute if found.name == "transB"), 0)
        return 0 if transposed else 1
    return {"ConvTranspose": 1, "MatMul": rank - 1}.get(layer.op_type, 0)


def cut_biases(constant: Constant) -> int:
    """Return how many values of a bias of 32 bits lie at the end of the range, where they were cut off."""
    if constant.quantization.type != TensorProto.INT32:
        return 0
    return int(np.count_nonzero(np.abs(constant.integers.astype(np.int64)) >= LAST_INT32))


def gather_fillings(
    pair: Pair,
    layers: Collection[str],
    calibration: CalibrationData,
    progress: Progress,
    *,
    images: int | None = IMAGES,
) -> Mapping[str, Filling]:
    """Return how the outputs of some layers, and the inputs of those that mix tensors, fill their ranges.

    Args:
        pair: Quantized graph and its float original.
        layers: Names of layers; the empty name is the input of the model.
        calibration: Images.
        progress: Shows the images that are done.
        images: Number of images, evenly spread; all when nothing.

    Raises:
        DataError: When there are no images.
    """
    fillings = {tensor: Filling(kind) for tensor, kind in _targets(pair, layers).items()}
    tapped = TappedModel(pair.original.model, tuple(fillings))
    with progress.track("Looking at ranges", min(images or len(calibration), len(calibration))) as bar:
        for image in spread(calibration, images):
            for tensor, values in tapped.run(image).items():
                fillings[tensor].update(values)
            bar.advance()
    return fillings


def _targets(pair: Pair, layers: Collection[str]) -> dict[str, Quantization | None]:
    targets: dict[str, Quantization | None] = {}
    if "" in layers:
        for tensor, given in zip(pair.quantized.inputs, pair.original.inputs, strict=True):
            targets[given] = _range_of(pair, tensor)
    for layer in pair.layers:
        if layer.name not in layers:
            continue
        for tensor, given in layer.outputs:
            if pair.quantized.quantizers(tensor):
                targets[given] = _range_of(pair, tensor)
        if layer.op_type in MIXING:
            for name in layer.original.input:
                if pair.original.tensor(name) is None:
                    targets.setdefault(name, None)
    return targets


def _range_of(pair: Pair, tensor: str) -> Quantization | None:
    return next((pair.quantized.quantization(node) for node in pair.quantized.quantizers(tensor)), None)
