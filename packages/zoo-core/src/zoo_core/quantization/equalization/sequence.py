"""Own the sequence of equalization: each step is proven to keep the function, or undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx

from zoo_core.protocols import CalibrationData, Progress
from zoo_core.quantization.equalization.batch_norm import remove_batch_norms
from zoo_core.quantization.equalization.bias_absorption import absorb_biases
from zoo_core.quantization.equalization.dead_channels import clear_dead_channels
from zoo_core.quantization.equalization.elements import FIXED, Elements
from zoo_core.quantization.equalization.graph_editor import GraphEditor
from zoo_core.quantization.equalization.parity import TOLERANCE, Parity
from zoo_core.quantization.equalization.propagation import propagate
from zoo_core.quantization.equalization.report import EqualizationReport
from zoo_core.quantization.equalization.scaling import CHANGED, Scaling, apply_factors, find_scaling
from zoo_core.quantization.equalization.splitting import split_layers
from zoo_core.quantization.equalization.statistics import ChannelStatistics, measure_channels, measure_shapes

Step = Callable[[EqualizationReport], EqualizationReport]


def equalize(
    model: onnx.ModelProto, calibration: CalibrationData, progress: Progress, *, per_channel: bool
) -> EqualizationReport:
    """Change a float graph in place so that 8 bits cost it less, without changing what it computes.

    Sources: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019; for
    weights quantized per channel, activations are balanced against weights as in Xiao et al., "SmoothQuant", ICML 2023.

    Raises:
        DataError: When there are no calibration images.
    """
    return _Equalization(model, calibration, progress, per_channel=per_channel).run()


class _Equalization:
    def __init__(
        self, model: onnx.ModelProto, calibration: CalibrationData, progress: Progress, *, per_channel: bool
    ) -> None:
        self._model = model
        self._calibration = calibration
        self._progress = progress
        self._per_channel = per_channel
        self._parity = Parity(model, calibration)
        self._statistics: dict[str, ChannelStatistics] = {}
        self._scaling: Scaling | None = None

    def run(self) -> EqualizationReport:
        report = EqualizationReport()
        report = self._keep_if_equal("Folding batch norms", self._remove_batch_norms, report)
        report = self._keep_if_equal("Clearing dead channels", self._clear_dead_channels, report)
        report = self._keep_if_equal("Bias absorption", self._absorb_biases, report)
        report = self._keep_if_equal("Cross-layer equalization", self._scale, report)
        if not self._per_channel:
            report = self._keep_if_equal("Splitting layers", self._split, report)
        return report

    def _keep_if_equal(self, name: str, step: Step, report: EqualizationReport) -> EqualizationReport:
        """Run a step; restore the model when its outputs differ afterwards."""
        before, statistics, scaling = self._model.SerializeToString(), dict(self._statistics), self._scaling
        updated = step(report)
        gap = self._parity.difference(self._model)
        if gap <= TOLERANCE:
            return replace(updated, parity=max(gap, report.parity))
        self._model.ParseFromString(before)
        self._statistics, self._scaling = statistics, scaling
        note = f"{name} was undone: outputs differed by {gap:.2g} of their largest value, more than {TOLERANCE:.2g}."
        return replace(report, notes=(*report.notes, note))

    def _remove_batch_norms(self, report: EqualizationReport) -> EqualizationReport:
        shapes = measure_shapes(self._model, self._parity.images[0])
        count = remove_batch_norms(GraphEditor(self._model), {name: len(shape) for name, shape in shapes.items()})
        return replace(report, batch_norms=count)

    def _clear_dead_channels(self, report: EqualizationReport) -> EqualizationReport:
        editor, elements = self._read()
        self._statistics = self._measure(elements)
        return replace(report, dead_channels=clear_dead_channels(editor, elements, self._statistics))

    def _absorb_biases(self, report: EqualizationReport) -> EqualizationReport:
        editor, elements = self._read()
        return replace(report, shifted_channels=absorb_biases(editor, elements, self._statistics))

    def _scale(self, report: EqualizationReport) -> EqualizationReport:
        editor, elements = self._read()
        self._scaling = find_scaling(editor, elements, self._statistics, per_channel=self._per_channel)
        factors = self._scaling.factors
        apply_factors(editor, elements, factors)
        representatives = elements.representatives()
        moved = (np.abs(np.log(factors)) > CHANGED) & (representatives == np.arange(len(representatives)))
        return replace(report, layers=len(elements.layers), channels=int(moved[FIXED + 1 :].sum()))

    def _split(self, report: EqualizationReport) -> EqualizationReport:
        if self._scaling is None:
            return report
        count = split_layers(GraphEditor(self._model), self._scaling.row_noises, self._scaling.unavoidable)
        if count:
            _describe_tensors(self._model)
        return replace(report, split_layers=count)

    def _read(self) -> tuple[GraphEditor, Elements]:
        editor = GraphEditor(self._model)
        return editor, propagate(editor, measure_shapes(self._model, self._parity.images[0]))

    def _measure(self, elements: Elements) -> dict[str, ChannelStatistics]:
        axes: dict[str, int] = {}
        for layer in elements.layers:
            axes[layer.source] = axes[layer.target] = layer.channel_axis
        for tensor in elements.bounded:
            axes.setdefault(tensor.source, 1)
        return measure_channels(self._model, axes, self._calibration, self._progress)


def _describe_tensors(model: onnx.ModelProto) -> None:
    """Write the shapes of new tensors into a model, and forget those that are gone."""
    model.graph.ClearField("value_info")
    model.CopyFrom(onnx.shape_inference.infer_shapes(model))
