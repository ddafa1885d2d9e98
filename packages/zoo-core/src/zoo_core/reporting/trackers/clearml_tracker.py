"""Own the tracker `clearml`: one task per run, as soon as this machine has a `clearml.conf` or works offline."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, redirect_stdout
from itertools import pairwise
from pathlib import Path
from typing import Any

from zoo_core.config.sections import RunConfig
from zoo_core.protocols import Histogram
from zoo_core.reporting.trackers import asking
from zoo_core.reporting.trackers.run_facts import end_status, inside, require, run_facts
from zoo_core.runs.file_kinds import FIGURE, kind_of
from zoo_core.runs.layout import RESOLVED_CONFIG
from zoo_core.runs.tracker_state import TrackerState

NAME = "clearml"
WATCHED = (
    "matplotlib", "tensorflow", "tensorboard", "pytorch", "xgboost", "scikit", "fastai", "lightgbm", "hydra",
    "detect_repository", "tfdefines", "joblib", "megengine", "catboost", "gradio",
)  # fmt: skip
"""What ClearML looks at by itself, the changes in the user's repository among it; none of it belongs to a run."""
SECOND_PROCESS = "_report_subprocess_enabled"
"""Whether ClearML sends from one more process, which the end of a task waits for more than ten seconds."""
CURVES = ("train_", "val_")

log = logging.getLogger("zoo")


def build(config: RunConfig, run_dir: Path) -> ClearmlTracker | None:
    """Build the tracker where a `clearml.conf` exists or `CLEARML_OFFLINE_MODE` is set.

    Raises:
        MissingError: When the package clearml is not installed.
    """
    return ClearmlTracker(run_dir) if asking.clearml(config) else None


def warm_up() -> Any:
    """Import ClearML and return it.

    Raises:
        MissingError: When it is not installed.
    """
    return require(NAME, "ClearML, for which this machine is configured,")


class ClearmlTracker:
    """Report to a ClearML task; nothing of the process is looked at but what the run tells."""

    def __init__(self, run_dir: Path) -> None:
        """Open the task of the run, or go on with it.

        Raises:
            MissingError: When the package clearml is not installed.
        """
        self._run_dir = run_dir
        with _unprinted():
            self._task: Any = self._open_task(warm_up())
        self._logger: Any = self._task.get_logger()
        TrackerState(run_dir, NAME).update(task_id=str(self._task.id))
        if not asking.is_offline():
            log.info("ClearML shows the run at %s", self._task.get_output_log_web_page())

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Store the configuration, as values and as the file of the run."""
        self._task.connect(dict(parameters), name="configuration")
        resolved = self._run_dir / RESOLVED_CONFIG
        if resolved.is_file():
            self._task.connect_configuration(resolved, name=RESOLVED_CONFIG)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Report numbers: those of epochs as curves, training beside validation, others as single values."""
        for name, value in metrics.items():
            if step is None:
                self._logger.report_single_value(name, value)
                continue
            series = next((prefix for prefix in CURVES if name.startswith(prefix)), "")
            title = name.removeprefix(series)
            self._logger.report_scalar(title, series.rstrip("_") or title, value, step)

    def log_histograms(self, histograms: Mapping[str, Histogram], step: int) -> None:
        """Report how the weights are spread, as bars over the middle of each bin."""
        for name, found in histograms.items():
            edges = found["edges"]
            middles = [f"{(low + high) / 2:.4g}" for low, high in pairwise(edges)]
            self._logger.report_histogram(name, "weights", found["counts"], iteration=step, xlabels=middles)

    def log_file(self, path: Path) -> None:
        """Show a figure among the plots, and store any other file as an artifact."""
        name = inside(self._run_dir, path)
        if kind_of(path) == FIGURE and path.suffix != ".svg":
            self._logger.report_image(title=path.stem, series=name, iteration=0, local_path=str(path))
        else:
            self._task.upload_artifact(name, str(path), wait_on_upload=True)

    def close(self) -> None:
        """Say how the run ended, and name the archive of an offline session."""
        status = end_status(self._run_dir)
        with _unprinted():
            self._task.flush(wait_for_uploads=True)
            if status in ("failed", "interrupted") and not asking.is_offline():
                self._task.mark_failed(status_reason=status, force=True)
            self._task.close()
        if asking.is_offline():
            log.info("The ClearML session is in %s.zip", self._task.get_offline_mode_folder())

    def _open_task(self, clearml: Any) -> Any:
        facts = run_facts(self._run_dir)
        known = None if asking.is_offline() else TrackerState(self._run_dir, NAME).get("task_id")
        if asking.is_offline():
            clearml.Task.set_offline(True)  # the package looks at the variable only when it is imported
        if hasattr(clearml.Task, SECOND_PROCESS):
            setattr(clearml.Task, SECOND_PROCESS, False)
        return clearml.Task.init(
            project_name=facts["project"],
            task_name=facts["name"],
            reuse_last_task_id=False,
            continue_last_task=known or False,
            auto_connect_arg_parser=False,
            auto_connect_frameworks=dict.fromkeys(WATCHED, False),
            auto_resource_monitoring=False,
            auto_connect_streams=False,
        )


def _unprinted() -> AbstractContextManager[Any]:
    """Return a context in which what ClearML prints does not get among the results on the screen."""
    return redirect_stdout(io.StringIO())
