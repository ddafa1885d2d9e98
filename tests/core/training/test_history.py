"""The states of the best epochs are kept beside the last one, and a training can go on from each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_task import PlainTask, TinyEvaluator, TinyNet, make_job

from zoo_core.results import MetricValue
from zoo_core.training.checkpoint import load_into, read_weights
from zoo_core.training.history import best_epochs, find_history, history_path, keep_history
from zoo_core.training.trainer import LightningTrainer

NAN = float("nan")
CONSTANT = {"lr_scheduler": {"lr": 0.1, "sched": "none"}}


class Scored(PlainTask):
    """A task whose metric follows a list."""

    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.scores = scores

    def evaluator(self) -> Any:
        scores = self.scores

        class Scripted(TinyEvaluator):
            def compute(self) -> tuple[MetricValue, ...]:
                return (MetricValue(name="top1", value=scores.pop(0)),)

        return Scripted()


def fit(folder: Path, **changes: Any) -> Any:
    return LightningTrainer("cpu").fit(make_job(folder, **changes))


def kept(folder: Path) -> list[int]:
    return sorted(find_history(folder / "saved" / "last_model.pt"))


@pytest.mark.parametrize(
    ("values", "count", "higher", "expected"),
    [
        ([1.0, 3.0, 2.0], 2, True, {2, 3}),
        ([1.0, 3.0, 2.0], 2, False, {1, 3}),
        ([2.0, 2.0, 2.0], 2, True, {1, 2}),
        ([NAN, 1.0, NAN], 2, True, {1, 2}),
        ([1.0, 2.0], 0, True, set()),
        ([1.0, 2.0], 9, True, {1, 2}),
    ],
)
def test_the_best_epochs(values: list[float], count: int, higher: bool, expected: set[int]) -> None:
    rows = [{"epoch": float(number), "val_x": value} for number, value in enumerate(values, start=1)]
    assert best_epochs(rows, "val_x", count, higher=higher) == expected


def test_names_follow_those_of_the_last_checkpoint(tmp_path: Path) -> None:
    assert history_path(tmp_path / "last.pth.tar", 3).name == "checkpoint-3.pth.tar"
    assert history_path(tmp_path / "last_model.pt", 12).name == "checkpoint-12.pt"
    assert history_path(tmp_path / "checkpoint-4.pth.tar", 2).name == "checkpoint-2.pth.tar"


def test_a_copy_costs_no_room_and_does_not_change_with_the_original(tmp_path: Path) -> None:
    last = tmp_path / "last.pt"
    last.write_text("one")
    keep_history(last, [{"epoch": 1.0, "val_x": 1.0}], "val_x", 3, higher=True)
    assert (tmp_path / "checkpoint-1.pt").stat().st_ino == last.stat().st_ino
    other = tmp_path / "other"
    other.write_text("two")
    other.replace(last)  # as checkpoints are written
    assert (tmp_path / "checkpoint-1.pt").read_text() == "one"


def test_disks_without_hard_links_get_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError

    monkeypatch.setattr("os.link", refuse)
    last = tmp_path / "last.pt"
    last.write_text("one")
    keep_history(last, [{"epoch": 1.0, "val_x": 1.0}], "val_x", 3, higher=True)
    assert (tmp_path / "checkpoint-1.pt").read_text() == "one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-1.pt", "last.pt"]


def test_as_many_as_asked_for_are_kept_and_hold_their_epoch(tmp_path: Path) -> None:
    training = {**CONSTANT, "epochs": 5, "checkpoint_hist": 2}
    fit(tmp_path, training=training, task=Scored([50.0, 70.0, 60.0, 65.0, 10.0]))
    assert kept(tmp_path) == [2, 4]
    for epoch in (2, 4):
        content = torch.load(tmp_path / "saved" / f"checkpoint-{epoch}.pt", weights_only=True)
        assert content["zoo_training"]["epoch"] == epoch
        assert len(content["zoo_training"]["record"]["rows"]) == epoch


def test_none_are_kept_when_none_are_asked_for(tmp_path: Path) -> None:
    fit(tmp_path, training={**CONSTANT, "checkpoint_hist": 0})
    assert kept(tmp_path) == []


def test_the_direction_is_that_of_the_deciding_metric(tmp_path: Path) -> None:
    decides = {"ModelCheckpoint": {"monitor": "top1", "mode": "min"}}
    training = {**CONSTANT, "checkpoint_hist": 1, "callbacks": decides}
    outcome = fit(tmp_path, training=training, task=Scored([50.0, 20.0, 60.0, 65.0]))
    assert outcome.best_epoch == 2
    assert kept(tmp_path) == [2]


def test_going_on_from_an_earlier_epoch_brings_its_best_weights_along(tmp_path: Path) -> None:
    """The best weights of that time are no longer beside it; the kept checkpoint of their epoch holds them."""
    scores = [50.0, 70.0, 60.0, 80.0]
    fit(tmp_path / "first", training=CONSTANT, task=Scored(scores))
    third = tmp_path / "first" / "saved" / "checkpoint-3.pt"
    outcome = fit(tmp_path / "second", training=CONSTANT, task=Scored([10.0]), resume_from=third)
    assert (outcome.epochs, outcome.best_epoch) == (4, 2)
    best = read_weights(tmp_path / "second" / "saved" / "best_model.pt")
    second = read_weights(tmp_path / "first" / "saved" / "checkpoint-2.pt").state_dict
    assert all(torch.equal(best.state_dict[name], second[name]) for name in second)
    assert best.metadata["training"]["epoch"] == 2
    assert best.metadata["use_case"] == "tiny"
    load_into(TinyNet(), best.state_dict, "best")


def test_averaged_weights_come_along_too(tmp_path: Path) -> None:
    training = {**CONSTANT, "model_ema": True, "model_ema_decay": 0.5}
    fit(tmp_path / "first", training=training, task=Scored([50.0, 70.0, 60.0, 80.0]))
    third = tmp_path / "first" / "saved" / "checkpoint-3.pt"
    average = torch.load(tmp_path / "first" / "saved" / "checkpoint-2.pt", weights_only=True)["zoo_training"]["average"]
    fit(tmp_path / "second", training=training, task=Scored([10.0]), resume_from=third)
    best = read_weights(tmp_path / "second" / "saved" / "best_model.pt").state_dict
    assert all(torch.equal(best[name], average[name]) for name in average)
