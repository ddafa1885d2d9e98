"""Own what a training remembers over its epochs: the table, the best epoch, files left out; kept in checkpoints."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from zoo_core.results import MetricValue, SkippedFile
from zoo_core.runs.files import write_text
from zoo_core.training.monitor import improves

SUMMARY = "summary.csv"
EVENTS = "metrics.jsonl"

Row = dict[str, float]


@dataclass(slots=True)
class TrainingRecord:
    """Hold one row per finished epoch and the best of them; epochs are counted from 1 here."""

    rows: list[Row] = field(default_factory=list)
    best_epoch: int = 0
    best_value: float | None = None
    best_metrics: tuple[MetricValue, ...] = ()
    stopped_early: bool = False
    skipped: dict[str, SkippedFile] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """Return the number of the last finished epoch."""
        return int(self.rows[-1]["epoch"]) if self.rows else 0

    def take_best(self, epoch: int, value: float, metrics: tuple[MetricValue, ...], *, higher: bool) -> bool:
        """Take what was measured in an epoch and tell whether it is the best so far; the first one always is."""
        reference = None if self.best_value is None or math.isnan(self.best_value) else self.best_value
        if self.best_epoch and not improves(value, reference, higher=higher):
            return False
        self.best_epoch, self.best_value, self.best_metrics = epoch, value, metrics
        return True

    def forget_best(self) -> None:
        """Start the search for the best weights anew."""
        self.best_epoch, self.best_value, self.best_metrics = 0, None, ()

    def add_skipped(self, skipped: Iterable[SkippedFile]) -> None:
        """Add files that could not be read, each once."""
        for skip in skipped:
            self.skipped.setdefault(skip.path, skip)

    def to_state(self) -> dict[str, Any]:
        """Return plain data for a checkpoint."""
        return {
            "rows": [dict(row) for row in self.rows],
            "best_epoch": self.best_epoch,
            "best_value": self.best_value,
            "best_metrics": [asdict(metric) for metric in self.best_metrics],
            "stopped_early": self.stopped_early,
            "skipped": [[skip.path, skip.reason] for skip in self.skipped.values()],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> TrainingRecord:
        """Rebuild from a checkpoint."""
        record = cls(
            rows=[dict(row) for row in state["rows"]],
            best_epoch=state["best_epoch"],
            best_value=state["best_value"],
            best_metrics=tuple(MetricValue(**metric) for metric in state["best_metrics"]),
            stopped_early=state["stopped_early"],
        )
        record.add_skipped(SkippedFile(path, reason) for path, reason in state["skipped"])
        return record

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write the table as `summary.csv` and as events in `metrics.jsonl`.

        Raises:
            RunStoreError: When the folder cannot be written.
        """
        events = folder / EVENTS
        summary = self.write_table(folder)
        write_text(events, "".join(f"{_event(row)}\n" for row in self.rows), durable=False)
        return summary, events

    def write_table(self, folder: Path) -> Path:
        """Write the table as `summary.csv`.

        Raises:
            RunStoreError: When the folder cannot be written.
        """
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _plain(value) for name, value in row.items()} for row in self.rows)
        write_text(folder / SUMMARY, text.getvalue(), durable=False)
        return folder / SUMMARY


def _plain(value: float) -> str:
    return f"{value:.8g}"


def _event(row: Row) -> str:
    metrics = {name: value if math.isfinite(value) else None for name, value in row.items() if name != "epoch"}
    return json.dumps({"event": "epoch", "epoch": int(row["epoch"]), "metrics": metrics})
