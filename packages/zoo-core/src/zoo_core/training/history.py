"""Own the checkpoints of past epochs: the complete state of the best ones, beside the last checkpoint.

As in timm, the best epochs are kept and not the newest; the newest is the last checkpoint itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from zoo_core.errors import RunStoreError
from zoo_core.runs.files import share_file
from zoo_core.training.record import Row

NAME = "checkpoint-{epoch}"
"""Name of a kept checkpoint, without its suffixes."""
_EPOCH = "{epoch}"


def history_path(last: Path, epoch: int, name: str = NAME) -> Path:
    """Return where the state after an epoch, counted from 1, is kept: `checkpoint-3.pth.tar` beside `last.pth.tar`."""
    return last.with_name(f"{name.replace(_EPOCH, str(epoch))}{''.join(last.suffixes)}")


def find_history(last: Path, name: str = NAME) -> dict[int, Path]:
    """Return the kept checkpoints that lie beside the last one, by epoch."""
    before, _, after = f"{name}{''.join(last.suffixes)}".partition(_EPOCH)
    pattern = re.compile(rf"{re.escape(before)}(\d+){re.escape(after)}")
    found = ((pattern.fullmatch(path.name), path) for path in last.parent.glob(f"{before}*"))
    return {int(match[1]): path for match, path in sorted(found, key=lambda item: item[1].name) if match is not None}


def best_epochs(rows: Sequence[Row], column: str, count: int, *, higher: bool) -> frozenset[int]:
    """Return the epochs with the best values of a column; of equal ones the earlier, and NaN last."""

    def rank(row: Row) -> tuple[bool, float, float]:
        value = row.get(column, math.nan)
        return math.isnan(value), (-value if higher else value) if not math.isnan(value) else 0.0, row["epoch"]

    return frozenset(int(row["epoch"]) for row in sorted(rows, key=rank)[:count])


def keep_history(last: Path, rows: Sequence[Row], column: str, count: int, *, higher: bool, name: str = NAME) -> None:
    """Keep the last checkpoint under the name of its epoch when that is among the best, and drop those that are not.

    Raises:
        RunStoreError: When the disk is full or the folder cannot be written.
    """
    kept = best_epochs(rows, column, count, higher=higher)
    now = int(rows[-1]["epoch"])
    if now in kept:
        share_file(last, history_path(last, now, name))
    drop_history(last, [epoch for epoch in find_history(last, name) if epoch not in kept], name)


def drop_history(last: Path, epochs: Sequence[int], name: str = NAME) -> None:
    """Delete the kept checkpoints of some epochs.

    Raises:
        RunStoreError: When the folder cannot be written.
    """
    for epoch in epochs:
        path = history_path(last, epoch, name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            msg = f"{path} cannot be deleted: {error.strerror}"
            raise RunStoreError(msg) from error
