"""Own the options of one run of ST Edge AI Core and the arguments that they become, per board."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from zoo_core.errors import UserError
from zoo_stm32.boards import Board

NPU = "Neural-ART"
GENERIC_TARGET = "stm32"

DataType = Literal["uint8", "int8", "float32"]
ChannelPosition = Literal["chfirst", "chlast"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Choose how a model is compiled. An empty value leaves the choice to the tool."""

    optimization: Literal["balanced", "time", "ram", ""] = "balanced"
    input_type: DataType | None = None
    output_type: DataType | None = None
    inputs_channel_position: ChannelPosition | None = None
    outputs_channel_position: ChannelPosition | None = None
    neural_art_profile: str = ""
    """Profile of the NPU compiler, `name` or `name@file`; boards with an NPU only."""
    neural_art_file: Path | None = None
    """JSON file that holds the profile; without it the tool looks into its own."""
    memory_pool: Path | None = None
    split_weights: bool = False
    c_api: Literal["st-ai", "legacy", ""] = ""
    extra: tuple[str, ...] = field(default=())
    """Further arguments, passed on as they are."""

    def arguments(self, board: Board) -> list[str]:
        """Return the command-line arguments for a board.

        Raises:
            UserError: If an option does not fit the board, or a file that it names is not there.
        """
        pairs = (
            ("--optimization", self.optimization),
            ("--input-data-type", self.input_type),
            ("--output-data-type", self.output_type),
            ("--inputs-ch-position", self.inputs_channel_position),
            ("--outputs-ch-position", self.outputs_channel_position),
            ("--c-api", self.c_api),
        )
        found = [part for flag, value in pairs if value for part in (flag, value)]
        if self.memory_pool is not None:
            found += ["--memory-pool", str(_existing(self.memory_pool, "The memory pool file"))]
        if self.split_weights:
            found.append("--split-weights")
        return [*found, *neural_art_argument(self, board), *self.extra]


def target_of(board: Board) -> str:
    """Return the value of `--target` for a board, which is never the generic one.

    Raises:
        UserError: If the tool has no target for the board.
    """
    if board.tool_target in {"", GENERIC_TARGET}:
        raise UserError(
            f"ST Edge AI Core has no target for {board.name} ({board.series}) on this computer.",
            hint="Set tools.stedgeai.on_cloud: True to use the ST Edge AI Developer Cloud for it.",
        )
    return board.tool_target


def neural_art_argument(options: Options, board: Board) -> list[str]:
    """Return `--st-neural-art <profile>@<file>` for a board with ST's NPU, and nothing for others.

    Raises:
        UserError: If the board has no such NPU, or the file or its profile or its memory pool is not there.
    """
    profile, _, named = options.neural_art_profile.partition("@")
    file = Path(named) if named else options.neural_art_file
    if board.npu != NPU:
        if profile or file is not None:
            raise UserError(
                f"A neural-art profile was given, but {board.name} has no {NPU} NPU.",
                hint="Remove the profile, or choose STM32N6570-DK or NUCLEO-N657X0-Q.",
            )
        return []
    if file is None:
        return ["--st-neural-art", profile] if profile else ["--st-neural-art"]
    file = _existing(file, "The neural-art file").absolute()
    profile = profile or "default"
    _check_profile(file, profile)
    return ["--st-neural-art", f"{profile}@{file}"]


def _check_profile(file: Path, profile: str) -> None:
    profiles = _profiles(file)
    if profile not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise UserError(f"{file} has no profile {profile!r}.", hint=f"Its profiles: {known}.")
    entry = profiles[profile]
    pool = entry.get("memory_pool") if isinstance(entry, dict) else None
    if isinstance(pool, str) and pool and not (file.parent / pool).is_file():
        raise UserError(
            f"{file}: profile {profile!r} names the memory pool {pool}, and {file.parent / pool} does not exist.",
            hint="Paths in this file are relative to the file; copy the pool beside it or mend the path.",
        )


def _profiles(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        document = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read as a neural-art file: {error}.") from error
    profiles = document.get("Profiles") if isinstance(document, dict) else None
    if not isinstance(profiles, dict):
        raise UserError(f"{file} is no neural-art file: it has no table `Profiles`.")
    return profiles


def _existing(path: Path, what: str) -> Path:
    if not path.is_file():
        raise UserError(f"{what} {path.absolute()} does not exist.")
    return path
