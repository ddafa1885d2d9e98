"""Own what the steps of one deployment share: the job, its state, and what was found out once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from zoo_core.errors import MissingError, UserError
from zoo_core.protocols import Progress
from zoo_stm32.deployment.board_file import BoardFile, read_board_file
from zoo_stm32.deployment.job import DeployJob, StepOutcome
from zoo_stm32.deployment.layouts import Layout, layout_of
from zoo_stm32.deployment.programmer import Programmer
from zoo_stm32.deployment.project import Project, find_project
from zoo_stm32.deployment.state import State


@dataclass
class Context:
    """Give the steps of a deployment what they need."""

    job: DeployJob
    state: State
    progress: Progress
    planned: Sequence[str]
    """Steps of this call; `check` looks for what these need."""
    notes: list[str] = field(default_factory=list)

    @property
    def logs(self) -> Path:
        """Return the folder of log files."""
        return self.job.folder / "logs"

    @cached_property
    def layout(self) -> Layout:
        """Return how projects for the board are laid out."""
        return layout_of(self.job.board)

    @cached_property
    def board_file(self) -> BoardFile:
        """Return what the project says of itself."""
        folder = self.job.project
        if folder is None or not folder.is_dir():
            return BoardFile()
        return read_board_file(folder, self.job.board.name, self.job.configuration)

    @cached_property
    def project(self) -> Project:
        """Return the parts of the C project.

        Raises:
            UserError: When none was named.
        """
        if self.job.project is None:
            raise UserError(
                f"deployment.c_project_path is not set; {self.job.board.name} needs the folder of its C project.",
                hint="Get ST's application for the use case and board, and set deployment.c_project_path to it.",
            )
        return find_project(self.job.project, self.job.board, self.layout, self.board_file, self.job.configuration)

    @property
    def programmer(self) -> Programmer:
        """Return the programmer.

        Raises:
            MissingError: When it was not found.
        """
        if self.job.tools.programmer is None:
            raise MissingError(PROGRAMMER_MISSING)
        return Programmer(
            executable=self.job.tools.programmer, limits=self.job.limits, logs=self.logs, progress=self.progress
        )

    @property
    def external_loader(self) -> str:
        """Return the name of the loader of the external flash."""
        return self.board_file.external_loader or self.layout.external_loader

    def need(self, product: str, step: str) -> Path:
        """Return what an earlier step made.

        Raises:
            UserError: When that step has not run.
        """
        found = self.state.product(product)
        if found is None or self.state.ended(step) is None:
            raise UserError(
                f"The step needs what the step {step} makes, and {self.state.path} does not name it or it was changed.",
                hint=f"Run the step {step} first, or all steps.",
            )
        return found


PROGRAMMER_MISSING = (
    "STM32CubeProgrammer (STM32_Programmer_CLI) was not found: install it, or set STM32_CUBE_PROG_EXE to the program"
)


def done(name: str, detail: str, files: Sequence[Path] = ()) -> StepOutcome:
    """Return the outcome of a step that did its work."""
    return StepOutcome(name=name, status="done", detail=detail, files=tuple(files))


def skipped(name: str, detail: str) -> StepOutcome:
    """Return the outcome of a step that was not needed."""
    return StepOutcome(name=name, status="skipped", detail=detail)
