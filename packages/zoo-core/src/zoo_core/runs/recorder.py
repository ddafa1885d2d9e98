"""Own the telling of a run: each thing that happens becomes one event on disk and is handed to a listener."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from zoo_core.protocols import Histogram, Stage
from zoo_core.runs.events import (
    FILES,
    HISTOGRAMS,
    METRICS,
    PARAMETERS,
    RUN,
    RUN_END,
    SCHEMA_VERSION,
    STAGE_BEGIN,
    STAGE_END,
    Event,
    EventLog,
    current,
    finite,
)
from zoo_core.runs.file_kinds import kind_of
from zoo_core.runs.layout import RESOLVED_CONFIG
from zoo_core.runs.store import now

Listener = Callable[[], None]


class RunRecorder:
    """Write the events of one process; what an earlier process of the same run wrote is not repeated."""

    def __init__(self, run_dir: Path, listener: Listener = lambda: None) -> None:
        """Open the event file of a run.

        Args:
            run_dir: Folder of the run.
            listener: Called after each new event.

        Raises:
            RunStoreError: When the file cannot be written.
        """
        self._root = run_dir
        self._log = EventLog(run_dir)
        self._epochs: dict[str, dict[int, dict[str, float | None]]] = {}
        for _, event in current(self.events):
            if event["event"] == METRICS and "step" in event:
                self._epochs.setdefault(event["stage"], {})[event["step"]] = event["metrics"]
        self.listener = listener

    @property
    def events(self) -> list[Event]:
        """Return all events so far, those of earlier processes first."""
        return self._log.events

    def begin(self, facts: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        """Record what the run is and with which parameters it goes on; equal ones are not written again."""
        if not self.events:
            self._add(RUN, schema_version=SCHEMA_VERSION, **facts)
        told = self._latest(PARAMETERS)
        if told is None or told["parameters"] != parameters:
            self._add(PARAMETERS, parameters=dict(parameters))
            self._add_files([RESOLVED_CONFIG])

    def begin_stage(self, stage: Stage) -> None:
        """Record that a stage starts."""
        self._add(STAGE_BEGIN, stage=stage.id)

    def epoch(self, stage: Stage, epoch: int, metrics: Mapping[str, float]) -> None:
        """Record the numbers of an epoch, counted from 1; one that stands there with equal numbers is not repeated."""
        numbers = finite(metrics)
        known = self._epochs.setdefault(stage.id, {})
        if known.get(epoch) != numbers:
            self._epochs[stage.id] = {number: held for number, held in known.items() if number < epoch}
            self._epochs[stage.id][epoch] = numbers
            self._add(METRICS, stage=stage.id, step=epoch, metrics=numbers)

    def histograms(self, stage: Stage, epoch: int, histograms: Mapping[str, Histogram]) -> None:
        """Record how weights were spread after an epoch, counted from 1."""
        self._add(HISTOGRAMS, stage=stage.id, step=epoch, histograms=dict(histograms))

    def end_stage(
        self, stage: Stage, *, metrics: Mapping[str, float], files: Iterable[str], model: str | None, seconds: float
    ) -> None:
        """Record what a stage measured and wrote.

        Args:
            stage: The stage.
            metrics: Final numbers.
            files: Paths of files, relative to the run folder.
            model: Path of the model that the stage made.
            seconds: Time it took.
        """
        if metrics:
            self._add(METRICS, stage=stage.id, metrics=finite(metrics))
        self._add_files(dict.fromkeys([*([model] if model else []), *files]), model, stage=stage.id)
        self._add(STAGE_END, stage=stage.id, status="done", seconds=round(seconds, 3))

    def fail_stage(self, stage: Stage, status: str) -> None:
        """Record that a stage failed or was interrupted."""
        self._add(STAGE_END, stage=stage.id, status=status)

    def is_recorded(self, stage: Stage) -> bool:
        """Tell whether the last thing recorded of a stage is that it is done."""
        ends = [event for event in self.events if event.get("stage") == stage.id]
        return bool(ends) and ends[-1]["event"] == STAGE_END and ends[-1]["status"] == "done"

    def files(self, paths: Iterable[str]) -> None:
        """Record the files that belong to the run as a whole, relative to its folder; they replace earlier ones."""
        self._add_files(paths)

    def end(self, status: str) -> None:
        """Record how the run ended."""
        self._add(RUN_END, status=status)

    def _latest(self, kind: str) -> Event | None:
        return next((event for event in reversed(self.events) if event["event"] == kind), None)

    def _add_files(self, paths: Iterable[str], model: str | None = None, **facts: Any) -> None:
        described = [file for path in paths if (file := self._file(path, model)) is not None]
        if described:
            self._add(FILES, **facts, files=described)

    def _file(self, path: str, model: str | None) -> dict[str, Any] | None:
        place = self._root / path
        if not place.is_file():
            return None
        kind = "model" if path == model else kind_of(place)
        return {"path": path, "kind": kind, "bytes": place.stat().st_size}

    def _add(self, event: str, **facts: Any) -> None:
        self._log.append(event, time=now(), **facts)
        self.listener()
