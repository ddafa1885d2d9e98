"""Own the insertion of quantize and dequantize nodes by onnxruntime, as a recipe and the options of the file say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from zoo_core.errors import UserError
from zoo_core.quantization.config import OnnxExtraOptionsSection, TensorOverrideSection
from zoo_core.quantization.recipe import Recipe

OURS = frozenset({
    "CalibMovingAverage", "CalibMovingAverageConstant", "CalibTensorRangeSymmetric", "CalibPercentile",
    "CalibStridedMinMax", "CalibMaxIntermediateOutputs", "SmoothQuant", "SmoothQuantAlpha", "SmoothQuantFolding",
    "weights_tensor_override", "activations_tensor_override",
})  # fmt: skip
"""Options that calibration acts on or that are rewritten; the others go to onnxruntime as they stand."""

Overrides = Mapping[str, list[dict[str, Any]]]
"""Tensor -> what onnxruntime is told about it, once or once per channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Name the nodes and operators that take part, and the tensors set by hand."""

    operators: tuple[str, ...]
    wanted: Sequence[str] = ()
    """Names of nodes; all when empty."""
    excluded: Sequence[str] = ()
    overrides: Overrides = field(default_factory=dict)


def insert_quantization(
    graph: onnx.ModelProto, ranges: TensorsData, recipe: Recipe, choice: Choice, options: OnnxExtraOptionsSection
) -> onnx.ModelProto:
    """Return a quantized copy of a float graph.

    Raises:
        UserError: When onnxruntime cannot quantize the model as asked.
    """
    working = onnx.ModelProto()
    working.CopyFrom(graph)
    try:
        quantizer = QDQQuantizer(
            working,
            recipe.granularity == "per_channel",
            False,  # reduce_range: 7-bit weights are for processors without VNNI, not for boards
            quant_type(recipe.weight_type),
            quant_type(recipe.activation_type),
            ranges,
            list(choice.wanted),
            list(choice.excluded),
            list(choice.operators),
            _extra_options(options, recipe.calibrate_method, choice.overrides),
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


def quant_type(name: str) -> QuantType:
    """Return onnxruntime's type for a name such as `Int8` or `UInt16`."""
    return QuantType[f"Q{name}"]


def _extra_options(options: OnnxExtraOptionsSection, method: str, overrides: Overrides) -> dict[str, Any]:
    plain = options.model_dump(exclude=set(OURS), exclude_none=True)
    by_hand = {name: override_entries(section) for name, section in options.overrides}
    plain["TensorQuantOverrides"] = {**overrides, **by_hand}
    if options.CalibTensorRangeSymmetric or method == "Distribution":
        # A ReLU is left out because the zero point clips in its place, which a symmetric range does not.
        plain.setdefault("QDQKeepRemovableActivations", True)
    return plain


def override_entries(section: TensorOverrideSection) -> list[dict[str, Any]]:
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
