"""Own the target of a board: every question goes to the engine that was chosen for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo_core.artifacts import OnnxModel, QuantizedOnnx
from zoo_core.errors import ZooError
from zoo_core.results import BenchmarkResult, DeploymentResult
from zoo_core.runs.files import disk_errors
from zoo_core.specs import DEPLOY, INFER
from zoo_stm32.deployment.job import GENERATE
from zoo_stm32.engines.choice import CLOUD, EMULATOR, choose
from zoo_stm32.engines.conversion import SERIES
from zoo_stm32.engines.vendor import cloud_client, cloud_report, find_tool, local_report, vendor_result
from zoo_stm32.stedgeai.options import target_of

if TYPE_CHECKING:
    from zoo_core.config.sections import RunConfig
    from zoo_core.protocols import InferenceSession, Progress
    from zoo_stm32.boards import Board
    from zoo_stm32.emulated import EmulatedTarget

INSTEAD = "Set benchmarking.engine: emulator to measure without ST's tools."


class Stm32Target:
    """Measure on a board, deploy to it, or compute as it does."""

    def __init__(self, board: Board, config: RunConfig) -> None:
        self.board = board
        self._config = config
        self.choice = choose(config, board)

    @property
    def accepts(self) -> tuple[type[OnnxModel], ...]:
        """Return the kinds of models that the engine takes; firmware is made of quantized ones."""
        return (QuantizedOnnx,) if self.choice.engine == EMULATOR else (OnnxModel,)

    def check(self, purpose: str) -> tuple[str, ...]:
        """Return why the chosen engine cannot serve."""
        if purpose == DEPLOY and self._with_project:
            # The first step of the deployment looks at tools, project and board, before it changes anything.
            return self._with_reason(self._check_cloud()) if self._deploys_through_cloud else ()
        if purpose in (INFER, DEPLOY) or self.choice.engine == EMULATOR:
            return self._emulated().check(purpose)
        problems = self._check_cloud() if self.choice.engine == CLOUD else self._check_local()
        instead = (INSTEAD,) if self.board.runs_firmware else ()
        return self._with_reason(problems, *instead)

    def open(self, model: OnnxModel, progress: Progress) -> InferenceSession:
        """Return a session that computes on the emulated core.

        Raises:
            UserError: When the model has no integer form or does not fit the board.
        """
        return self._emulated().open(model, progress)

    def benchmark(self, model: OnnxModel, directory: Path, progress: Progress) -> BenchmarkResult:
        """Return the footprint, and the time or the instructions of one inference, whichever the engine can measure.

        Raises:
            ZooError: When the engine fails; no other takes its place.
        """
        if self.choice.engine == EMULATOR:
            found = self._emulated().benchmark(model, directory, progress)
            return replace(found, facts={**found.facts, "engine": EMULATOR, "chosen": self.choice.reason})
        with disk_errors(directory):
            directory.mkdir(parents=True, exist_ok=True)
        measure = cloud_report if self.choice.engine == CLOUD else local_report
        return vendor_result(measure(self.choice, self.board, model.path, directory, progress), self.board, self.choice)

    def deploy(self, model: OnnxModel, directory: Path, progress: Progress) -> DeploymentResult:
        """Build the user's C project with the model and put it on the board; without a project, write firmware.

        Raises:
            ZooError: When a step fails.
        """
        if not self._with_project:
            return self._emulated().deploy(model, directory, progress)
        from zoo_stm32.engines.deploying import deploy_project

        return deploy_project(
            self._config,
            choice=self.choice,
            board=self.board,
            model=model.path,
            folder=directory,
            progress=progress,
        )

    @property
    def _with_project(self) -> bool:
        section = self._config.deployment
        return section is not None and (section.c_project_path is not None or not self.board.runs_firmware)

    @property
    def _deploys_through_cloud(self) -> bool:
        """Tell whether a planned step generates code on the cloud, or converts the model there."""
        section = self._config.deployment
        steps = getattr(section, "steps", None)
        if self.board.runs_firmware:
            return self.choice.engine == CLOUD and (steps is None or GENERATE in steps)
        return self.board.series == SERIES

    def _with_reason(self, problems: tuple[str, ...], *instead: str) -> tuple[str, ...]:
        return (*problems, f"It was chosen because {self.choice.reason}.", *instead) if problems else ()

    def _emulated(self) -> EmulatedTarget:
        from zoo_stm32.emulated import EmulatedTarget

        return EmulatedTarget(self.board, self.choice.firmware)

    def _check_cloud(self) -> tuple[str, ...]:
        try:
            client = cloud_client()
            if not self._config.operation_mode.startswith("chain"):
                client.login(interactive=True)
            return client.check()
        except ZooError as error:
            return (str(error),)

    def _check_local(self) -> tuple[str, ...]:
        try:
            target_of(self.board)
            find_tool(self.choice)
        except ZooError as error:
            return (str(error),)
        return ()
