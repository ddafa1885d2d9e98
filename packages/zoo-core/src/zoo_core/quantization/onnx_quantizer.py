"""Own static quantization of ONNX models by onnxruntime: calibrate, insert quantize nodes, say so in the file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from zoo_core.errors import UserError
from zoo_core.export.onnx_file import OnnxInfo, inspect_onnx, load_onnx, save_onnx, set_metadata
from zoo_core.export.quiet import quiet
from zoo_core.inference.session import OnnxSession, refuse_other_types
from zoo_core.protocols import CalibrationData, Progress, QuantizationOutcome
from zoo_core.quantization.calibration import CalibrationOptions, collect_ranges
from zoo_core.quantization.config import OnnxQuantizerSection, TensorOverrideSection
from zoo_core.quantization.graph import finish_graph, prepare_graph, select_nodes, select_operators
from zoo_core.runs.files import disk_errors

SUFFIXES = {"per_channel": "_quant_qdq_pc", "per_tensor": "_quant_qdq_pt"}
RANDOM = "random"
FEW_IMAGES = 100
OURS = frozenset({
    "CalibMovingAverage", "CalibMovingAverageConstant", "CalibTensorRangeSymmetric", "CalibPercentile",
    "CalibStridedMinMax", "CalibMaxIntermediateOutputs", "SmoothQuant", "SmoothQuantAlpha", "SmoothQuantFolding",
    "weights_tensor_override", "activations_tensor_override",
})  # fmt: skip
"""Options that calibration acts on or that are rewritten; the others go to onnxruntime as they stand."""


def build(section: OnnxQuantizerSection) -> OnnxQuantizer:
    """Build the quantizer."""
    return OnnxQuantizer(section)


class OnnxQuantizer:
    """Quantize weights and activations; inputs and outputs of the model stay floating point."""

    def __init__(self, section: OnnxQuantizerSection) -> None:
        self._section = section
        self._parameters = section.onnx_quant_parameters
        self._options = section.onnx_extra_options

    def quantize(
        self, model: Path, calibration: CalibrationData, directory: Path, progress: Progress
    ) -> QuantizationOutcome:
        """Write `<stem>_quant_qdq_pc.onnx`, or `_pt` when per tensor, into a directory.

        A model that holds quantized operators already is returned unchanged.

        Raises:
            DataError: When there are no images to calibrate with.
            UserError: When the options do not fit the model.
            RunStoreError: When the disk is full, read-only or not ours.
        """
        info = inspect_onnx(model)
        if info.quantized:
            return self._unchanged(model, info)
        refuse_other_types(info, model)
        path = directory / f"{model.stem}{SUFFIXES[self._section.granularity]}.onnx"
        with disk_errors(path), tempfile.TemporaryDirectory(prefix="zoo_quantize_") as folder:
            quantized, warnings = self._compute(model, calibration, Path(folder), progress)
        notes = (*self._notes(info, calibration), *warnings)
        set_metadata(quantized, {**info.metadata, "quantization": self._description(calibration)})
        _refuse_broken(quantized, path, calibration)
        save_onnx(quantized, path)
        return self._outcome(path, notes)

    def _compute(
        self, model: Path, calibration: CalibrationData, work_dir: Path, progress: Progress
    ) -> tuple[onnx.ModelProto, tuple[str, ...]]:
        prepared = prepare_graph(model, self._section.target_opset, work_dir)
        graph = onnx.load(str(prepared))
        operators = select_operators(self._parameters.op_types_to_quantize)
        wanted = select_nodes(graph, self._parameters.nodes_to_quantize, "nodes_to_quantize")
        excluded = select_nodes(graph, self._parameters.nodes_to_exclude, "nodes_to_exclude")
        ranges = collect_ranges(prepared, calibration, self._calibration_options(operators), work_dir, progress)
        with quiet() as warnings:
            quantized = self._insert_nodes(graph, ranges, wanted, excluded, operators)
        finish_graph(quantized, load_onnx(model, weights=False))
        if not any(node.op_type == "DequantizeLinear" for node in quantized.graph.node):
            raise UserError(
                f"Nothing in {model} was quantized.",
                hint="Check nodes_to_quantize, nodes_to_exclude and op_types_to_quantize.",
            )
        return quantized, tuple(dict.fromkeys(warnings))

    def _insert_nodes(
        self,
        graph: onnx.ModelProto,
        ranges: TensorsData,
        wanted: list[str],
        excluded: list[str],
        operators: tuple[str, ...],
    ) -> onnx.ModelProto:
        try:
            quantizer = QDQQuantizer(
                graph,
                self._section.granularity == "per_channel",
                False,  # reduce_range: 7-bit weights are for processors without VNNI, not for boards
                quant_type(self._parameters.weightType),
                quant_type(self._parameters.activType),
                ranges,
                wanted,
                excluded,
                list(operators),
                self._extra_options(),
            )
            quantizer.quantize_model()
        except (ValueError, RuntimeError) as error:
            raise UserError(
                f"onnxruntime cannot quantize the model as asked: {error}",
                hint="Check quantization.onnx_extra_options, or leave nodes out with nodes_to_exclude.",
            ) from error
        quantizer.model.topological_sort()
        quantized: onnx.ModelProto = quantizer.model.model
        return quantized

    def _calibration_options(self, operators: tuple[str, ...]) -> CalibrationOptions:
        return CalibrationOptions(
            method=self._parameters.calibrate_method,
            symmetric=self._options.CalibTensorRangeSymmetric,
            average=self._options.CalibMovingAverage,
            average_constant=self._options.CalibMovingAverageConstant,
            percentile=self._options.CalibPercentile,
            op_types=operators,
        )

    def _extra_options(self) -> dict[str, Any]:
        plain = self._options.model_dump(exclude=set(OURS), exclude_none=True)
        plain["TensorQuantOverrides"] = {name: _override(section) for name, section in self._options.overrides}
        if self._options.CalibTensorRangeSymmetric or self._parameters.calibrate_method == "Distribution":
            # A ReLU is left out because the zero point clips in its place, which a symmetric range does not.
            plain.setdefault("QDQKeepRemovableActivations", True)
        return plain

    def _description(self, calibration: CalibrationData) -> dict[str, Any]:
        return {
            "quantizer": self._section.quantizer,
            "scheme": "qdq",
            "granularity": self._section.granularity,
            "weight_type": self._parameters.weightType,
            "activation_type": self._parameters.activType,
            "calibrate_method": self._parameters.calibrate_method,
            "calibration": {"source": calibration.source, "images": len(calibration)},
            "calibrated": calibration.source != RANDOM,
            "versions": {"onnxruntime": onnxruntime.__version__},
        }

    def _notes(self, info: OnnxInfo, calibration: CalibrationData) -> list[str]:
        section = self._section
        notes = []
        if calibration.source == RANDOM:
            notes.append("The ranges come from random inputs, not from images: expect a loss of accuracy.")
        elif len(calibration) < FEW_IMAGES:
            notes.append(f"Calibrated with {len(calibration)} images; {FEW_IMAGES} or more give steadier ranges.")
        if info.opset > section.target_opset:
            notes.append(f"The model stays in opset {info.opset}, which is above target_opset {section.target_opset}.")
        if (section.quantization_input_type, section.quantization_output_type) != ("float", "float"):
            notes.append(
                "Inputs and outputs stay float: onnx_quantizer ignores quantization_input_type and _output_type."
            )
        if section.optimize:
            notes.append("optimize: True has no effect yet for ONNX models.")
        return notes

    def _unchanged(self, model: Path, info: OnnxInfo) -> QuantizationOutcome:
        known: Mapping[str, Any] = info.metadata.get("quantization", {})
        return QuantizationOutcome(
            path=model,
            granularity=str(known.get("granularity", "unknown")),
            weight_type=str(known.get("weight_type", "unknown")),
            activation_type=str(known.get("activation_type", "unknown")),
            already_quantized=True,
            notes=(f"{model.name} is quantized already and stays as it is.",),
        )

    def _outcome(self, path: Path, notes: tuple[str, ...]) -> QuantizationOutcome:
        return QuantizationOutcome(
            path=path,
            granularity=self._section.granularity,
            weight_type=self._parameters.weightType,
            activation_type=self._parameters.activType,
            notes=notes,
        )


def quant_type(name: str) -> QuantType:
    """Return onnxruntime's type for a name such as `Int8` or `UInt16`."""
    return QuantType[f"Q{name}"]


def _override(section: TensorOverrideSection) -> list[dict[str, Any]]:
    """Return onnxruntime's form of one tensor set by hand: a dictionary, or one per channel."""
    common = section.model_dump(exclude={"scale", "zero_point", "quant_type"}, exclude_none=True)
    if section.quant_type is not None:
        common["quant_type"] = quant_type(section.quant_type)
    if section.scale is None or section.zero_point is None:
        return [common]
    return [
        {**common, "scale": np.array(scale, dtype=np.float32), "zero_point": np.array(zero_point)}
        for scale, zero_point in zip(np.ravel(section.scale), np.ravel(section.zero_point), strict=True)
    ]


def _refuse_broken(model: onnx.ModelProto, path: Path, calibration: CalibrationData) -> None:
    """Run the quantized model on the first calibration image before anybody relies on it."""
    with tempfile.TemporaryDirectory(prefix="zoo_quantize_") as folder:
        trial = Path(folder) / path.name
        save_onnx(model, trial)
        outputs = OnnxSession(trial).run(next(iter(calibration)))
    if not all(np.isfinite(output).all() for output in outputs):
        raise UserError(
            f"The quantized model gives values that are not finite; nothing was written to {path}.",
            hint="Leave out the tensors set by hand, or exclude the nodes that overflow with nodes_to_exclude.",
        )
