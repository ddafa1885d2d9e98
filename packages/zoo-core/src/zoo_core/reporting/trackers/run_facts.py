"""Own what trackers read of the run they are told of: its name, its project, where its file stands, how it ended."""

from __future__ import annotations

import importlib
from importlib import util
from pathlib import Path
from typing import Any

from zoo_core.errors import MissingError, RunStoreError
from zoo_core.runs.events import RUN, read_events
from zoo_core.runs.files import read_json
from zoo_core.runs.layout import MANIFEST


def run_facts(run_dir: Path) -> dict[str, Any]:
    """Return the first event of a run: `name`, `project`, `model_name` and so on; only the name when there is none."""
    found = next((dict(event) for event in read_events(run_dir) if event["event"] == RUN), {})
    return {"name": run_dir.name, "project": "<unnamed>", **found}


def manifest_text(run_dir: Path, key: str) -> str | None:
    """Return a text of `run.json`, such as `status` or `config_file`; nothing where there is none."""
    try:
        found = read_json(run_dir / MANIFEST).get(key)
    except RunStoreError:
        return None
    return found if isinstance(found, str) else None


def end_status(run_dir: Path) -> str:
    """Return how a run ended: `done`, `failed` or `interrupted`, which a run that was killed is too."""
    status = manifest_text(run_dir, "status")
    return "interrupted" if status == "running" else status or "done"


def inside(run_dir: Path, path: Path) -> str:
    """Return the path of a file inside the folder of its run, with `/` between the parts."""
    return path.relative_to(run_dir).as_posix() if path.is_relative_to(run_dir) else path.name


def is_installed(package: str) -> bool:
    """Tell whether a package can be imported, without importing it."""
    try:
        return util.find_spec(package) is not None
    except (ValueError, ModuleNotFoundError):
        return False


def demand(package: str, asked_by: str, *, install: str | None = None) -> None:
    """Refuse to go on without the package of a tracker, without importing it.

    Args:
        package: Name under which it is imported.
        asked_by: What asked for it, as the message begins.
        install: What to install instead of the extra of core that is named like the package.

    Raises:
        MissingError: When it is not installed.
    """
    if not is_installed(package):
        raise _absent(package, asked_by, install or f"zoo-core[{package}]")


def require(package: str, asked_by: str) -> Any:
    """Import the package of a tracker.

    Raises:
        MissingError: When it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise _absent(error.name or package, asked_by, f"zoo-core[{package}]") from error


def _absent(package: str, asked_by: str, install: str) -> MissingError:
    msg = f"{asked_by} needs the package {package}, which is not installed."
    return MissingError(msg, hint=f'Install: pip install "{install}"')
