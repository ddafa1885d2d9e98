"""The drawn learning rate is the one that a training sets."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import pytest
from tiny_task import make_job, training_section

from zoo_core.errors import UserError
from zoo_core.training.rate_curve import rate_curve
from zoo_core.training.trainer import LightningTrainer

SCHEDULES: dict[str, dict[str, Any]] = {
    "cosine with noise": {"lr_scheduler": {"lr": 0.1, "warmup_epochs": 1, "lr_noise": 0.2, "lr_noise_std": 0.2}},
    "by updates": {"lr_scheduler": {"lr": 0.1, "warmup_epochs": 1, "sched_on_updates": True}},
    "two cycles": {"lr_scheduler": {"lr": 0.1, "warmup_epochs": 0, "lr_cycle_limit": 2}},
    "base rate": {"lr_scheduler": {"sched": "constant", "lr_base": 0.2, "warmup_epochs": 2}},
    "formula": {"callbacks": {"LearningRateScheduler": {"schedule": "lambda epoch, lr: 0.1 / (epoch + 1)"}}},
    "late start": {"lr_scheduler": {"lr": 0.1, "start_epoch": 2, "warmup_epochs": 0}},
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_curve_is_what_the_training_writes_down(tmp_path: Path, name: str) -> None:
    training = {"epochs": 3, **SCHEDULES[name]}
    LightningTrainer("cpu").fit(make_job(tmp_path, training=training, seed=5))
    with (tmp_path / "work" / "summary.csv").open() as stream:
        rows = [(int(row["epoch"]), float(row["lr"])) for row in csv.DictReader(stream)]
    curve = rate_curve(training_section(**training), 5)
    assert [epoch for epoch, _ in curve.of_epochs()] == [epoch for epoch, _ in rows]
    if name != "by updates":  # where the table holds the last rate of an epoch
        assert [rate for _, rate in curve.of_epochs()] == pytest.approx([rate for _, rate in rows], rel=1e-6)
    assert curve.length == rows[-1][0]


def test_a_schedule_by_updates_is_drawn_between_epochs() -> None:
    section = training_section(epochs=4, lr_scheduler={"lr": 0.1, "warmup_epochs": 0, "sched_on_updates": True})
    curve = rate_curve(section, 0)
    assert len(curve.rates) > 4
    expected = [0.05 * (1 + math.cos(math.pi * epoch / 4)) for epoch in curve.epochs]
    assert list(curve.rates) == pytest.approx(expected)


@pytest.mark.parametrize(
    "training", [{"lr_scheduler": {"sched": "plateau"}}, {"callbacks": {"ReduceLROnPlateau": {"patience": 1}}}]
)
def test_what_depends_on_a_metric_cannot_be_drawn(training: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"cannot be drawn before the training.\n.*summary.csv"):
        rate_curve(training_section(**training), 0)
