"""Own the TensorBoard events of a training, with the tags that users of ST's services know."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from zoo_core.errors import MissingError
from zoo_core.training.record import Row

TRAIN, EVALUATION = "train_", "val_"


class Board:
    """Write `train/...`, `eval/...` and `lr/0` after every epoch, counted from 1."""

    def __init__(self, folder: Path, *, done: int = 0) -> None:
        """Open the events of a folder; those after `done` epochs, left by an interruption, no longer count.

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
        self._writer: Any = SummaryWriter(str(folder), purge_step=done + 1 if done else None)

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
