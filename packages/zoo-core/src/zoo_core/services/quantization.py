"""Own the quantization stage: a float ONNX model and calibration images to an int8 model."""

from __future__ import annotations

from typing import ClassVar

from zoo_core.artifacts import Artifact, FloatOnnx, QuantizedOnnx, hash_file
from zoo_core.errors import UserError
from zoo_core.protocols import QUANTIZATION, CalibrationData, QuantizationOutcome, Stage
from zoo_core.results import QuantizationResult
from zoo_core.runs.log import logger
from zoo_core.services.base import StageOutput
from zoo_core.services.context import RunContext

RANDOM_IMAGES = 10


class QuantizationService:
    """Quantize a model after training."""

    name: ClassVar[str] = "quantization"
    letter: ClassVar[str] = "q"
    needs: ClassVar[tuple[type[Artifact], ...]] = (FloatOnnx,)
    fallback: ClassVar[tuple[type[Artifact], ...]] = (QuantizedOnnx,)
    makes: ClassVar[type[Artifact] | None] = QuantizedOnnx
    splits: ClassVar[frozenset[str]] = frozenset({QUANTIZATION})
    sections: ClassVar[tuple[str, ...]] = ("model", "dataset", "preprocessing", "quantization")

    def run(self, context: RunContext, stage: Stage, model: Artifact | None) -> StageOutput:
        """Write `quantized_models/<stem>_quant_qdq_pc.onnx`, or `_pt` when per tensor."""
        section = context.config.quantization
        if section is None or model is None:
            raise UserError("The quantization section is missing.")
        resolved = context.require(context.selection.quantizer, "quantization.quantizer")
        calibration = self._calibration(context)
        directory = context.layout.quantized_models
        with context.code_of(resolved, "quantization"):
            quantizer = resolved.spec.build.load()(section)
            outcome: QuantizationOutcome = quantizer.quantize(model.path, calibration, directory, context.progress)
        result = QuantizationResult(
            files=_files(context, outcome),
            notes=outcome.notes,
            skipped=calibration.skipped,
            quantizer=resolved.spec.name,
            granularity=outcome.granularity,
            weight_type=outcome.weight_type,
            activation_type=outcome.activation_type,
            calibration_images=0 if outcome.already_quantized else len(calibration),
            calibrated_on="" if outcome.already_quantized else calibration.source,
            float_bytes=model.path.stat().st_size,
            quantized_bytes=outcome.path.stat().st_size,
        )
        artifact = QuantizedOnnx(path=outcome.path, sha256=hash_file(outcome.path), made_by=stage.id)
        return StageOutput(result, artifact)

    def _calibration(self, context: RunContext) -> CalibrationData:
        from zoo_core.data.calibration import DatasetCalibration, RandomCalibration

        images = context.datasets.quantization
        if images is not None:
            source = context.datasets.sources.get(QUANTIZATION, QUANTIZATION)
            return DatasetCalibration(images, context.task.preprocessing, source=source)
        logger.warning(
            "Quantization has no calibration images: ranges come from %d random inputs and the accuracy will suffer. "
            "Set dataset.quantization_path or dataset.training_path.",
            RANDOM_IMAGES,
        )
        return RandomCalibration(context.task.preprocessing, count=RANDOM_IMAGES, seed=context.seed)


def _files(context: RunContext, outcome: QuantizationOutcome) -> tuple[str, ...]:
    root = context.layout.root
    return (outcome.path.relative_to(root).as_posix(),) if outcome.path.is_relative_to(root) else ()
