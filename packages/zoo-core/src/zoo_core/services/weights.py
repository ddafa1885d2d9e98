"""Own the stage that fetches published weights when a model is used without training."""

from __future__ import annotations

from typing import ClassVar

from zoo_core.artifacts import Artifact, Checkpoint, hash_file
from zoo_core.config.sections import RunConfig
from zoo_core.protocols import Stage
from zoo_core.results import WeightsResult
from zoo_core.services.base import StageOutput
from zoo_core.services.context import RunContext


class WeightsService:
    """Save the published weights of a model as the checkpoint that the chain starts from."""

    name: ClassVar[str] = "weights"
    letter: ClassVar[str] = "w"
    needs: ClassVar[tuple[type[Artifact], ...]] = ()
    fallback: ClassVar[tuple[type[Artifact], ...]] = ()
    makes: ClassVar[type[Artifact] | None] = Checkpoint
    sections: ClassVar[tuple[str, ...]] = ("model", "preprocessing")

    def reads(self, config: RunConfig) -> frozenset[str]:
        """Return the splits of the data set that a stage needs."""
        return frozenset()

    def run(self, context: RunContext, stage: Stage, model: Artifact | None) -> StageOutput:
        """Build the model with its published weights and save them."""
        from zoo_core.training.checkpoint import save_weights

        built = context.build_model()
        path = context.layout.saved_models / f"{context.info.name}_pretrained.pt"
        save_weights(path, built, context.description())
        source = context.config.model.pretrained_dataset or "the library's own weights"
        artifact = Checkpoint(path=path, sha256=hash_file(path), made_by=stage.id)
        result = WeightsResult(source=source, files=(path.relative_to(context.layout.root).as_posix(),))
        return StageOutput(result, artifact)
