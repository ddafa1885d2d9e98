from __future__ import annotations

import json
from pathlib import Path

import pytest

from zoo_core.results import MetricValue, SkippedFile
from zoo_core.training.monitor import find_metric
from zoo_core.training.record import TrainingRecord

NAN = float("nan")


def metrics(value: float) -> tuple[MetricValue, ...]:
    return (MetricValue(name="top1", value=value),)


@pytest.mark.parametrize(
    ("values", "higher", "best"),
    [
        ([1.0, 3.0, 2.0], True, 2),
        ([1.0, 3.0, 0.5], False, 3),
        ([2.0, 2.0], True, 1),
        ([NAN, 1.0, NAN], True, 2),
        ([NAN, NAN], True, 1),
    ],
)
def test_best_epoch(values: list[float], higher: bool, best: int) -> None:
    record = TrainingRecord()
    for epoch, value in enumerate(values, start=1):
        record.take_best(epoch, value, metrics(value), higher=higher)
    assert record.best_epoch == best
    assert record.best_metrics == metrics(values[best - 1]) or values[best - 1] != values[best - 1]


def test_record_survives_a_checkpoint_and_json() -> None:
    record = TrainingRecord(rows=[{"epoch": 1, "lr": 0.1}], stopped_early=True)
    record.take_best(1, 50.0, metrics(50.0), higher=True)
    record.add_skipped([SkippedFile("a.png", "empty"), SkippedFile("a.png", "again")])
    again = TrainingRecord.from_state(json.loads(json.dumps(record.to_state())))
    assert again == record
    assert list(again.skipped.values()) == [SkippedFile("a.png", "empty")]


def test_columns_that_come_late_and_values_that_are_no_numbers(tmp_path: Path) -> None:
    record = TrainingRecord(rows=[{"epoch": 1, "lr": 0.1}, {"epoch": 2, "lr": 0.05, "val_top1": NAN}])
    summary, events = record.write(tmp_path)
    assert summary.read_text() == "epoch,lr,val_top1\n1,0.1,\n2,0.05,nan\n"
    assert json.loads(events.read_text().splitlines()[1])["metrics"] == {"lr": 0.05, "val_top1": None}


@pytest.mark.parametrize("asked", ["top1", "val_accuracy", "accuracy", "acc", "Val_Top1", "top_1"])
def test_metric_is_found_by_the_names_users_know(asked: str) -> None:
    measured = {"top1": MetricValue(name="top1", value=0), "loss": MetricValue(name="loss", value=0)}
    assert find_metric(asked, measured, "key").name == "top1"
    assert find_metric("val_loss", measured, "key").name == "loss"
