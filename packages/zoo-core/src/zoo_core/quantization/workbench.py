"""Own the making of quantized models of one float model, recipe by recipe, with what they have in common made once."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization.calibrate import TensorsData

from zoo_core.errors import UserError
from zoo_core.export.onnx_file import load_onnx
from zoo_core.export.quiet import quiet
from zoo_core.protocols import QuantizationJob
from zoo_core.quantization.calibration import CalibrationOptions, collect_ranges
from zoo_core.quantization.config import OnnxQuantizerSection
from zoo_core.quantization.correction.biases import correct_biases
from zoo_core.quantization.correction.rounding import learn_rounding
from zoo_core.quantization.equalization import equalize
from zoo_core.quantization.graph import finish_graph, prepare_graph, select_nodes, select_operators
from zoo_core.quantization.insertion import Choice, Overrides, insert_quantization
from zoo_core.quantization.placement import fuse_activations, narrow, place, widen
from zoo_core.quantization.placement.placing import EXTRA_OPERATORS
from zoo_core.quantization.recipe import NARROW_TYPES, WIDE_OPSET, Recipe
from zoo_core.quantization.tapping import TappedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatGraph:
    """Hold a float graph that is ready to be quantized."""

    model: onnx.ModelProto
    path: Path
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Hold a quantized model and the float graph it was made from, whose nodes have the same names."""

    recipe: Recipe
    model: onnx.ModelProto
    original: onnx.ModelProto
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Workbench:
    """Quantize one model by several recipes."""

    job: QuantizationJob
    section: OnnxQuantizerSection
    folder: Path
    """Folder for intermediate files."""
    _graphs: dict[tuple[int, str], FloatGraph] = field(default_factory=dict)
    _ranges: dict[tuple[Path, str], TensorsData] = field(default_factory=dict)

    def make(self, recipe: Recipe) -> Candidate:
        """Quantize the model as a recipe says.

        Raises:
            DataError: When there are no images to calibrate with.
            UserError: When the options do not fit the model.
        """
        base = self.float_graph(recipe)
        ranges = self._ranges_of(base, recipe)
        notes = list(base.notes)
        excluded = [*self._selected(base.model, "nodes_to_exclude"), *recipe.float_nodes]
        operators = select_operators(self.section.onnx_quant_parameters.op_types_to_quantize)
        if recipe.cured:
            placement = place(base.model, ranges, float_operators=self.job.limits.float_operators)
            excluded += placement.float_nodes
            ranges = placement.adjust(ranges)
            notes += placement.notes
            if self.section.onnx_quant_parameters.op_types_to_quantize is None:
                operators = (*operators, *placement.extra_op_types)
        choice = Choice(
            operators=operators,
            wanted=self._selected(base.model, "nodes_to_quantize"),
            excluded=tuple(dict.fromkeys(excluded)),
            overrides=_overrides(base.model, recipe, excluded),
        )
        with self.job.progress.track("Quantizing weights", None), quiet() as warnings:
            model = insert_quantization(base.model, ranges, recipe, choice, self.section.onnx_extra_options)
        notes += dict.fromkeys(warnings)
        notes += self._improve(model, base.model, recipe)
        finish_graph(model, load_onnx(self.job.model, weights=False))
        self._refuse_float(model)
        return Candidate(recipe=recipe, model=model, original=base.model, notes=tuple(dict.fromkeys(notes)))

    def float_graph(self, recipe: Recipe) -> FloatGraph:
        """Return the float graph that a recipe quantizes."""
        opset = max(self.section.target_opset, WIDE_OPSET) if recipe.wide else self.section.target_opset
        key = (opset, f"equalized_{recipe.granularity}" if recipe.equalize else "fused" if recipe.cured else "plain")
        if key not in self._graphs:
            folder = self.folder / f"{key[0]}_{key[1]}"
            folder.mkdir(parents=True, exist_ok=True)
            with self.job.progress.track("Simplifying the float model", None):
                path = prepare_graph(self.job.model, opset, folder)
            model = onnx.load(str(path))
            notes: tuple[str, ...] = ()
            if recipe.cured:
                fuse_activations(model)
            if recipe.equalize:
                per_channel = recipe.granularity == "per_channel"
                report = equalize(model, self.job.calibration, self.job.progress, per_channel=per_channel)
                notes = report.notes
            onnx.save(model, str(path))
            self._graphs[key] = FloatGraph(model=model, path=path, notes=notes)
        return self._graphs[key]

    def _ranges_of(self, base: FloatGraph, recipe: Recipe) -> TensorsData:
        key = (base.path, recipe.calibrate_method)
        if key not in self._ranges:
            options = self.section.onnx_extra_options
            self._ranges[key] = collect_ranges(
                base.path,
                self.job.calibration,
                CalibrationOptions(
                    method=recipe.calibrate_method,
                    symmetric=options.CalibTensorRangeSymmetric or options.ActivationSymmetric,
                    average=options.CalibMovingAverage,
                    average_constant=options.CalibMovingAverageConstant,
                    percentile=options.CalibPercentile,
                    bits=self.section.onnx_quant_parameters.activation_bits,
                    op_types=self._watched(),
                ),
                base.path.parent,
                self.job.progress,
            )
        return self._ranges[key]

    def _improve(self, model: onnx.ModelProto, original: onnx.ModelProto, recipe: Recipe) -> tuple[str, ...]:
        """Learn the rounding and correct the biases of a quantized graph in place."""
        job, notes = self.job, []
        if recipe.learn_rounding:
            work_dir = job.work_dir / "rounding" / recipe.key
            report = learn_rounding(model, original, job.calibration, job.progress, work_dir=work_dir)
            shutil.rmtree(work_dir, ignore_errors=True)
            notes.append(_effect("Learned rounding", report.snr_before, report.snr_after, kept=report.kept))
        if recipe.correct_biases:
            shifts = correct_biases(model, original, job.calibration, job.progress)
            notes.append(_effect("Bias correction", shifts.snr_before, shifts.snr_after, kept=shifts.kept))
        return tuple(notes)

    def _watched(self) -> tuple[str, ...]:
        """Return the operators whose inputs and outputs are calibrated."""
        named = self.section.onnx_quant_parameters.op_types_to_quantize
        return select_operators(named) if named is not None else (*select_operators(None), *EXTRA_OPERATORS)

    def _selected(self, graph: onnx.ModelProto, key: str) -> list[str]:
        return select_nodes(graph, getattr(self.section.onnx_quant_parameters, key), key)

    def _refuse_float(self, model: onnx.ModelProto) -> None:
        if not any(node.op_type == "DequantizeLinear" for node in model.graph.node):
            raise UserError(
                f"Nothing in {self.job.model} was quantized.",
                hint="Check nodes_to_quantize, nodes_to_exclude and op_types_to_quantize.",
            )

    def refuse_broken(self, model: onnx.ModelProto) -> None:
        """Run a quantized model on the first calibration image before anybody relies on it.

        Raises:
            UserError: When it gives values that are not finite.
        """
        outputs = [output.name for output in model.graph.output]
        found = TappedModel(model, outputs).run(next(iter(self.job.calibration)))
        if not all(np.isfinite(value).all() for value in found.values()):
            raise UserError(
                f"The quantized model of {self.job.model.name} gives values that are not finite; nothing was written.",
                hint="Leave out the tensors set by hand, or exclude the nodes that overflow with nodes_to_exclude.",
            )


def _overrides(graph: onnx.ModelProto, recipe: Recipe, excluded: Sequence[str]) -> Overrides:
    if not recipe.wide:
        return {}
    per_channel = recipe.granularity == "per_channel"
    weight_type = NARROW_TYPES.get(recipe.weight_type, "Int4")
    return {
        **widen(graph, recipe.wide_nodes, activation_type=recipe.activation_type, float_nodes=excluded),
        **narrow(graph, recipe.narrow_weights, weight_type=weight_type, per_channel=per_channel),
    }


def _effect(what: str, before: float, after: float, *, kept: bool) -> str:
    """Return a sentence on what a step was worth, in decibels of signal to noise at the outputs."""
    return f"{what}: {before:.1f} dB before, {after:.1f} dB after{'' if kept else '; taken back'}."
