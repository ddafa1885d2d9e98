"""Own the deployment stage: a model onto the board that a target plugin knows."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from zoo_core.artifacts import Artifact, OnnxModel, QuantizedOnnx
from zoo_core.config.sections import RunConfig
from zoo_core.errors import UserError
from zoo_core.protocols import Stage
from zoo_core.results import FLOAT, INT8, DeploymentResult
from zoo_core.services.base import StageOutput
from zoo_core.services.context import RunContext
from zoo_core.services.described import described
from zoo_core.services.targets import build_target
from zoo_core.specs import DEPLOY


class DeploymentService:
    """Build and install the application for a board."""

    name: ClassVar[str] = "deployment"
    letter: ClassVar[str] = "d"
    needs: ClassVar[tuple[type[Artifact], ...]] = (OnnxModel,)
    fallback: ClassVar[tuple[type[Artifact], ...]] = ()
    makes: ClassVar[type[Artifact] | None] = None
    sections: ClassVar[tuple[str, ...]] = ("deployment", "tools", "dataset", "preprocessing", "postprocessing", "app")

    def reads(self, config: RunConfig) -> frozenset[str]:
        """Return the splits of the data set that a stage needs."""
        return frozenset()

    def run(self, context: RunContext, stage: Stage, model: Artifact | None) -> StageOutput:
        """Hand the newest ONNX model to the target."""
        if not isinstance(model, OnnxModel):
            raise UserError("Deployment takes an ONNX model.")
        resolved = context.require(context.selection.deploy_target, "deployment.hardware_setup.board")
        target = build_target(context, resolved, DEPLOY)
        model = described(context, model, context.layout.stage(stage))
        with context.code_of(resolved, "deployment"):
            result: DeploymentResult = target.deploy(model, context.layout.generated, context.progress)
        precision = INT8 if isinstance(model, QuantizedOnnx) else FLOAT
        return StageOutput(
            replace(
                result,
                metrics=tuple(replace(metric, model=precision) for metric in result.metrics),
                files=tuple(context.layout.relative(file) for file in result.files),
                measured=(context.measured(model),),
            )
        )
