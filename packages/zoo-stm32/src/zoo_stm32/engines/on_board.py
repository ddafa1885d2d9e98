"""Own the targets of ST's model zoo that compute on a connected board, or on this computer through ST's runtime."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.artifacts import OnnxModel
from zoo_core.errors import MissingError, UserError, ZooError
from zoo_core.export.onnx_file import inspect_onnx
from zoo_stm32.board_link import BoardLink, BoardSession, Expected, HostLink, list_ports, load_firmware, open_port
from zoo_stm32.boards import load_boards
from zoo_stm32.engines.vendor import find_tool
from zoo_stm32.stedgeai import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from zoo_core.artifacts import InputSpec
    from zoo_core.config.sections import EvaluationSection, PredictionSection
    from zoo_core.protocols import Progress
    from zoo_stm32.board_link.session import Link
    from zoo_stm32.boards import Board
    from zoo_stm32.engines.choice import Choice
    from zoo_stm32.stedgeai import Generated, StEdgeAi

HOST = "stedgeai_host"
BOARDS = {HOST: "STM32H747I-DISCO", "stedgeai_n6": "STM32N6570-DK", "stedgeai_h7p": "STM32H7B3I-DK"}
"""Target -> board whose code is generated, unless the configuration names another of that series."""
SERIES = {"stedgeai_n6": "STM32N6", "stedgeai_h7p": "STM32H7"}
SCRIPTS = Path("scripts")
PROFILES = Path("N6_scripts", "user_neuralart.json")
"""File of an installation, below its scripts, with the profiles of the NPU compiler."""
RUNNER = Path("scripts", "ai_runner")


class OnBoardTarget:
    """Compute with the code that ST Edge AI Core generates."""

    def __init__(
        self, name: str, choice: Choice, section: EvaluationSection | PredictionSection, *, board: Board | None = None
    ) -> None:
        self.name = name
        self._choice = choice
        self._section = section
        self.board = board or next(entry for entry in load_boards() if entry.name == BOARDS[name])

    def check(self, purpose: str) -> tuple[str, ...]:
        """Return why ST Edge AI Core cannot serve."""
        del purpose
        try:
            tool = find_tool(self._choice)
            installed(tool, RUNNER if self.name == HOST else SCRIPTS)
            if self.name != HOST:
                list_ports()
        except ZooError as error:
            return (str(error),)
        return ()

    def open(self, model: OnnxModel, progress: Progress) -> BoardLinkSession:
        """Generate the code of a model, load it, and return a session that computes with it.

        Raises:
            ZooError: When the tool fails or the board does not answer.
        """
        tool = find_tool(self._choice)
        folder = Path(tempfile.mkdtemp(prefix=f"zoo_{self.name}_"))  # stays after a failure, with the logs in it
        with ExitStack() as stack:
            make = tool.generate
            if self.name == HOST:
                make = partial(tool.generate, host_library=True)
            generated = make(model.path, self.board, self._options(tool), folder, progress)
            link = self._host(tool, generated, folder) if self.name == HOST else self._load(tool, generated, progress)
            stack.callback(link.close)
            session = BoardSession(link, expected_of(model.path))
            stack.pop_all()
        return BoardLinkSession(session, partial(_close, link, folder))

    def _options(self, tool: StEdgeAi) -> Options:
        section = self._section
        profiles = installed(tool, SCRIPTS) / PROFILES if self.board.npu and self.name != HOST else None
        return Options(
            optimization=self._choice.optimization,
            input_type=section.input_type,
            output_type=section.output_type,
            inputs_channel_position=section.input_chpos,
            outputs_channel_position=section.output_chpos,
            neural_art_profile=(section.profile or "") if self.board.npu else "",
            neural_art_file=profiles if profiles is not None and profiles.is_file() else None,
            c_api="st-ai",
        )

    def _host(self, tool: StEdgeAi, generated: Generated, folder: Path) -> Link:
        return HostLink(generated.workspace, installed(tool, RUNNER), folder / "runner.log")

    def _load(self, tool: StEdgeAi, generated: Generated, progress: Progress) -> Link:
        from zoo_stm32.deployment.execute import execute

        folder = generated.folder.parent
        scripts = installed(tool, SCRIPTS)
        load_firmware(self.name, self.board.name, scripts, generated.folder, folder, execute=execute, progress=progress)
        return BoardLink(open_port())


def _close(link: Link, folder: Path) -> None:
    try:
        link.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class BoardLinkSession:
    """Run a model on a board, and remove the generated code at the end."""

    def __init__(self, session: BoardSession, close: Callable[[], Any]) -> None:
        self._session = session
        self._close = close
        self.input: InputSpec = session.input

    def run(self, images: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
        """Return every output for images of shape (N, C, H, W), each with N rows."""
        return self._session.run(images)

    def close(self) -> None:
        """Let the board go."""
        self._close()


def expected_of(model: Path) -> Expected:
    """Return what a board must hold to compute a model.

    Raises:
        UserError: When an output's size is free.
    """
    info = inspect_onnx(model)
    shapes = [shape[1:] for shape in info.output_shapes]
    if any(size is None for shape in shapes for size in shape):
        raise UserError(f"{model} has outputs of free size; a board computes fixed ones.")
    return Expected(input=info.input, output_shapes=tuple(tuple(int(size or 0) for size in shape) for shape in shapes))


def installed(tool: StEdgeAi, part: Path) -> Path:
    """Return a folder of the installation that the tool belongs to.

    Raises:
        MissingError: When it is not there.
    """
    for folder in tool.executable.parents:
        if (found := folder / part).is_dir():
            return found
    raise MissingError(
        f"{part.as_posix()} is not in the installation of {tool.executable}.",
        hint="Install ST Edge AI Core with its scripts; the program alone cannot reach a board.",
    )
