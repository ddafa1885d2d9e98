"""Own the tracker `tensorboard`: the epochs of a training as event files, with the tags that ST's users know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo_core.config.sections import RunConfig
from zoo_core.runs.events import RUN, read_events
from zoo_core.training.board import Board


def build(config: RunConfig, run_dir: Path) -> TensorBoardTracker | None:
    """Build the tracker where `training.log_tb` asks for it.

    Raises:
        MissingError: When the package tensorboard is not installed.
    """
    if config.training is None or not config.training.log_tb:
        return None
    run = next((event for event in read_events(run_dir) if event["event"] == RUN), {})
    return TensorBoardTracker(run_dir / run.get("tensorboard", config.general.logs_dir))


class TensorBoardTracker:
    """Write `train/...`, `eval/...` and `lr/0` after every epoch; nothing else belongs into these files."""

    def __init__(self, folder: Path) -> None:
        Board.require()
        self._folder = folder
        self._board: Board | None = None
        self._last = 0

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Leave the configuration to the files of the run."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write the numbers of an epoch; those of stages without epochs make no curve."""
        if step is None:
            return
        if self._board is None or step <= self._last:  # epochs that are trained again void the old ones
            self.close()
            self._board = Board(self._folder, done=step - 1)
        self._board.write({"epoch": step, **metrics})
        self._last = step

    def log_file(self, path: Path) -> None:
        """Leave files where they are."""

    def close(self) -> None:
        """End the event file."""
        if self._board is not None:
            self._board.close()
