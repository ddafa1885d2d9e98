"""Epochs without a validation leave weights, rates and patience alone; the last one always has a validation."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_task import PlainTask, TinyEvaluator, TinyNet, make_job

from zoo_core.results import MetricValue
from zoo_core.training.checkpoint import read_weights
from zoo_core.training.trainer import LightningTrainer

CONSTANT: dict[str, Any] = {"lr_scheduler": {"lr": 0.1, "sched": "none"}}


class Scored(PlainTask):
    """Give the next score of a list at every validation."""

    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.scores = scores

    def evaluator(self) -> Any:
        scores = self.scores

        class Scripted(TinyEvaluator):
            def compute(self) -> tuple[MetricValue, ...]:
                return (MetricValue(name="top1", value=scores.pop(0)),)

        return Scripted()


def fit(folder: Path, scores: list[float] | None = None, **training: Any) -> Any:
    task = PlainTask() if scores is None else Scored(scores)
    torch.manual_seed(0)
    return LightningTrainer("cpu").fit(make_job(folder, training=training, task=task, model=TinyNet()))


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "work" / "summary.csv").open() as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(("every", "validated"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (5, [5]), (9, [5])])
def test_rows_without_a_validation_have_no_validation_columns(tmp_path: Path, every: int, validated: list[int]) -> None:
    scores = [50.0] * len(validated)
    fit(tmp_path, scores, **CONSTANT, epochs=5, validation_epochs=every)
    table = rows(tmp_path)
    assert [int(row["epoch"]) for row in table] == [1, 2, 3, 4, 5]
    assert [int(row["epoch"]) for row in table if row["val_top1"]] == validated
    assert [int(row["epoch"]) for row in table if row["val_loss"]] == validated
    assert all(float(row["train_loss"]) > 0 for row in table)
    assert not scores  # nothing was measured beside


def test_the_best_weights_are_among_the_validated_ones(tmp_path: Path) -> None:
    outcome = fit(tmp_path, [60.0, 90.0, 10.0], **CONSTANT, epochs=5, validation_epochs=2)
    assert outcome.best_epoch == 4
    assert read_weights(tmp_path / "saved" / "best_model.pt").metadata["training"]["epoch"] == 4


def test_skipped_validations_change_no_weights(tmp_path: Path) -> None:
    states = []
    for every in (1, 3):
        folder = tmp_path / str(every)
        fit(folder, epochs=4, validation_epochs=every)
        states.append(torch.load(folder / "saved" / "last_model.pt")["state_dict"])
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert [row["lr"] for row in rows(tmp_path / "1")] == [row["lr"] for row in rows(tmp_path / "3")]


def test_patience_counts_validations(tmp_path: Path) -> None:
    """The best is at epoch 2; without progress at 4 and 6, a patience of 2 ends the training there."""
    callbacks = {"EarlyStopping": {"patience": 2}}
    scores = [50.0, 40.0, 30.0, 99.0]
    fit(tmp_path, scores, **CONSTANT, epochs=9, validation_epochs=2, callbacks=callbacks)
    assert len(rows(tmp_path)) == 6
    assert scores == [99.0]


def test_a_plateau_counts_validations(tmp_path: Path) -> None:
    callbacks = {"ReduceLROnPlateau": {"monitor": "val_accuracy", "patience": 1, "factor": 0.5}}
    scores = [50.0, 40.0, 60.0]
    fit(tmp_path, scores, epochs=6, validation_epochs=2, callbacks=callbacks, **CONSTANT)
    assert [float(row["lr"]) for row in rows(tmp_path)] == [0.1, 0.1, 0.1, 0.1, 0.05, 0.05]
