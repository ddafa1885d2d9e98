"""Own the quantizer of ONNX models: plain, optimized, inspected, or as far up the ladder as a budget asks."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import onnxruntime

from zoo_core import __version__
from zoo_core.artifacts import hash_file
from zoo_core.export.onnx_file import OnnxInfo, inspect_onnx, save_onnx, set_metadata
from zoo_core.inference.session import refuse_other_types
from zoo_core.protocols import QuantizationJob, QuantizationOutcome
from zoo_core.quantization.config import TOLERANCE, OnnxQuantizerSection
from zoo_core.quantization.diagnosis.files import write_inspection
from zoo_core.quantization.diagnosis.inspection import inspect
from zoo_core.quantization.diagnosis.lint import lint
from zoo_core.quantization.diagnosis.noise import IMAGES
from zoo_core.quantization.ladder.climb import climb
from zoo_core.quantization.ladder.record import FILE
from zoo_core.quantization.ladder.table import metrics, shortfall, table
from zoo_core.quantization.optimization import optimize
from zoo_core.quantization.recipe import Recipe
from zoo_core.quantization.workbench import Candidate, Workbench
from zoo_core.runs.files import disk_errors
from zoo_core.runs.log import logger

RANDOM = "random"
PREPARED = "_infer"
"""End of the name of the float graph that a quantized one was made from."""
FULL_AUTO = "full_auto"
INSPECTION = "inspection"


def build(section: OnnxQuantizerSection) -> OnnxQuantizer:
    """Build the quantizer."""
    return OnnxQuantizer(section)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """Hold the model that is written, and what a mode reports beside it."""

    recipe: Recipe
    model: onnx.ModelProto
    notes: tuple[str, ...]
    outcome: dict[str, Any] = field(default_factory=dict)
    """Further fields of the outcome."""


class OnnxQuantizer:
    """Quantize weights and activations; inputs and outputs of the model stay floating point."""

    def __init__(self, section: OnnxQuantizerSection) -> None:
        self._section = section
        self._parameters = section.onnx_quant_parameters

    def quantize(self, job: QuantizationJob) -> QuantizationOutcome:
        """Write `<stem>_quant_qdq_pc.onnx`, or `_pt` when per tensor, and beside it the float graph it was made from.

        That is `<stem>_infer.onnx`: simplified, and changed as the options say, but computing the same.

        A model that holds quantized operators already is returned unchanged.

        Raises:
            DataError: When there are no images to calibrate with.
            UserError: When the options do not fit the model.
            RunStoreError: When the disk is full, read-only or not ours.
        """
        info = inspect_onnx(job.model)
        if info.quantized:
            return _unchanged(job.model, info)
        refuse_other_types(info, job.model)
        with disk_errors(job.directory), tempfile.TemporaryDirectory(prefix="zoo_quantize_") as folder:
            workbench = Workbench(job, self._section, Path(folder))
            chosen = self._choose(workbench, self._first_recipe(job))
            workbench.refuse_broken(chosen.model)
            prepared = workbench.float_graph(chosen.recipe).model
            return self._write(job, info, chosen, prepared)

    def _first_recipe(self, job: QuantizationJob) -> Recipe:
        """Return the recipe that the file asks for; a granularity that it leaves open is the target's."""
        accepted = job.limits.granularities
        given = "granularity" in self._section.model_fields_set or not accepted
        return Recipe(
            granularity=self._section.granularity if given else accepted[0],
            weight_type=self._parameters.weightType,
            activation_type=self._parameters.activType,
            calibrate_method=self._parameters.calibrate_method,
            learn_rounding=self._section.learned_rounding,
        )

    def _choose(self, workbench: Workbench, first: Recipe) -> _Choice:
        if self._section.operating_mode == FULL_AUTO:
            return self._climb(workbench, first)
        candidate = self._single(workbench, first)
        outcome = self._inspected(workbench, candidate) if self._section.operating_mode == INSPECTION else {}
        return _Choice(recipe=candidate.recipe, model=candidate.model, notes=candidate.notes, outcome=outcome)

    def _single(self, workbench: Workbench, first: Recipe) -> Candidate:
        if not self._section.optimize:
            return workbench.make(first)
        free = "calibrate_method" not in self._parameters.model_fields_set
        return optimize(workbench, first, free_ranges=free)

    def _climb(self, workbench: Workbench, first: Recipe) -> _Choice:
        section, job = self._section, workbench.job
        ascent = climb(
            workbench,
            first,
            budget=TOLERANCE if section.budget is None else section.budget,
            size_factor=_size_factor(section),
            identity=self._identity(job),
            fixed="granularity" in section.model_fields_set,
        )
        outcome = {
            "facts": table(ascent),
            "files": (job.work_dir / FILE,),
            "warnings": () if ascent.met else (shortfall(ascent),),
            "metrics": metrics(ascent),
        }
        return _Choice(recipe=ascent.chosen.recipe, model=ascent.model, notes=ascent.chosen.notes, outcome=outcome)

    def _identity(self, job: QuantizationJob) -> str:
        """Return a hash of all that the rungs of a ladder depend on, the budget aside."""
        judged = ("", 0) if job.judge is None else (job.judge.split, len(job.judge))
        facts = (
            hash_file(job.model), job.calibration_hash, len(job.calibration), judged,
            __version__, onnxruntime.__version__,
            self._section.model_dump_json(exclude={"max_drop", "iterative_quant_parameters", "compression"}),
        )  # fmt: skip
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def _inspected(self, workbench: Workbench, candidate: Candidate) -> dict[str, Any]:
        job = workbench.job
        share = self._section.iterative_quant_parameters.inspection_split
        inspection = inspect(
            candidate.model,
            candidate.original,
            job.calibration,
            job.progress,
            judge=job.judge,
            images=IMAGES if share is None else max(1, round(share * len(job.calibration))),
        )
        for line in inspection.lines():
            logger.info("Inspection: %s", line)
        return {"files": write_inspection(inspection, job.work_dir)}

    def _write(
        self, job: QuantizationJob, info: OnnxInfo, chosen: _Choice, prepared: onnx.ModelProto
    ) -> QuantizationOutcome:
        recipe, model = chosen.recipe, chosen.model
        set_metadata(prepared, info.metadata)
        save_onnx(prepared, infer := job.directory / f"{job.model.stem}{PREPARED}.onnx")
        path = job.directory / f"{job.model.stem}{recipe.suffix}.onnx"
        set_metadata(model, {**info.metadata, "quantization": self._description(job, recipe)})
        save_onnx(model, path)
        return QuantizationOutcome(
            path=path,
            granularity=recipe.granularity,
            weight_type=recipe.weight_type,
            activation_type=recipe.activation_type,
            notes=tuple(dict.fromkeys((*self._notes(info, job), *chosen.notes))),
            metrics=chosen.outcome.get("metrics", ()),
            facts=chosen.outcome.get("facts", {}),
            files=(infer, *chosen.outcome.get("files", ())),
            warnings=(*chosen.outcome.get("warnings", ()), *_lint_texts(model)),
        )

    def _description(self, job: QuantizationJob, recipe: Recipe) -> dict[str, Any]:
        calibration = job.calibration
        return {
            "quantizer": self._section.quantizer,
            "scheme": "qdq",
            "granularity": recipe.granularity,
            "weight_type": recipe.weight_type,
            "activation_type": recipe.activation_type,
            "calibrate_method": recipe.calibrate_method,
            "recipe": recipe.to_dict(),
            "calibration": {
                "source": calibration.source,
                "images": len(calibration),
                "sha256": job.calibration_hash,
            },
            "calibrated": calibration.source != RANDOM,
            "versions": {"onnxruntime": onnxruntime.__version__},
        }

    def _notes(self, info: OnnxInfo, job: QuantizationJob) -> list[str]:
        section = self._section
        notes = []
        if job.calibration.source == RANDOM:
            notes.append("Uncalibrated: the ranges come from random inputs, not from images.")
        if section.compression is not None and section.operating_mode != FULL_AUTO:
            notes.append("compression acts in operating_mode full_auto only; all weights keep their bits.")
        if info.opset > section.target_opset:
            notes.append(f"The model stays in opset {info.opset}, which is above target_opset {section.target_opset}.")
        if (section.quantization_input_type, section.quantization_output_type) != ("float", "float"):
            notes.append(
                "Inputs and outputs stay float: onnx_quantizer ignores quantization_input_type and _output_type."
            )
        return notes


def _size_factor(section: OnnxQuantizerSection) -> float | None:
    """Return the share of their bytes that the weights may take: none at all means as few as the budget allows."""
    if section.compression is None:
        return None
    return 0.0 if section.compression.strong_optimization else section.compression.factor


def _lint_texts(model: onnx.ModelProto) -> tuple[str, ...]:
    return tuple(str(finding) for finding in lint(model) if finding.severity in ("error", "warning"))


def _unchanged(model: Path, info: OnnxInfo) -> QuantizationOutcome:
    known: Mapping[str, Any] = info.metadata.get("quantization", {})
    return QuantizationOutcome(
        path=model,
        granularity=str(known.get("granularity", "unknown")),
        weight_type=str(known.get("weight_type", "unknown")),
        activation_type=str(known.get("activation_type", "unknown")),
        already_quantized=True,
        notes=(f"{model.name} is quantized already and stays as it is.",),
    )
