"""Own the export stage: torch weights to a float ONNX model that says what it is."""

from __future__ import annotations

from typing import ClassVar

from zoo_core.artifacts import Artifact, Checkpoint, FloatOnnx, hash_file
from zoo_core.config.sections import RunConfig
from zoo_core.protocols import Stage
from zoo_core.results import ExportResult
from zoo_core.services.base import StageOutput
from zoo_core.services.context import RunContext

DEFAULT_OPSET = 17


class ExportService:
    """Export weights to ONNX, checked against torch number by number."""

    name: ClassVar[str] = "export"
    letter: ClassVar[str] = "x"
    needs: ClassVar[tuple[type[Artifact], ...]] = (Checkpoint,)
    fallback: ClassVar[tuple[type[Artifact], ...]] = ()
    makes: ClassVar[type[Artifact] | None] = FloatOnnx
    sections: ClassVar[tuple[str, ...]] = ("model", "preprocessing", "quantization")

    def reads(self, config: RunConfig) -> frozenset[str]:
        """Return the splits of the data set that a stage needs."""
        return frozenset()

    def run(self, context: RunContext, stage: Stage, model: Artifact | None) -> StageOutput:
        """Write `saved_models/<model name>/<model name>.onnx`."""
        from zoo_core.export.onnx_export import export_onnx

        if model is None:
            msg = "the planner gives every export a checkpoint"
            raise ValueError(msg)
        name = context.info.name
        path = context.layout.saved_models / name / f"{name}.onnx"
        quantization = context.config.quantization
        network = context.load_model(model)
        if callable(wrap := getattr(context.task, "export_model", None)):
            network = wrap(network)
        with context.progress.track(f"Writing {path.name} and comparing it with torch", None):
            outcome = export_onnx(
                network,
                context.input,
                path,
                opset=DEFAULT_OPSET if quantization is None else quantization.target_opset,
                batch=context.config.model.export_batch,
                metadata=context.exported_description(),
                value_range=context.task.preprocessing.value_range(),
            )
        result = ExportResult(
            files=(path.relative_to(context.layout.root).as_posix(),),
            opset=outcome.opset,
            batch="dynamic" if outcome.batch is None else str(outcome.batch),
            parity_max_abs=outcome.parity_max_abs,
            parity_tolerance=outcome.parity_tolerance,
            parameters=outcome.parameters,
        )
        return StageOutput(result, FloatOnnx(path=path, sha256=hash_file(path), made_by=stage.id))
