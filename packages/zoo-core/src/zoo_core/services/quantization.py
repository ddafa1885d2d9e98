"""Own the quantization stage: a float ONNX model and calibration images to an int8 model within its budget."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from zoo_core.artifacts import Artifact, FloatOnnx, QuantizedOnnx, hash_file
from zoo_core.errors import DataError, UserError
from zoo_core.protocols import (
    QUANTIZATION,
    TEST,
    VALIDATION,
    CalibrationData,
    Judge,
    QuantizationJob,
    QuantizationOutcome,
    Stage,
)
from zoo_core.results import FLOAT, INT8, MetricValue, QuantizationResult
from zoo_core.runs.log import logger
from zoo_core.services.base import StageOutput
from zoo_core.services.context import RunContext
from zoo_core.services.described import describe_file
from zoo_core.services.targets import limits_of

if TYPE_CHECKING:
    from zoo_core.config.sections import QuantizationSection, RunConfig

RANDOM_IMAGES = 10
IMAGE_LIST = "calibration_images.txt"


class QuantizationService:
    """Quantize a model after training."""

    name: ClassVar[str] = "quantization"
    letter: ClassVar[str] = "q"
    needs: ClassVar[tuple[type[Artifact], ...]] = (FloatOnnx,)
    fallback: ClassVar[tuple[type[Artifact], ...]] = (QuantizedOnnx,)
    makes: ClassVar[type[Artifact] | None] = QuantizedOnnx
    sections: ClassVar[tuple[str, ...]] = (
        "model", "dataset", "preprocessing", "postprocessing", "quantization", "benchmarking", "deployment",
    )  # fmt: skip
    """The last two because the board decides what a quantized model may hold."""

    def reads(self, config: RunConfig) -> frozenset[str]:
        """Return the calibration images, and the labelled ones where candidates are measured."""
        section = config.quantization
        labelled = section is not None and (section.judged or section.inspected)
        return frozenset({QUANTIZATION, VALIDATION, TEST} if labelled else {QUANTIZATION})

    def run(self, context: RunContext, stage: Stage, model: Artifact | None) -> StageOutput:
        """Write `quantized_models/<stem>_quant_qdq_pc.onnx`, or `_pt` when per tensor.

        Raises:
            UserError: When the model loses more than `quantization.max_drop`.
        """
        section = context.config.quantization
        if section is None or model is None:
            raise UserError("The quantization section is missing.")
        resolved = context.require(context.selection.quantizer, "quantization.quantizer")
        job = _job(context, stage, model)
        with context.code_of(resolved, "quantization"):
            outcome: QuantizationOutcome = resolved.spec.build.load()(section).quantize(job)
        if not outcome.already_quantized:
            describe_file(context, outcome.path)
        for text in outcome.warnings:
            logger.warning("%s", text)
        metrics = _within_budget(section, job, outcome)
        result = QuantizationResult(
            metrics=metrics,
            facts=outcome.facts,
            files=tuple(context.layout.relative(path) for path in _files(context, job, outcome)),
            notes=(*outcome.notes, *outcome.warnings),
            skipped=job.calibration.skipped,
            quantizer=resolved.spec.name,
            granularity=outcome.granularity,
            weight_type=outcome.weight_type,
            activation_type=outcome.activation_type,
            calibration_images=0 if outcome.already_quantized else len(job.calibration),
            calibrated_on="" if outcome.already_quantized else job.calibration.source,
            float_bytes=model.path.stat().st_size,
            quantized_bytes=outcome.path.stat().st_size,
        )
        artifact = QuantizedOnnx(path=outcome.path, sha256=hash_file(outcome.path), made_by=stage.id)
        return StageOutput(result, artifact)


def _job(context: RunContext, stage: Stage, model: Artifact) -> QuantizationJob:
    from zoo_core.data.calibration import write_image_list

    section = context.config.quantization
    folder = context.layout.stage(stage)
    calibration = _calibration(context)
    judge: Judge | None = None
    if section is not None and (section.judged or section.inspected):
        from zoo_core.services.judging import held_out_images

        judge = held_out_images(context, calibration.names)
        if judge is None and section.judged:
            raise DataError(
                "There are no labelled images to measure the quantized model on, besides those that calibrate it.",
                hint="Set dataset.validation_path or dataset.test_path, or other images as dataset.quantization_path.",
            )
    return QuantizationJob(
        model=model.path,
        calibration=calibration,
        calibration_hash=write_image_list(calibration, folder / IMAGE_LIST),
        directory=context.layout.quantized_models,
        work_dir=folder,
        progress=context.progress,
        limits=limits_of(context),
        judge=judge,
    )


def _calibration(context: RunContext) -> CalibrationData:
    from zoo_core.data.calibration import DatasetCalibration, RandomCalibration, calibration_warnings

    images = context.datasets.quantization
    if images is None:
        calibration: CalibrationData = RandomCalibration(context.task.preprocessing, RANDOM_IMAGES, context.seed)
        calibration_warnings(calibration)
        return calibration
    source = context.datasets.sources.get(QUANTIZATION, QUANTIZATION)
    calibration = DatasetCalibration(images, context.task.preprocessing, source=source)
    calibration_warnings(calibration, images.targets, context.class_names)
    return calibration


def _within_budget(
    section: QuantizationSection, job: QuantizationJob, outcome: QuantizationOutcome
) -> tuple[MetricValue, ...]:
    """Return the metric before and after quantization, measured here where the quantizer has not done so.

    Raises:
        UserError: When the loss is larger than `quantization.max_drop`.
    """
    if job.judge is None or section.max_drop is None or outcome.already_quantized:
        return outcome.metrics
    found = {metric.model: metric for metric in outcome.metrics}
    before = found.get(FLOAT) or replace(job.judge.measure(job.model, "Evaluating the float model"), model=FLOAT)
    after = found.get(INT8) or replace(job.judge.measure(outcome.path, "Evaluating the int8 model"), model=INT8)
    drop = (before.value - after.value) * (1.0 if before.higher_is_better else -1.0)
    if drop > section.max_drop:
        unit = f" {before.unit}" if before.unit else ""
        raise UserError(
            f"Quantization loses {drop:.2f} points of {before.name} on {len(job.judge)} {before.split} images: "
            f"{before.value:.2f}{unit} in float, {after.value:.2f}{unit} quantized; quantization.max_drop allows "
            f"{section.max_drop:g}. The model is in {outcome.path}.",
            hint=_advice(section),
        )
    return (before, after)


def _advice(section: QuantizationSection) -> str:
    """Return what to try against the loss: the options that are not in use yet."""
    mode = getattr(section, "operating_mode", None)
    tries = [
        text
        for text, worthwhile in (
            ("quantization.optimize=True", not section.optimize and mode == "default"),
            ("quantization.granularity=per_channel", section.granularity == "per_tensor"),
            ("quantization.operating_mode=full_auto", mode in ("default", "inspection")),
            ("quantization.learned_rounding=True", mode == "default" and section.optimize),
            ("more calibration images (dataset.quantization_path)", mode == "full_auto"),
        )
        if worthwhile
    ]
    naming = "" if mode is None else "; quantization.operating_mode=inspection names the layers"
    return f"Try {', or '.join(tries) or 'another quantizer'}{naming}."


def _files(context: RunContext, job: QuantizationJob, outcome: QuantizationOutcome) -> tuple[Path, ...]:
    listed = job.work_dir / IMAGE_LIST
    made = (outcome.path, *([listed] if listed.is_file() else []), *outcome.files)
    return tuple(path for path in made if path.is_relative_to(context.layout.root))
