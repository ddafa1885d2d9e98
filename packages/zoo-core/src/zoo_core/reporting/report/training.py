"""Own the training curves of a report, read from the table with one line per epoch."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from zoo_core.charts import Chart, Series
from zoo_core.results import TrainingResult
from zoo_core.runs.store import RunRecord, StageRecord

TABLE = "summary.csv"
LOSS, RATE = "loss", "lr"
TRAIN, VALIDATION = "train_", "val_"
MOST_POINTS = 400
"""Points of a curve; of longer trainings every n-th epoch is drawn."""
MOST_METRICS = 3
"""Charts of metrics beside loss and learning rate."""


def training_charts(record: RunRecord) -> tuple[Chart, ...]:
    """Return the curves of loss, metrics and learning rate of every training, the deciding metric first."""
    stages = [stage for stage in record.results if isinstance(stage.result, TrainingResult)]
    known = {stage.stage.id: stage for stage in stages}
    unfinished = [entry.id for entry in record.manifest.stages if entry.service == "training" and entry.id not in known]
    charts = [chart for stage in stages for chart in _charts(record, stage.stage.id, stage)]
    charts += [chart for stage_id in unfinished for chart in _charts(record, stage_id, None)]
    return tuple(charts)


def _charts(record: RunRecord, stage_id: str, stage: StageRecord | None) -> list[Chart]:
    rows = _read(record.run_dir / "stages" / stage_id / TABLE)
    if not rows:
        return []
    result = stage.result if stage is not None and isinstance(stage.result, TrainingResult) else None
    best = None if result is None else float(result.best_epoch)
    names = _measured(rows, "" if result is None else result.monitor)
    charts = [_chart(rows, name, best) for name in (LOSS, *names[:MOST_METRICS])]
    rate = Chart(
        name=RATE, title="learning rate", x_label="epoch", y_label="", series=_series(rows, {RATE: ""}), x_mark=None
    )
    return [chart for chart in (*charts, rate) if chart.series]


def _chart(rows: Sequence[Mapping[str, str]], name: str, best: float | None) -> Chart:
    columns = {f"{TRAIN}{name}": "training", f"{VALIDATION}{name}": "validation"}
    return Chart(name=name, title=name, x_label="epoch", y_label="", series=_series(rows, columns), x_mark=best)


def _series(rows: Sequence[Mapping[str, str]], columns: Mapping[str, str]) -> tuple[Series, ...]:
    found = []
    for column, label in columns.items():
        points = [(float(row["epoch"]), float(row[column])) for row in rows if row.get(column)]
        points = points[:: max(1, -(-len(points) // MOST_POINTS))]
        if points:
            x, y = zip(*points, strict=True)
            found.append(Series(label=label, x=x, y=y, emphasis=True))
    return tuple(found)


def _measured(rows: Sequence[Mapping[str, str]], monitor: str) -> list[str]:
    names = [name.removeprefix(VALIDATION) for name in rows[0] if name.startswith(VALIDATION)]
    others = [name for name in names if name not in (LOSS, monitor)]
    return [name for name in (monitor, *others) if name in names and name != LOSS]


def _read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table; nothing of one that is absent or cut off in its first line."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = [row for row in csv.DictReader(stream) if _is_number(row.get("epoch"))]
    except OSError:
        return []
    return rows


def _is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return True
