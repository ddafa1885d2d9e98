"""Own the `quantization` section of the onnxruntime quantizer: every option by name and type, nothing imported.

Names are those of ST's files and of onnxruntime's static quantization.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from zoo_core.config.section import Section
from zoo_core.config.sections import NonNegativeFloat, PositiveFloat, Probability, QuantizationSection, Share

QuantName = Literal["Int4", "UInt4", "Int8", "UInt8", "Int16", "UInt16"]
CalibrationName = Literal["MinMax", "MovingAverage", "Entropy", "Percentile", "MSE", "Distribution"]
Percentile = Annotated[float, Field(gt=50.0, le=100.0)]
WIDE_OPSET = 21
"""First opset whose QuantizeLinear and DequantizeLinear know 4-bit and 16-bit integers."""
WIDE_NAMES = frozenset({"Int4", "UInt4", "Int16", "UInt16"})
TOLERANCE = 1.0
"""Points of the metric that `full_auto` may lose when the file says nothing."""


class TensorOverrideSection(Section):
    """Set the quantization of one tensor by hand."""

    quant_type: QuantName | None = None
    axis: int | None = None
    """Channel axis of a weight quantized per channel: 0 for Conv, 1 for ConvTranspose, Gemm and MatMul."""
    scale: PositiveFloat | tuple[PositiveFloat, ...] | None = None
    """Scale, or one per channel; goes with `zero_point`."""
    zero_point: int | tuple[int, ...] | None = None
    symmetric: bool | None = None
    reduce_range: bool | None = None
    rmin: float | None = None
    """Lower end of the range in place of the calibrated one."""
    rmax: float | None = None

    @model_validator(mode="after")
    def _refuse_half(self) -> TensorOverrideSection:
        if (self.scale is None) != (self.zero_point is None):
            msg = "scale and zero_point go together"
            raise ValueError(msg)
        if _count(self.scale) != _count(self.zero_point):
            msg = "scale and zero_point must both be numbers, or lists of the same length with one number per channel"
            raise ValueError(msg)
        if isinstance(self.scale, tuple) and self.axis is None:
            msg = "a list of scales needs an axis"
            raise ValueError(msg)
        return self


def _count(value: object) -> int | None:
    return len(value) if isinstance(value, tuple) else None


Override = tuple[str, TensorOverrideSection]


class OnnxQuantParametersSection(Section):
    """Choose number formats, the way ranges are found, and the nodes that take part."""

    weightType: QuantName = "Int8"  # noqa: N815 - the spelling of ST's files
    activType: QuantName = "Int8"  # noqa: N815 - the spelling of ST's files
    calibrate_method: CalibrationName = "MinMax"
    """Rule for the range of an activation; upper and lower case are the same.

    `MinMax` takes all values, `MovingAverage` the mean over images of each image's extremes, `Percentile` all but the
    share of `CalibPercentile`, `Entropy` clips where least information is lost (Kullback-Leibler), `MSE` where
    clipping and rounding together cost the least squared error. `Distribution` is meant for 8-bit floats; for integers
    it is the symmetric range of the largest magnitude.
    """
    op_types_to_quantize: tuple[str, ...] | None = None
    """Operators that are quantized, such as `Conv`; all that can be when absent."""
    nodes_to_quantize: tuple[str, ...] | None = None
    """Names of nodes, or patterns with `*` and `?`; all when absent."""
    nodes_to_exclude: tuple[str, ...] | None = None
    """Names of nodes that stay float, or patterns with `*` and `?`."""

    @field_validator("calibrate_method", mode="before")
    @classmethod
    def _spell(cls, value: Any) -> Any:
        """Return a method as it is spelled here, whatever its case."""
        spellings = {name.casefold(): name for name in get_args(CalibrationName)}
        return spellings.get(value.strip().casefold().replace("_", ""), value) if isinstance(value, str) else value

    @property
    def activation_bits(self) -> int:
        """Return the bits of an activation."""
        return int(self.activType.removeprefix("U").removeprefix("Int"))

    @model_validator(mode="after")
    def _refuse_unknown_pair(self) -> OnnxQuantParametersSection:
        if self.activType == "Int8" and self.weightType == "UInt8":
            msg = "onnxruntime has no weights of UInt8 beside activations of Int8; use UInt8 for both or Int8 for both"
            raise ValueError(msg)
        return self


class OnnxExtraOptionsSection(Section):
    """Take onnxruntime's further options under their own names; what is not set keeps onnxruntime's default."""

    WeightSymmetric: bool = True
    """Weights have zero point 0."""
    ActivationSymmetric: bool = False
    """Activations have zero point 0."""
    ActivationRestrictedAsymmetric: bool | None = None
    CalibMovingAverage: bool = False
    """Take the mean over images of each image's extremes instead of the extremes over all images.

    It goes with `calibrate_method: MinMax`; `calibrate_method: MovingAverage` is short for both.
    """
    CalibMovingAverageConstant: Probability | None = None
    """Weight of the newest image in an exponential mean in the order of the images; the plain mean when absent."""
    CalibTensorRangeSymmetric: bool = False
    """Make every range symmetric about 0."""
    CalibPercentile: Percentile = 99.999
    """Share of magnitudes in percent that `calibrate_method: Percentile` keeps."""
    CalibStridedMinMax: int | None = None
    """Accepted without effect: calibration always streams image by image."""
    CalibMaxIntermediateOutputs: int | None = None
    """Accepted without effect: calibration always streams image by image."""
    QuantizeBias: bool = True
    """Store biases as 32-bit integers."""
    SmoothQuant: bool = False
    """Accepted only as `False`."""
    SmoothQuantAlpha: float = 0.5
    SmoothQuantFolding: bool = True
    MinimumRealRange: PositiveFloat | None = None
    ForceQuantizeNoInputCheck: bool | None = None
    MatMulConstBOnly: bool | None = None
    AddQDQPairToWeight: bool | None = None
    DedicatedQDQPair: bool | None = None
    OpTypesToExcludeOutputQuantization: tuple[str, ...] | None = None
    QDQOpTypePerChannelSupportToAxis: dict[str, int] | None = None
    QDQKeepRemovableActivations: bool | None = None
    QDQDisableWeightAdjustForInt32Bias: bool | None = None
    UseQDQContribOps: bool = False
    """Write onnxruntime's own quantize and dequantize operators, which know 4 and 16 bits below opset 21."""
    weights_tensor_override: tuple[Override, ...] = ()
    """Pairs `[tensor name, {quant_type, axis, scale, zero_point}]` of weights."""
    activations_tensor_override: tuple[Override, ...] = ()
    """Pairs `[tensor name, {quant_type, scale, zero_point}]` of activations."""

    @field_validator("SmoothQuant")
    @classmethod
    def _refuse_smooth_quant(cls, value: bool) -> bool:
        if value:
            msg = (
                "SmoothQuant is not available: it moves outliers from activations into the weights of matrix products, "
                "by a part of onnxruntime that needs neural-compressor; expected False. "
                "quantization.optimize: True evens out the ranges of channels between layers instead"
            )
            raise ValueError(msg)
        return value

    @property
    def overrides(self) -> tuple[Override, ...]:
        """Return the tensors set by hand, weights first."""
        return (*self.weights_tensor_override, *self.activations_tensor_override)


class IterativeQuantParametersSection(Section):
    """Tell the modes that measure candidates how much they measure and what they may lose."""

    inspection_split: Share | None = None
    """Share of the calibration images that `operating_mode: inspection` looks at; all when absent."""
    accuracy_tolerance: NonNegativeFloat | None = None
    """Points of the metric that `operating_mode: full_auto` may lose; 1.0 when neither it nor `max_drop` is given."""


class CompressionSection(Section):
    """Ask `operating_mode: full_auto` for weights of 4 bits."""

    factor: Share = 0.5
    """Size wanted of the weights as a share of their size in 8 bits.

    With 0.5 all have 4 bits, with 0.75 half of them; less than 0.5 cannot be had and means the same as 0.5.
    """
    strong_optimization: bool = False
    """Go below `factor` as far as the accuracy allows."""


class OnnxQuantizerSection(QuantizationSection):
    """Quantize ONNX models statically, with quantize and dequantize nodes around operators."""

    operating_mode: Literal["default", "inspection", "full_auto"] = "default"
    """What is done: `default` quantizes as the options say.

    `inspection` also reports the noise of every tensor and what each layer costs, worst first. `full_auto` tries from
    cheap to dear and takes the first model that loses no more than `max_drop` or `accuracy_tolerance`.
    """
    learned_rounding: bool = False
    """Choose for each weight whether it is rounded up or down, by the objective of AdaRound, also with `optimize`."""
    compression: CompressionSection | None = None
    """Weights of 4 bits where `full_auto` finds that they cost little."""
    iterative_quant_parameters: IterativeQuantParametersSection = IterativeQuantParametersSection()
    onnx_quant_parameters: OnnxQuantParametersSection = OnnxQuantParametersSection()
    onnx_extra_options: OnnxExtraOptionsSection = OnnxExtraOptionsSection()

    @field_validator("quantizer")
    @classmethod
    def _ignore_case(cls, value: str) -> str:
        return value.casefold()

    @model_validator(mode="before")
    @classmethod
    def _choose_opset(cls, data: Any) -> Any:
        """Take opset 21 for 4 and 16 bits unless the file names one."""
        if not isinstance(data, dict) or data.get("target_opset") is not None:
            return data
        parameters, options = data.get("onnx_quant_parameters"), data.get("onnx_extra_options")
        if _mentions_wide(parameters, options) and not _uses_contrib(options):
            return {**data, "target_opset": WIDE_OPSET}
        return data

    @model_validator(mode="after")
    def _refuse_low_opset(self) -> OnnxQuantizerSection:
        options = self.onnx_extra_options
        if self.wide and self.target_opset < WIDE_OPSET and not options.UseQDQContribOps:
            msg = (
                f"4-bit and 16-bit integers need target_opset: {WIDE_OPSET} or higher, not {self.target_opset}, "
                "or onnx_extra_options.UseQDQContribOps: True"
            )
            raise ValueError(msg)
        if options.overrides and self.onnx_quant_parameters.nodes_to_quantize:
            msg = "weights_tensor_override and activations_tensor_override do not go with nodes_to_quantize"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _refuse_two_budgets(self) -> OnnxQuantizerSection:
        tolerance = self.iterative_quant_parameters.accuracy_tolerance
        if self.operating_mode == "full_auto" and None not in (tolerance, self.max_drop) and tolerance != self.max_drop:
            msg = (
                f"max_drop is {self.max_drop:g} and iterative_quant_parameters.accuracy_tolerance is {tolerance:g}; "
                "in operating_mode full_auto both are the points of the metric that may be lost: keep one"
            )
            raise ValueError(msg)
        return self

    @property
    def budget(self) -> float | None:
        """Return the points of the metric that may be lost, nothing when the loss is not looked at."""
        if self.operating_mode != "full_auto" or self.max_drop is not None:
            return self.max_drop
        tolerance = self.iterative_quant_parameters.accuracy_tolerance
        return TOLERANCE if tolerance is None else tolerance

    @property
    def judged(self) -> bool:
        """Tell whether models are measured on labelled images while they are quantized."""
        return super().judged or self.operating_mode == "full_auto"

    @property
    def formats(self) -> Mapping[str, str]:
        """Return the key -> number format of weights and activations that the file asks for."""
        parameters = self.onnx_quant_parameters
        return {"weightType": parameters.weightType, "activType": parameters.activType}

    @property
    def inspected(self) -> bool:
        """Tell whether labelled images are of use where there are any."""
        return self.operating_mode == "inspection"

    @property
    def wide(self) -> bool:
        """Tell whether 4-bit or 16-bit integers are asked for."""
        names = {self.onnx_quant_parameters.weightType, self.onnx_quant_parameters.activType}
        names.update(override.quant_type for _, override in self.onnx_extra_options.overrides if override.quant_type)
        return bool(names & WIDE_NAMES)


def _uses_contrib(options: Any) -> bool:
    if isinstance(options, OnnxExtraOptionsSection):
        return options.UseQDQContribOps
    return isinstance(options, dict) and str(options.get("UseQDQContribOps", False)).casefold() == "true"


def _mentions_wide(*parts: Any) -> bool:
    """Search plain data or sections for the name of a wide type."""
    return any(
        part in WIDE_NAMES
        if isinstance(part, str)
        else _mentions_wide(*(part.values() if isinstance(part, dict) else part))
        if isinstance(part, dict | list | tuple)
        else isinstance(part, Section) and _mentions_wide(part.model_dump())
        for part in parts
    )
