"""Every epoch is handed to the run: its numbers, and histograms of the weights where they are asked for."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_task import make_job

from zoo_core.training.board import EpochBoard, histogram_of
from zoo_core.training.trainer import LightningTrainer


class Run:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.epochs: list[int] = []
        self.numbers: list[Any] = []
        self.histograms: list[tuple[int, Any]] = []
        self.lock: Any = None

    def report(self, epoch: int, numbers: Any) -> None:
        self.epochs.append(epoch)
        self.numbers.append(numbers)

    def report_histograms(self, epoch: int, histograms: Any) -> None:
        self.histograms.append((epoch, histograms))


def fit(folder: Path, run: Run, **changes: Any) -> Any:
    job = make_job(folder, report=run.report, report_histograms=run.report_histograms, **changes)
    LightningTrainer("cpu").fit(job)
    return job


def test_every_epoch_is_handed_over(tmp_path: Path) -> None:
    run = Run()
    fit(tmp_path, run, training={"epochs": 3})
    assert run.epochs == [1, 2, 3]
    assert all({"lr", "train_loss", "val_loss", "val_top1"} <= numbers.keys() for numbers in run.numbers)
    assert run.histograms == []


def test_a_resumed_training_tells_of_earlier_epochs_too(tmp_path: Path) -> None:
    fit(tmp_path, Run(), training={"epochs": 2})
    run = Run()
    fit(tmp_path, run, training={"epochs": 4}, resume=True)
    assert run.epochs == [1, 2, 3, 4]


def test_histograms_come_after_every_so_many_epochs(tmp_path: Path) -> None:
    run = Run()
    job = fit(tmp_path, run, training={"epochs": 5, "log_histograms": 2})
    assert [epoch for epoch, _ in run.histograms] == [2, 4]
    (_, last) = run.histograms[-1]
    sizes = {name: weights.numel() for name, weights in job.model.named_parameters()}
    assert {name: sum(found["counts"]) for name, found in last.items()} == sizes


def test_a_histogram_is_that_of_numpy() -> None:
    values = torch.randn(10, 7, 3, generator=torch.Generator().manual_seed(3))
    found = histogram_of(values)
    counts, edges = np.histogram(values.numpy(), 64)
    assert found["counts"] == counts.tolist()
    assert found["edges"] == pytest.approx(edges.tolist(), abs=1e-5)


def test_values_that_are_not_finite_are_left_out() -> None:
    values = torch.tensor([1.0, math.nan, math.inf, -math.inf, 3.0])
    found = histogram_of(values, bins=2)
    assert found == {"edges": [1.0, 2.0, 3.0], "counts": [1, 1]}
    assert histogram_of(torch.tensor([math.nan])) is None
    assert histogram_of(torch.zeros(0)) is None


def test_equal_values_stand_in_the_middle() -> None:
    found = histogram_of(torch.full((5,), 2.0), bins=4)
    assert found["edges"] == [1.5, 1.75, 2.0, 2.25, 2.5]
    assert sum(found["counts"]) == 5


def test_half_precision_and_the_gradient_do_not_matter() -> None:
    values = torch.nn.Parameter(torch.tensor([0.0, 1.0]).half())
    assert sum(histogram_of(values)["counts"]) == 2


def test_a_model_without_finite_weights_is_no_failure() -> None:
    run, model = Run(), torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.constant_(model.weight, math.nan)
    EpochBoard(run.report, run.report_histograms, every=1).write_weights(1, model)
    assert run.histograms == [(1, {})]


@pytest.mark.slow
def test_of_several_processes_only_the_first_tells_the_run(tmp_path: Path) -> None:
    run = Run()
    run.lock = threading.Lock()  # cannot go to another process
    fit(tmp_path, run, training={"epochs": 1, "devices": 2, "batch_size": 8, "log_histograms": 1})
    assert run.epochs == [1]
    assert [epoch for epoch, _ in run.histograms] == [1]
