"""TensorBoard events are written with ST's tags, or the missing package is named before the training starts."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest
from tiny_task import make_job

from zoo_core.errors import MissingError
from zoo_core.training.board import tag_of
from zoo_core.training.trainer import LightningTrainer


class FakeWriter:
    """Stands in for `torch.utils.tensorboard.SummaryWriter`."""

    made: list[FakeWriter]

    def __init__(self, folder: str, purge_step: int | None = None) -> None:
        self.folder, self.purge_step, self.closed = folder, purge_step, False
        self.scalars: list[tuple[str, float, int]] = []
        type(self).made.append(self)

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        self.scalars.append((tag, value, step))

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> list[FakeWriter]:
    FakeWriter.made = []
    module: Any = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = FakeWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    return FakeWriter.made


def fit(folder: Path, **changes: Any) -> Any:
    training = {"log_tb": True, **changes.pop("training", {})}
    return LightningTrainer("cpu").fit(make_job(folder, training=training, **changes))


def test_tags_are_those_of_st() -> None:
    columns = ["epoch", "lr", "train_loss", "train_top1", "val_loss", "val_top1", "seconds"]
    tags = [tag_of(column) for column in columns]
    assert tags == [None, "lr/0", "train/loss", "train/top1", "eval/loss", "eval/top1", None]


def test_every_epoch_is_written(tmp_path: Path, writers: list[FakeWriter]) -> None:
    fit(tmp_path, log_dir=tmp_path / "logs", training={"epochs": 3})
    (writer,) = writers
    assert (writer.folder, writer.purge_step, writer.closed) == (str(tmp_path / "logs"), None, True)
    assert {step for _, _, step in writer.scalars} == {1, 2, 3}
    assert {tag for tag, _, _ in writer.scalars} >= {"train/loss", "eval/loss", "eval/top1", "lr/0"}


def test_a_resumed_training_goes_on_in_the_same_curves(tmp_path: Path, writers: list[FakeWriter]) -> None:
    fit(tmp_path, training={"epochs": 2})
    fit(tmp_path, training={"epochs": 4}, resume=True)
    assert writers[1].purge_step == 3
    assert {step for _, _, step in writers[1].scalars} == {3, 4}


def test_nothing_is_opened_without_being_asked_for(tmp_path: Path, writers: list[FakeWriter]) -> None:
    fit(tmp_path, training={"log_tb": False, "epochs": 1})
    assert writers == []


def test_missing_package_is_named_before_the_first_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingError, match=r"needs the package tensorboard.*\n.*pip install tensorboard"):
        fit(tmp_path)
    assert not (tmp_path / "saved").exists()


def test_the_package_reads_back_what_was_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fit(tmp_path, log_dir=tmp_path / "logs", training={"epochs": 2})
    events = EventAccumulator(str(tmp_path / "logs"))
    events.Reload()
    assert [event.step for event in events.Scalars("eval/top1")] == [1, 2]
