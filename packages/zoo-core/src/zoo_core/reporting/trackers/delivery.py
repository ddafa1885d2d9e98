"""Own what a tracker is told of an event: parameters, numbers, files worth keeping; nothing of the rest."""

from __future__ import annotations

from pathlib import Path

from zoo_core.protocols import TakesHistograms, Tracker
from zoo_core.runs.events import FILES, HISTOGRAMS, METRICS, PARAMETERS, Event
from zoo_core.runs.file_kinds import CODE, FIGURE, OTHER, STATE

NOT_SENT = frozenset({STATE, CODE, OTHER})
"""Kinds of files that stay in the run folder."""
MOST_FIGURES = 32
"""Figures of one stage that are sent; a prediction may draw thousands."""


def deliver(event: Event, tracker: Tracker, run_dir: Path) -> None:
    """Give one event to a tracker."""
    if event["event"] == PARAMETERS:
        tracker.log_parameters(event["parameters"])
    elif event["event"] == METRICS:
        numbers = {name: value for name, value in event["metrics"].items() if value is not None}
        tracker.log_metrics(numbers, event.get("step"))
    elif event["event"] == FILES:
        for path in files_to_send(event, run_dir):
            tracker.log_file(path)
    elif event["event"] == HISTOGRAMS and isinstance(tracker, TakesHistograms):
        tracker.log_histograms(event["histograms"], event["step"])


def files_to_send(event: Event, run_dir: Path) -> list[Path]:
    """Return the files of an event that trackers get and that are still there."""
    wanted = [file for file in event["files"] if file["kind"] not in NOT_SENT]
    figures = [file for file in wanted if file["kind"] == FIGURE]
    left_out = {file["path"] for file in figures[MOST_FIGURES:]}
    paths = [run_dir / file["path"] for file in wanted if file["path"] not in left_out]
    return [path for path in paths if path.is_file()]


def bytes_to_send(event: Event, run_dir: Path) -> int:
    """Return how much data an event makes a tracker send."""
    return sum(path.stat().st_size for path in files_to_send(event, run_dir)) if event["event"] == FILES else 0
