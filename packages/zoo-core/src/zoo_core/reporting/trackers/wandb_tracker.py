"""Own the tracker `wandb`: one Weights & Biases run per run, where `training.log_wandb` asks for it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

from zoo_core.config.sections import RunConfig
from zoo_core.errors import MissingError
from zoo_core.protocols import Histogram
from zoo_core.reporting.trackers import asking
from zoo_core.reporting.trackers.run_facts import end_status, inside, require, run_facts
from zoo_core.runs.file_kinds import FIGURE, MODEL, kind_of
from zoo_core.runs.tracker_state import TrackerState

NAME = "wandb"
MODE, SILENT = "WANDB_MODE", "WANDB_SILENT"
WITHOUT_LOGIN = frozenset({"offline", "disabled", "dryrun"})
UNNAMED = "zoo"
EPOCH = "epoch"


def build(config: RunConfig, run_dir: Path) -> WandbTracker | None:
    """Build the tracker where `training.log_wandb` asks for it.

    Raises:
        MissingError: When the package wandb is not installed or nobody is logged in.
    """
    return WandbTracker(run_dir) if asking.wandb(config) else None


def warm_up() -> Any:
    """Import W&B and return it.

    Raises:
        MissingError: When it is not installed.
    """
    os.environ.setdefault(SILENT, "true")
    return require(NAME, "training.log_wandb")


class WandbTracker:
    """Log to Weights & Biases, or into the run folder with `WANDB_MODE=offline`."""

    def __init__(self, run_dir: Path) -> None:
        """Open the record of the run, or go on with it.

        Raises:
            MissingError: When the package wandb is not installed or nobody is logged in.
        """
        self._wandb = warm_up()
        if os.environ.get(MODE) not in WITHOUT_LOGIN and not self._wandb.api.api_key:
            msg = "training.log_wandb sends to Weights & Biases, and nobody is logged in."
            raise MissingError(msg, hint=f"Log in with: wandb login   or keep the records here with {MODE}=offline")
        self._run_dir = run_dir
        facts, state = run_facts(run_dir), TrackerState(run_dir, NAME)
        number = state.get("run_id") or token_hex(4)
        self._run: Any = self._wandb.init(
            project=_project(facts["project"]),
            name=facts["name"],
            id=number,
            resume="allow",
            dir=str(run_dir),
            settings=self._settings(),
        )
        self._run.define_metric("*", step_metric=EPOCH)
        state.update(run_id=number)

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Store the configuration."""
        self._run.config.update(dict(parameters), allow_val_change=True)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log the numbers of an epoch as a point of curves, others into the summary."""
        if step is None:
            self._run.summary.update(dict(metrics))
        else:
            self._run.log({EPOCH: step, **metrics})

    def log_histograms(self, histograms: Mapping[str, Histogram], step: int) -> None:
        """Log how the weights are spread."""
        bars = {
            f"weights/{name}": self._wandb.Histogram(np_histogram=(found["counts"], found["edges"]))
            for name, found in histograms.items()
        }
        self._run.log({EPOCH: step, **bars})

    def log_file(self, path: Path) -> None:
        """Show a figure, store a model as an artifact, and keep any other file with the record."""
        kind, name = kind_of(path), inside(self._run_dir, path)
        if kind == FIGURE and path.suffix != ".svg":
            self._run.log({name: self._wandb.Image(str(path))})
        elif kind == MODEL:
            self._run.log_artifact(str(path), name=_legal(name), type=MODEL)
        else:
            self._run.save(str(path), base_path=str(self._run_dir), policy="now")

    def close(self) -> None:
        """Send what is left and say how the run ended."""
        self._run.finish(exit_code=0 if end_status(self._run_dir) == "done" else 1)

    def _settings(self) -> Any:
        """Return settings under which nothing is sent but what the run tells, as far as the version has them."""
        wanted = {
            "silent": True,
            "console": "off",
            "disable_git": True,
            "disable_code": True,
            "x_disable_meta": True,
            "x_disable_stats": True,
            "x_disable_machine_info": True,
            "x_save_requirements": False,
        }
        known = self._wandb.Settings.model_fields
        return self._wandb.Settings(**{name: value for name, value in wanted.items() if name in known})


def _project(name: str) -> str:
    """Return the name of a project in the characters that W&B takes."""
    return _legal(name).strip("-") if name != "<unnamed>" else UNNAMED


def _legal(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name)
