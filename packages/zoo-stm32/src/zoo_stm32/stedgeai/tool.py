"""Own the three commands of ST Edge AI Core: analyze, generate and validate, each in a folder of its own."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from zoo_core.errors import UserError, ZooError
from zoo_core.protocols import Progress
from zoo_stm32.boards import Board
from zoo_stm32.reports import ToolReport
from zoo_stm32.stedgeai.document import read_json
from zoo_stm32.stedgeai.errors import TOOL, failure
from zoo_stm32.stedgeai.options import GENERIC_TARGET, NPU, Options, target_of
from zoo_stm32.stedgeai.process import cannot_write, open_log, run_program
from zoo_stm32.stedgeai.report import find_report, read_report
from zoo_stm32.stedgeai.validation import TensorComparison, read_comparisons


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """Name what `generate` wrote."""

    folder: Path
    """Folder of the C files."""
    workspace: Path
    """Working files of the tool; the library for this computer lies here where it was asked for."""
    report: ToolReport
    files: tuple[Path, ...]
    log: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Report a validation: figures, and how far each tensor is from the model's."""

    report: ToolReport
    comparisons: tuple[TensorComparison, ...]
    log: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StEdgeAi:
    """Drive one installed ST Edge AI Core (2.x, 3.x or 4.x)."""

    executable: Path
    version: str
    components: Mapping[str, str] = field(default_factory=dict)
    """Component -> version, as the program states them, such as `STM32CubeAI` -> `10.0.0`."""
    notes: tuple[str, ...] = ()
    """What the user should know, such as a version other than the configured one."""
    limit_s: float = 1800.0
    """Longest time of one command."""
    poll_s: float = 0.2

    def analyze(self, model: Path, board: Board, options: Options, folder: Path, progress: Progress) -> ToolReport:
        """Return the footprint of a model on a board.

        Raises:
            ZooError: If the tool fails; the message says why.
        """
        arguments = ["--target", target_of(board), *options.arguments(board)]
        output, workspace, _ = self._run("analyze", "st_ai_analysis", model, board, arguments, folder, progress)
        return read_report(find_report(output, workspace), self.version)

    def generate(
        self,
        model: Path,
        board: Board,
        options: Options,
        folder: Path,
        progress: Progress,
        *,
        host_library: bool = False,
    ) -> Generated:
        """Write the C code of a model for a board.

        Args:
            model: The model.
            board: The board.
            options: How to compile.
            folder: Where `st_ai_output` and `st_ai_ws` are made; older ones are replaced.
            progress: Where to show that it is running.
            host_library: Make a library for this computer instead, as `stedgeai_host` needs it; this alone
                uses the generic target.

        Raises:
            ZooError: If the tool fails; the message says why.
        """
        if host_library:
            host_board = replace(board, npu="")
            arguments = ["--target", GENERIC_TARGET, "--dll", *_host_options(options).arguments(host_board)]
        else:
            arguments = ["--target", target_of(board), *options.arguments(board)]
        output, workspace, log = self._run("generate", "st_ai_output", model, board, arguments, folder, progress)
        files = tuple(sorted(path for path in output.rglob("*") if path.is_file()))
        source = output / "network.c"
        if source not in files or source.stat().st_size == 0:
            raise ZooError(f"{TOOL} ended well but {source} is missing or empty.", hint=f"All it printed: {log}")
        return Generated(
            folder=output,
            workspace=workspace,
            report=read_report(find_report(output, workspace), self.version),
            files=files,
            log=log,
        )

    def validate(
        self,
        model: Path,
        board: Board,
        options: Options,
        folder: Path,
        progress: Progress,
        *,
        mode: Literal["host", "target"] = "host",
        descriptor: str = "",
        batch: int | None = None,
        inputs: Path | None = None,
        outputs: Path | None = None,
        generated: Generated | None = None,
    ) -> Validation:
        """Compare the compiled network with the model.

        Args:
            model: The model.
            board: The board.
            options: How to compile; the same as for the firmware on the board.
            folder: Where `st_ai_validation` is made.
            progress: Where to show that it is running.
            mode: `host` computes on this computer, `target` on the board.
            descriptor: How to reach the board, such as `serial:921600`; only for `target`.
            batch: Number of samples; the tool's own when absent.
            inputs: File of samples (`.npy`, `.npz`); random ones when absent.
            outputs: File of reference outputs.
            generated: What runs on a board with NPU, from `generate`.

        Raises:
            ZooError: If the tool fails; the message says why.
        """
        if mode == "host" and board.npu == NPU:
            raise UserError(
                f"{TOOL} cannot validate for {board.name} on this computer.",
                hint="Validate on the board (evaluation.target: stedgeai_n6), or use the emulator.",
            )
        arguments = ["--target", target_of(board), "--mode", mode, *options.arguments(board)]
        optional = (
            ("-d", descriptor if mode == "target" else None),
            ("-b", batch),
            ("--valinput", inputs),
            ("--valoutput", outputs),
            ("--val-json", find_report(generated.folder) if generated is not None else None),
        )
        arguments += [part for flag, value in optional if value for part in (flag, str(value))]
        output, workspace, log = self._run("validate", "st_ai_validation", model, board, arguments, folder, progress)
        file = find_report(output, workspace)
        return Validation(
            report=read_report(file, self.version, timed=mode == "target"),
            comparisons=read_comparisons(read_json(file)),
            log=log,
        )

    def _run(  # noqa: PLR0917 - one command, called three times
        self,
        action: str,
        name: str,
        model: Path,
        board: Board,
        options: Sequence[str],
        folder: Path,
        progress: Progress,
    ) -> tuple[Path, Path, Path]:
        """Run one command; return its output folder, its workspace and its log."""
        if not model.is_file():
            raise UserError(f"The model {model.absolute()} does not exist.")
        folder = folder.absolute()
        output, workspace = folder / name, folder / ("st_ai_ws" if action == "generate" else f"{name}_ws")
        for place in (output, workspace):
            _make_empty(place)
        arguments = [str(self.executable), action, "--model", str(model.absolute()), *options]
        arguments += ["--output", str(output), "--workspace", str(workspace)]
        log = folder / f"stedgeai_{action}.log"
        what = f"{action} for {board.name}"
        with open_log(log, shlex.join(arguments)) as file, progress.track(f"{TOOL}: {what}", None) as task:
            try:
                finished = run_program(
                    arguments, file, limit_s=self.limit_s, poll_s=self.poll_s, tick=lambda: task.advance(0)
                )
            except OSError as error:
                raise UserError(f"{self.executable} cannot be started: {error.strerror or error}.") from error
        if finished.failed:
            raise failure(what, str(self.executable), finished, str(log))
        return output, workspace, log


def _host_options(options: Options) -> Options:
    """Keep what applies to a library for this computer: types and channel positions, over the newer C interface."""
    return Options(
        optimization="",
        input_type=options.input_type,
        output_type=options.output_type,
        inputs_channel_position=options.inputs_channel_position,
        outputs_channel_position=options.outputs_channel_position,
        c_api="st-ai",
        extra=options.extra,
    )


def _make_empty(folder: Path) -> None:
    """Make a folder without files of an earlier run, which could be taken for those of this one."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
