"""Own the benchmarking stage: footprint and latency of a model on a target."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from zoo_core.artifacts import Artifact, OnnxModel, QuantizedOnnx
from zoo_core.config.sections import RunConfig
from zoo_core.errors import UserError
from zoo_core.protocols import Stage
from zoo_core.results import FLOAT, INT8, BenchmarkResult
from zoo_core.services.base import StageOutput
from zoo_core.services.context import RunContext
from zoo_core.services.targets import accepted, build_target
from zoo_core.specs import BENCHMARK


class BenchmarkingService:
    """Measure a model on the chosen target."""

    name: ClassVar[str] = "benchmarking"
    letter: ClassVar[str] = "b"
    needs: ClassVar[tuple[type[Artifact], ...]] = (OnnxModel,)
    fallback: ClassVar[tuple[type[Artifact], ...]] = ()
    makes: ClassVar[type[Artifact] | None] = None
    sections: ClassVar[tuple[str, ...]] = ("benchmarking", "tools")

    def reads(self, config: RunConfig) -> frozenset[str]:
        """Return the splits of the data set that a stage needs."""
        return frozenset()

    def run(self, context: RunContext, stage: Stage, model: Artifact | None) -> StageOutput:
        """Benchmark the newest ONNX model, and on request the float model it came from."""
        section = context.config.benchmarking
        if section is None or not isinstance(model, OnnxModel):
            raise UserError("The benchmarking section is missing.")
        resolved = context.require(context.selection.benchmark_target, "benchmarking.board")
        target = build_target(context, resolved, BENCHMARK)
        models: list[OnnxModel] = [model]
        origin = context.float_origin(model) if isinstance(model, QuantizedOnnx) else None
        notes: list[str] = []
        if section.compare_float and isinstance(origin, OnnxModel):
            if isinstance(origin, accepted(resolved, target)):
                models.append(origin)
            else:
                notes.append(f"The float model was not measured: {resolved.spec.name} takes quantized models only.")
        results: list[BenchmarkResult] = []
        for measured in models:
            precision = INT8 if isinstance(measured, QuantizedOnnx) else FLOAT
            with context.code_of(resolved, "benchmark"):
                found: BenchmarkResult = target.benchmark(measured, context.layout.stage(stage), context.progress)
            metrics = tuple(replace(metric, model=precision) for metric in found.metrics)
            results.append(replace(found, metrics=metrics))
        first = results[0]
        result = replace(
            first,
            metrics=tuple(metric for result in results for metric in result.metrics),
            files=tuple(context.layout.relative(file) for file in first.files),
            notes=(*first.notes, *notes),
            measured=tuple(context.measured(model) for model in models),
        )
        return StageOutput(result)
