"""Own what is measured of channels on calibration images, one image in memory at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnx

from zoo_core.errors import DataError
from zoo_core.protocols import CalibrationData, Progress
from zoo_core.quantization.equalization.layers import Floats
from zoo_core.quantization.tapping import TappedModel

MAXIMUM_IMAGES = 128
"""Images that are looked at, evenly spread; extremes and means of channels hardly change with more."""


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """Hold what the values of every channel of a tensor were over images and positions, each of shape (channels,)."""

    low: Floats
    high: Floats
    mean: Floats
    square: Floats
    """Mean of the squared values."""

    @property
    def variance(self) -> Floats:
        """Return the variance."""
        return np.maximum(self.square - self.mean**2, 0.0)

    def shifted(self, offset: Floats) -> ChannelStatistics:
        """Return those of the values minus an offset per channel."""
        return replace(
            self,
            low=self.low - offset,
            high=self.high - offset,
            mean=self.mean - offset,
            square=self.square - 2.0 * offset * self.mean + offset**2,
        )


def measure_shapes(model: onnx.ModelProto, image: npt.NDArray[np.float32]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every floating-point tensor of a model for one image of shape (1, C, H, W)."""
    inside = [name for node in model.graph.node for name in node.output if name]
    weights = {tensor.name for tensor in model.graph.initializer}
    tensors = [value.name for value in model.graph.input if value.name not in weights] + inside
    found = TappedModel(model, tensors).run(image)
    return {name: value.shape for name, value in found.items() if value.dtype == np.float32}


def measure_channels(
    model: onnx.ModelProto, axes: Mapping[str, int], calibration: CalibrationData, progress: Progress
) -> dict[str, ChannelStatistics]:
    """Return the statistics of tensors along their channel axis, by name.

    Raises:
        DataError: When not one image can be read.
    """
    tapped = TappedModel(model, list(axes))
    stride = max(1, -(-len(calibration) // MAXIMUM_IMAGES))
    sums: dict[str, Floats] = {}
    images = 0
    with progress.track("Measuring channels", len(calibration)) as bar:
        for index, image in enumerate(calibration):
            if index % stride == 0:
                images += 1
                for name, value in tapped.run(image).items():
                    found = _summarise(value, axes[name])
                    sums[name] = _merge(sums[name], found) if name in sums else found
            bar.advance()
    if not images:
        raise DataError("Not one calibration image could be read.", hint="Check dataset.quantization_path.")
    return {name: ChannelStatistics(found[0], found[1], *(found[2:] / images)) for name, found in sums.items()}


def _summarise(value: npt.NDArray[np.float32], axis: int) -> Floats:
    """Return lowest, highest, mean and mean square of every channel, of shape (4, channels)."""
    flat = np.moveaxis(value, axis, 0).reshape(value.shape[axis], -1)
    squares = np.einsum("cn,cn->c", flat, flat, dtype=np.float64) / flat.shape[1]
    return np.stack([flat.min(axis=1), flat.max(axis=1), flat.mean(axis=1, dtype=np.float64), squares])


def _merge(before: Floats, found: Floats) -> Floats:
    return np.stack([
        np.minimum(before[0], found[0]), np.maximum(before[1], found[1]), before[2] + found[2], before[3] + found[3]
    ])  # fmt: skip
