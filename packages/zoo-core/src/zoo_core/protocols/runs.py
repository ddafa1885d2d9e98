"""Own what identifies a stage of a run and what receives its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypedDict, runtime_checkable


@dataclass(frozen=True, slots=True)
class Stage:
    """Identify a service at its place in a chain."""

    index: int
    service: str

    @property
    def id(self) -> str:
        """Return the folder name of the stage, such as `2_quantization`."""
        return f"{self.index}_{self.service}"


class Tracker(Protocol):
    """Receive the events of a run.

    All calls come from one thread, which is not the one that computes, and in the order of the events. The thread is
    in a process beside the run, which all trackers share whose spec does not call them light. An exception ends the
    telling: it is shown in one line, the run goes on, and `zoo runs publish` can send the events later. A tracker that
    also has `log_histograms` (see `TakesHistograms`) gets the histograms of the weights where a run makes them.
    """

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Take the resolved configuration: one value per dotted key such as `training.epochs`, without secrets.

        Values are texts, numbers, truth values, or lists of these. A run that goes on with other values calls again.
        """
        ...

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Take named numbers, all finite, at an epoch counted from 1 when `step` is given.

        An epoch that is trained again comes again; it and what was taken after it is then replaced.
        """
        ...

    def log_file(self, path: Path) -> None:
        """Take a file the run wrote: a model, a figure, a table, a text."""
        ...

    def close(self) -> None:
        """Send what is left."""
        ...


class Histogram(TypedDict):
    """Say how the finite values of a tensor are spread."""

    edges: list[float]
    """Borders of the bins, ascending, one more than there are bins."""
    counts: list[int]
    """Values in each bin."""


@runtime_checkable
class TakesHistograms(Protocol):
    """Receive histograms of the weights: an optional ability of trackers."""

    def log_histograms(self, histograms: Mapping[str, Histogram], step: int) -> None:
        """Take one histogram per weight tensor, by its name, after an epoch counted from 1."""
        ...
