"""Own the tracker `mlflow`: one MLflow run per run, under the experiment that has the name of the project.

Names of parameters and numbers are those of the run's events, which hold ST's names beside ours.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from zoo_core.config.sections import RunConfig
from zoo_core.reporting.trackers import asking
from zoo_core.reporting.trackers.run_facts import end_status, inside, manifest_text, require, run_facts
from zoo_core.runs.secrets import without_secrets
from zoo_core.runs.tracker_state import TrackerState

NAME = "mlflow"
DATABASE = "mlflow.db"
LONGEST_PARAMETER = 500
BATCH = 100
"""Parameters and numbers that MLflow takes in one request."""
ENDS = MappingProxyType({"done": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"})
"""How a run of ours ended -> how MLflow calls it."""
ST_PARAMETERS = MappingProxyType(
    {
        "model.model_path": "model_path",
        "benchmarking.board": "target",
        "tools.stedgeai.version": "stedgeai_core_version",
    }
)
"""Our key -> the parameter that ST's services log."""
MANNERS = MappingProxyType(
    {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
)
"""Settings of MLflow's client that hold unless the user has set them: its own retry for minutes, print, and
tell its makers how it is used."""


def build(config: RunConfig, run_dir: Path) -> MlflowTracker | None:
    """Build the tracker where `mlflow.uri` is set and the package is installed."""
    return MlflowTracker(str(config.mlflow.uri), run_dir) if asking.mlflow(config) else None


def warm_up() -> Any:
    """Import MLflow and return it.

    Raises:
        MissingError: When it is not installed.
    """
    for name, value in MANNERS.items():
        os.environ.setdefault(name, value)
    return require(NAME, "mlflow.uri")


class MlflowTracker:
    """Log to an MLflow server or to a local folder; a run that goes on goes on in the same MLflow run."""

    def __init__(self, uri: str, run_dir: Path) -> None:
        """Open or continue the record.

        Args:
            uri: Address of a server, of a database, or a folder, relative to the configuration file.
            run_dir: Folder of the run.
        """
        self._mlflow = warm_up()
        self._run_dir = run_dir
        self._facts = run_facts(run_dir)
        self._client, self._artifacts = self._open(uri)
        self._run_id, self._known = self._continue_or_create(uri)

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Log parameters under our keys and ST's; MLflow keeps first values, so later ones become tags."""
        texts = {key: _text(value) for key, value in self._all_parameters(parameters).items()}
        entities = self._mlflow.entities
        new = [entities.Param(key, value) for key, value in texts.items() if key not in self._known]
        changed = [
            entities.RunTag(f"changed.{key}", value)
            for key, value in texts.items()
            if self._known.get(key, value) != value
        ]
        for part in _parts(new):
            self._client.log_batch(self._run_id, params=part)
        for part in _parts(changed):
            self._client.log_batch(self._run_id, tags=part)
        self._known = texts | self._known

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers at an epoch, or at 0 without one."""
        moment = int(time.time() * 1000)
        found = [
            self._mlflow.entities.Metric(_legal(name), value, moment, step or 0) for name, value in metrics.items()
        ]
        for part in _parts(found):
            self._client.log_batch(self._run_id, metrics=part)

    def log_file(self, path: Path) -> None:
        """Store a file at the place it has in the run."""
        folder = inside(self._run_dir, path).rpartition("/")[0]
        self._client.log_artifact(self._run_id, str(path), folder or None)

    def close(self) -> None:
        """Say how the run ended."""
        self._client.set_terminated(self._run_id, ENDS.get(end_status(self._run_dir), "FINISHED"))

    def _open(self, uri: str) -> tuple[Any, str | None]:
        """Return a client, and the place of files where MLflow is not to choose it.

        A folder is taken as such by the versions of MLflow that still write folders, and by all that find such
        records in it; newer ones get a database beside it, which `mlflow ui` finds in that place.
        """
        if "://" in uri or uri.startswith("databricks"):
            return self._mlflow.MlflowClient(tracking_uri=uri), None
        base = manifest_text(self._run_dir, "base_dir")
        folder = (Path(base or ".") / Path(uri).expanduser()).resolve()
        if any(folder.glob("*/meta.yaml")):
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._mlflow.MlflowClient(tracking_uri=folder.as_uri()), None
        except self._mlflow.exceptions.MlflowException:
            database = f"sqlite:///{(folder.parent / DATABASE).as_posix()}"
            return self._mlflow.MlflowClient(tracking_uri=database), folder.as_uri()

    def _continue_or_create(self, uri: str) -> tuple[str, dict[str, str]]:
        """Return the number of the MLflow run and the parameters it holds."""
        state, place = TrackerState(self._run_dir, NAME), without_secrets(uri)
        known = state.get("run_id")
        if known is not None and state.get("uri") == place:
            run = self._client.get_run(known)
            self._client.update_run(known, status="RUNNING")
            return known, dict(run.data.params)
        tags = {"mlflow.source.name": "zoo", "mlflow.source.type": "LOCAL"}
        run = self._client.create_run(self._experiment(), run_name=self._facts["name"], tags=tags)
        state.update(run_id=run.info.run_id, uri=place, sent=0)
        return run.info.run_id, {}

    def _experiment(self) -> str:
        name = self._facts["project"]
        found = self._client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self._client.create_experiment(name, self._artifacts))

    def _all_parameters(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        known = {name: parameters[key] for key, name in ST_PARAMETERS.items() if key in parameters}
        if file := manifest_text(self._run_dir, "config_file"):
            known |= {"config_path": str(Path(file).parent), "config_name": Path(file).stem}
        return {**parameters, **known}


def _text(value: Any) -> str:
    return str(value)[:LONGEST_PARAMETER]


def _legal(name: str) -> str:
    """Return a name of the characters that MLflow takes."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def _parts(found: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (found[start : start + BATCH] for start in range(0, len(found), BATCH))
