"""Own the quantizer: weights and activations to int8 by onnxruntime, but for the ends of the network."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from zoo_core import DataError, QuantizationJob, QuantizationOutcome, UserError
from zoo_core.export.onnx_file import OnnxInfo, inspect_onnx, save_onnx, set_metadata
from zoo_core.export.quiet import quiet
from zoo_core.inference.session import as_model_input, refuse_other_types
from zoo_core.protocols import CalibrationData

from zoo_example_quantizer.config import FloatEndsSection

NAME = "example_quantizer"
INT8 = "Int8"
LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Operators that have weights."""
ENDS = {"none": (), "first": (0,), "last": (-1,), "both": (0, -1)}
SUFFIXES = {"per_channel": "_quant_qdq_pc", "per_tensor": "_quant_qdq_pt"}
HELD = 16
"""Images whose activations are in memory at a time."""


class _Reader(CalibrationDataReader):  # type: ignore[misc] # onnxruntime is untyped
    """Give onnxruntime one image after the other, in the form that the model takes."""

    def __init__(self, info: OnnxInfo, calibration: CalibrationData) -> None:
        self._info = info
        self._images: Iterator[npt.NDArray[np.float32]] = iter(calibration)

    def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
        """Return the next input by its name; nothing at the end."""
        image = next(self._images, None)
        if image is None:
            return None
        images = np.repeat(image, self._info.batch or 1, axis=0)
        return {self._info.inputs[0].name: as_model_input(self._info, images)}


class FloatEndsQuantizer:
    """Quantize weights and activations; inputs and outputs of the model stay float."""

    def __init__(self, section: FloatEndsSection) -> None:
        """Take the `quantization` section."""
        self._section = section

    def quantize(self, job: QuantizationJob) -> QuantizationOutcome:
        """Write `<stem>_quant_qdq_pc.onnx`, or `_pt` when per tensor; a quantized model is returned as it is.

        Raises:
            DataError: When there are no images to calibrate with.
            UserError: When the options do not fit the model or the target.
        """
        info = inspect_onnx(job.model)
        if info.quantized:
            return _unchanged(job.model)
        refuse_other_types(info, job.model)
        if not len(job.calibration):
            raise DataError("There are no images to calibrate with.", hint="Set dataset.quantization_path.")
        granularity = self._granularity(job)
        path = job.directory / f"{job.model.stem}{SUFFIXES[granularity]}.onnx"
        with tempfile.TemporaryDirectory(prefix=f"{NAME}_") as folder:
            prepared = Path(folder) / "prepared.onnx"
            with quiet():
                quant_pre_process(job.model, prepared, skip_symbolic_shape=True)
            kept = self._kept(prepared, job)
            model = self._quantized(prepared, info, job, kept=kept, granularity=granularity)
        description = {"quantizer": NAME, "granularity": granularity, "weight_type": INT8, "activation_type": INT8}
        set_metadata(model, {**info.metadata, "quantization": description})
        save_onnx(model, path)
        return QuantizationOutcome(
            path=path,
            granularity=granularity,
            weight_type=INT8,
            activation_type=INT8,
            facts={"kept in float": ", ".join(kept) or "nothing"},
        )

    def _granularity(self, job: QuantizationJob) -> str:
        """Return the granularity that the file names, else the one that suits the target best."""
        given = "granularity" in self._section.model_fields_set or not job.limits.granularities
        return self._section.granularity if given else job.limits.granularities[0]

    def _kept(self, model: Path, job: QuantizationJob) -> list[str]:
        """Return the names of the layers that stay in float.

        Raises:
            UserError: When the target takes no float layers, or the model has no layers with weights.
        """
        places = ENDS[self._section.keep_float]
        if places and not job.limits.float_operators:
            msg = "quantization.keep_float: the target of this run takes no layers in float."
            raise UserError(msg, hint="Set quantization.keep_float: none.")
        layers = [node.name for node in onnx.load(str(model)).graph.node if node.op_type in LAYERS]
        if not layers:
            raise UserError(f"{job.model} has no layers with weights, so there is nothing to quantize.")
        return list(dict.fromkeys(layers[place] for place in places))

    def _quantized(
        self, prepared: Path, info: OnnxInfo, job: QuantizationJob, *, kept: list[str], granularity: str
    ) -> onnx.ModelProto:
        target = prepared.with_name("quantized.onnx")
        with quiet(), job.progress.track("Quantizing", None):
            quantize_static(
                prepared,
                target,
                _Reader(info, job.calibration),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QInt8,
                weight_type=QuantType.QInt8,
                per_channel=granularity == "per_channel",
                nodes_to_exclude=kept,
                extra_options={"CalibMaxIntermediateOutputs": HELD},
            )
        return onnx.load(str(target))


def build(section: FloatEndsSection) -> FloatEndsQuantizer:
    """Build the quantizer."""
    return FloatEndsQuantizer(section)


def _unchanged(model: Path) -> QuantizationOutcome:
    return QuantizationOutcome(
        path=model,
        granularity="unknown",
        weight_type="unknown",
        activation_type="unknown",
        already_quantized=True,
        notes=(f"{model.name} is quantized already and stays as it is.",),
    )
