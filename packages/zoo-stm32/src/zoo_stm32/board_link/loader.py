"""Own putting ST's validation firmware with a network onto a board, by the loader scripts of ST Edge AI Core.

Written for the scripts of versions 2.x to 4.x (`scripts/N6_scripts/n6_loader.py`, `scripts/H7P_scripts/h7p_loader.py`).
The files that users otherwise edit inside the installation are left alone: a copy goes into the run directory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from zoo_core.errors import MissingError, UserError
from zoo_core.protocols import Progress
from zoo_core.runs.files import write_json


class Execute(Protocol):
    """Run a program with a log and a time limit, such as `zoo_stm32.deployment.execute.execute`."""

    def __call__(
        self, arguments: Sequence[str | Path], log: Path, *, what: str, limit_s: float, progress: Progress
    ) -> object:
        """Run it; raise a `ZooError` when it fails."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Name the script of a board, its option and its settings."""

    script: str
    folders: tuple[str, ...]
    option: str
    settings: str


KINDS = {
    "stedgeai_n6": Kind(
        script="n6_loader.py", folders=("N6_scripts",), option="--n6-loader-config", settings="config_n6l.json"
    ),
    "stedgeai_h7p": Kind(
        script="h7p_loader.py",
        folders=("H7P_scripts", "N6_scripts"),
        option="--h7p-loader-config",
        settings="config_h7p.json",
    ),
}
CONFIGURATIONS = {"STM32N6570-DK": "N6-DK", "NUCLEO-N657X0-Q": "N6-Nucleo"}


def load_firmware(
    target: str,
    board: str,
    scripts: Path,
    code: Path,
    folder: Path,
    *,
    execute: Execute,
    progress: Progress,
    configuration: str | None = None,
    limit_s: float = 900.0,
) -> Path:
    """Build the validation firmware with a network and load it; return the settings that were used.

    Args:
        target: `stedgeai_n6` or `stedgeai_h7p`.
        board: Name of the board.
        scripts: Folder `scripts` of the installation.
        code: Folder of the generated C files.
        folder: Folder of the run for settings and log.
        execute: Runs the script.
        progress: Where to show that it is running.
        configuration: Build configuration of the validation project; that of the board when absent.
        limit_s: Longest time that building and loading may take.

    Raises:
        MissingError: When the installation has no loader, or its settings were never filled in.
        ZooError: When the loader fails.
    """
    kind = KINDS.get(target)
    if kind is None:
        raise UserError(f"{target} is loaded by no script.", hint=f"Targets on boards: {', '.join(KINDS)}.")
    script = next((path for one in kind.folders if (path := scripts / one / kind.script).is_file()), None)
    if script is None:
        raise MissingError(
            f"{kind.script} is not in {scripts}.", hint="It comes with ST Edge AI Core; install the part for the board."
        )
    network = code / "network.c"
    if not network.is_file():
        raise UserError(f"{network} does not exist; generate the code of the network first.")
    settings: dict[str, Any] = {**_settings(script.with_name(kind.settings)), "network.c": str(network.absolute())}
    chosen = configuration or CONFIGURATIONS.get(board)
    if chosen is not None:
        settings["project_build_conf"] = chosen
    project = settings.get("project_path")
    if not isinstance(project, str) or not Path(project).is_dir():
        raise MissingError(
            f"{script.with_name(kind.settings)}: project_path names no folder ({project!r}).",
            hint="Fill in the folder of ST's validation project once, as the tool's manual says.",
        )
    path = folder / kind.settings
    write_json(path, settings)
    execute(
        [sys.executable, script, kind.option, path],
        folder / f"{target}_loader.log",
        what=f"Loading the validation firmware onto {board}",
        limit_s=limit_s,
        progress=progress,
    )
    return path


def _settings(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MissingError(f"{path} cannot be read: {error}.") from error
    if not isinstance(found, dict):
        raise MissingError(f"{path} holds no table.")
    return found
