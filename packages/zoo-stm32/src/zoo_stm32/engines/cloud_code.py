"""Own generating the code of a deployment on ST's Developer Cloud, where no tool is installed on this computer."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from zoo_core.errors import UserError, ZooError
from zoo_core.runs.files import disk_errors
from zoo_stm32.cloud import CloudClient, CloudOptions
from zoo_stm32.stedgeai import neural_art_argument

if TYPE_CHECKING:
    from zoo_core.protocols import Progress
    from zoo_stm32.boards import Board
    from zoo_stm32.reports import ToolReport
    from zoo_stm32.stedgeai import Options

CODE: Final = "st_ai_output"
RUNTIME: Final = "st_ai_runtime"
DEFAULT: Final = "default"
CORES: Final = {"STM32H7": "ARMCortexM7", "STM32N6": "ARMCortexM55"}
TREES: Final = ("Inc", "Npu")
"""Folders of the runtime library that are kept as they lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudCode:
    """Name what the cloud generated."""

    folder: Path
    report: ToolReport
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudGenerator:
    """Turn a model into C on the cloud, with the runtime library of the same version."""

    client: CloudClient
    version: str | None = None

    def generate(self, model: Path, board: Board, options: Options, folder: Path, progress: Progress) -> CloudCode:
        """Write the C code of a model into `st_ai_output`, and its runtime library into `st_ai_runtime`.

        Raises:
            UserError: When an option cannot be sent.
            CloudError: When the service or the job fails; nothing is left then.
        """
        wanted = _cloud_options(board, options, self.version)
        output = folder / CODE
        with disk_errors(output):
            for place in (output, folder / RUNTIME):
                shutil.rmtree(place, ignore_errors=True)
        report = self.client.analyze(model, board, wanted, progress)
        files = self.client.generate(model, board, wanted, output, progress)
        source = output / "network.c"
        if source not in files or source.stat().st_size == 0:
            raise ZooError("The Developer Cloud generated no network.c.", hint=f"What came lies in {output}.")
        with disk_errors(folder / RUNTIME):
            _keep_runtime(files, output, folder / RUNTIME, board)
        return CloudCode(folder=output, report=report, files=files)


def _cloud_options(board: Board, options: Options, version: str | None) -> CloudOptions:
    """Translate options of the command line into those of the service."""
    pool, words = _neural_art(board, options)
    positions = (
        ("--inputs-ch-position", options.inputs_channel_position),
        ("--outputs-ch-position", options.outputs_channel_position),
    )
    words = [*(word for flag, value in positions if value for word in (flag, value)), *words, *options.extra]
    more: dict[str, object] = {"includeLibraryForSerie": board.series, "includeLibraryForIde": "gcc"}
    if board.npu:
        more |= {"allocateInputs": False, "allocateOutputs": False}
    if options.split_weights:
        more["splitWeights"] = True
    if words:
        more["extraCommandLineArguments"] = " ".join(words)
    return CloudOptions(
        optimization=options.optimization or "balanced",
        version=version,
        neural_art_profile=_profile_name(options),
        memory_pool=options.memory_pool or pool,
        input_data_type=options.input_type,
        output_data_type=options.output_type,
        extra=more,
    )


def _profile_name(options: Options) -> str:
    """Return a profile that the service knows; one of a file here is sent as its options instead."""
    name, _, file = options.neural_art_profile.partition("@")
    return DEFAULT if file or options.neural_art_file is not None else name or DEFAULT


def _neural_art(board: Board, options: Options) -> tuple[Path | None, Sequence[str]]:
    """Return memory pool and compiler options of a profile on this computer, in the form that the service takes.

    Raises:
        UserError: When the file or its profile cannot be used.
    """
    if options.neural_art_file is None and "@" not in options.neural_art_profile:
        return None, ()
    argument = neural_art_argument(options, board)[-1]
    profile, _, name = argument.partition("@")
    file = Path(name)
    text = re.sub(r"^\s*//.*$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    entry = json.loads(text)["Profiles"][profile]
    if not isinstance(entry, dict):
        raise UserError(f"{file}: the profile {profile!r} is no table.")
    pool = entry.get("memory_pool")
    words = str(entry.get("options", "")).split()
    changed = [f"--atonnOptions.{word[2:]}" if word.startswith("--") else word for word in words]
    return (file.parent / pool if isinstance(pool, str) and pool else None), changed


def _keep_runtime(files: Sequence[Path], output: Path, runtime: Path, board: Board) -> None:
    """Put the library into the folders that an installation of the tool has, whatever its folders are here."""
    for file in files:
        parts = file.relative_to(output).parts
        tree = next((index for index, part in enumerate(parts[:-1]) if part in TREES), None)
        if file.suffix == ".a":
            target = runtime / "Lib" / "GCC" / CORES.get(board.series, "") / file.name
        elif tree is not None:
            target = runtime.joinpath(*parts[tree:])
        else:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
