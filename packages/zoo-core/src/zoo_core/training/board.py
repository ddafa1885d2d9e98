"""Own what takes the epochs of a training: the trackers of a run, or TensorBoard events with ST's tags without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from zoo_core.errors import MissingError
from zoo_core.training.record import Row

TRAIN, EVALUATION = "train_", "val_"


class EpochBoard(Protocol):
    """Take the numbers of every epoch."""

    def write(self, row: Row) -> None:
        """Take the numbers of one epoch."""
        ...


class Reporter:
    """Hand every epoch to the run, which tells its trackers."""

    def __init__(self, report: Callable[[int, Mapping[str, float]], None]) -> None:
        self._report = report

    def write(self, row: Row) -> None:
        """Hand over the numbers of one epoch, counted from 1."""
        self._report(int(row["epoch"]), {name: value for name, value in row.items() if name != "epoch"})


class Board:
    """Write `train/...`, `eval/...` and `lr/0` after every epoch, counted from 1."""

    def __init__(self, folder: Path, *, done: int = 0) -> None:
        """Open the events of a folder; those after `done` epochs, left by an interruption, no longer count.

        Raises:
            MissingError: When the package tensorboard is not installed.
        """
        writer = self.require()
        self._writer = writer(str(folder), purge_step=done + 1 if done else None)

    @staticmethod
    def require() -> Any:
        """Return what writes event files.

        Raises:
            MissingError: When the package tensorboard is not installed.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            msg = "training.log_tb writes TensorBoard events and needs the package tensorboard, which is not installed."
            raise MissingError(
                msg, hint="Install: pip install tensorboard   or set training.log_tb to False"
            ) from error
        return SummaryWriter

    def write(self, row: Row) -> None:
        """Write the numbers of one epoch."""
        epoch = int(row["epoch"])
        for name, value in row.items():
            if (tag := tag_of(name)) is not None:
                self._writer.add_scalar(tag, value, epoch)
        self._writer.flush()

    def close(self) -> None:
        """End the file."""
        with suppress(OSError):  # the events are on the disk already, or it is full and said so
            self._writer.close()


def tag_of(column: str) -> str | None:
    """Return the tag of a column of `summary.csv`, nothing for those that are no measurement."""
    if column == "lr":
        return "lr/0"
    for prefix, group in ((TRAIN, "train"), (EVALUATION, "eval")):
        if column.startswith(prefix):
            return f"{group}/{column.removeprefix(prefix)}"
    return None
