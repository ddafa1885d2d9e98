"""Own what identifies a stage of a run and what receives its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


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
    """Receive the events of a run."""

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Take the resolved configuration."""
        ...

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Take named numbers, at an epoch when `step` is given."""
        ...

    def log_file(self, path: Path) -> None:
        """Take a file the run wrote."""
        ...

    def close(self) -> None:
        """Send what is left."""
        ...
