"""Own the passes over calibration images that find the range of every activation, one image in memory at a time.

onnxruntime's own calibrators are used to choose the tensors and to extend the graph, but not to gather: they keep
the outputs of all images until the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnxruntime.quantization.calibrate import (
    CalibrationMethod,
    HistogramCalibrater,
    MinMaxCalibrater,
    TensorData,
    TensorsData,
)

from zoo_core.errors import DataError, UserError
from zoo_core.export.onnx_file import inspect_onnx
from zoo_core.export.runtime import open_runtime
from zoo_core.inference.session import as_model_input
from zoo_core.protocols import CalibrationData, Progress, ProgressTask
from zoo_core.quantization.ranges import (
    BINS,
    Counts,
    Extremes,
    count_magnitudes,
    count_values,
    entropy_threshold,
    mse_range,
    mse_threshold,
    percentile_threshold,
)

MINIMUM, MAXIMUM = "_ReduceMin", "_ReduceMax"
HISTOGRAM_METHODS = ("Entropy", "Percentile", "MSE")
AVERAGING, EXTREMES, MAGNITUDE = "MovingAverage", "MinMax", "Distribution"
METHODS = (EXTREMES, AVERAGING, *HISTOGRAM_METHODS, MAGNITUDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationOptions:
    """Say how ranges are found."""

    method: str = EXTREMES
    """One of `METHODS`."""
    symmetric: bool = False
    """Make every range symmetric about zero, and choose it so."""
    average: bool = False
    """Take the mean over images of their extremes, with `MinMax`; `MovingAverage` does so by itself."""
    average_constant: float | None = None
    """Weight of the newest image in an exponential mean; the plain mean when absent."""
    percentile: float = 99.999
    """Share of magnitudes in percent that `Percentile` keeps."""
    bits: int = 8
    """Bits of an activation, which `Entropy` and `MSE` weigh against clipping."""
    op_types: tuple[str, ...] = ()
    """Operators whose inputs and outputs are looked at; all when empty."""


class _ExtendedGraph:
    """Run a model that also returns what is watched."""

    def __init__(self, calibrater: Any, model: Path, extended: Path) -> None:
        calibrater.augment_graph()
        self._info = inspect_onnx(model)
        self._session = open_runtime(extended, optimised=False)
        self.names = [output.name for output in self._session.get_outputs()]

    def run(self, image: npt.NDArray[np.float32], names: list[str]) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        """Yield the named outputs for one image of shape (1, C, H, W)."""
        images = np.repeat(image, self._info.batch or 1, axis=0)
        found = self._session.run(names, {self._info.inputs[0].name: as_model_input(self._info, images)})
        yield from zip(names, found, strict=True)


def collect_ranges(
    model: Path, calibration: CalibrationData, options: CalibrationOptions, work_dir: Path, progress: Progress
) -> TensorsData:
    """Return the range of every activation of a model, in onnxruntime's type.

    Memory depends on the model, not on the number of images. `Entropy`, `Percentile` and `MSE` read the images twice:
    for the extremes, then for histograms between them.

    Args:
        model: Float model whose tensors have known types.
        calibration: Images, the same on every pass.
        options: How the ranges are found.
        work_dir: Folder for the model with further outputs.
        progress: Shows one bar over all passes.

    Raises:
        DataError: When there are no images.
        UserError: When an image makes an activation infinite or not a number.
        ValueError: When there is no such method.
    """
    if options.method not in METHODS:
        msg = f"there is no calibration method {options.method}; expected one of {', '.join(METHODS)}"
        raise ValueError(msg)
    if not len(calibration):
        raise DataError("There are no images to calibrate with.", hint="Set dataset.quantization_path.")
    passes = 2 if options.method in HISTOGRAM_METHODS else 1
    with progress.track("Calibrating", passes * len(calibration)) as bar:
        path = work_dir / "extremes.onnx"
        graph = _ExtendedGraph(MinMaxCalibrater(model, options.op_types, str(path)), model, path)
        extremes = _collect_extremes(graph, calibration, options, bar)
        counts: Mapping[str, Counts] = {}
        if passes > 1:
            path = work_dir / "activations.onnx"
            graph = _ExtendedGraph(HistogramCalibrater(model, options.op_types, str(path)), model, path)
            counts = _collect_histograms(graph, calibration, extremes, bar)
    ranges = {name: _range(seen, counts.get(name), options) for name, seen in extremes.items()}
    data = {
        name: TensorData(lowest=np.array(low, dtype=np.float32), highest=np.array(high, dtype=np.float32))
        for name, (low, high) in ranges.items()
    }
    return TensorsData(CalibrationMethod.MinMax, data)  # all that is left of the method are lowest and highest values


def _range(seen: Extremes, counts: Counts | None, options: CalibrationOptions) -> tuple[float, float]:
    symmetric = options.symmetric or options.method == MAGNITUDE
    low, high = -seen.magnitude, seen.magnitude
    if counts is not None and high:
        if options.method == "MSE" and not symmetric:
            low, high = mse_range(counts, high, seen.low, seen.high, 2**options.bits - 1)
        else:
            high = _threshold(seen, counts, options, symmetric=symmetric)
            low = -high
    return (low, high) if symmetric else (max(seen.low, low), min(seen.high, high))


def _threshold(seen: Extremes, counts: Counts, options: CalibrationOptions, *, symmetric: bool) -> float:
    """Return the magnitude at which a tensor is clipped."""
    magnitudes = count_magnitudes(counts)
    if options.method == "Percentile":
        return percentile_threshold(magnitudes, seen.magnitude, options.percentile)
    if options.method == "MSE":
        return mse_threshold(magnitudes, seen.magnitude, 2**options.bits - 2)
    all_levels = not symmetric and (seen.low >= 0 or seen.high <= 0)  # none is spent on the other sign
    return entropy_threshold(magnitudes, seen.magnitude, 2**options.bits if all_levels else 2 ** (options.bits - 1))


def _collect_extremes(
    graph: _ExtendedGraph, calibration: CalibrationData, options: CalibrationOptions, bar: ProgressTask
) -> dict[str, Extremes]:
    watched = [name for name in graph.names if name.endswith((MINIMUM, MAXIMUM))]
    averaging = options.method == AVERAGING or (options.average and options.method == EXTREMES)
    tensors = sorted(name.removesuffix(MINIMUM) for name in watched if name.endswith(MINIMUM))
    extremes = {name: Extremes(averaging, options.average_constant) for name in tensors}
    for index, image in enumerate(calibration):
        found = {name: float(value.item()) for name, value in graph.run(image, watched)}
        _refuse_infinite(found, index)
        for name, seen in extremes.items():
            seen.update(found[name + MINIMUM], found[name + MAXIMUM])
        bar.advance()
    if any(not seen.images for seen in extremes.values()):
        raise DataError("Not one calibration image could be read.", hint="Check dataset.quantization_path.")
    return extremes


def _refuse_infinite(found: Mapping[str, float], index: int) -> None:
    name = next((name for name, value in found.items() if not np.isfinite(value)), None)
    if name is not None:
        tensor = name.removesuffix(MINIMUM).removesuffix(MAXIMUM)
        raise UserError(
            f'Calibration image {index} makes the activation "{tensor}" infinite or not a number.',
            hint="Evaluate the float model first: its weights, or the preprocessing, are probably wrong.",
        )


def _collect_histograms(
    graph: _ExtendedGraph, calibration: CalibrationData, extremes: Mapping[str, Extremes], bar: ProgressTask
) -> dict[str, Counts]:
    watched = [name for name in graph.names if name in extremes]
    counts = {name: np.zeros(2 * BINS, dtype=np.int64) for name in watched}
    for image in calibration:
        for name, values in graph.run(image, watched):
            counts[name] += count_values(values, extremes[name].magnitude)
        bar.advance()
    return counts
