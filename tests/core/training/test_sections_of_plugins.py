"""What packages add by the sections of their trainers: shares of the rate, schedules, running averages that warm up."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
import torch
from timm.utils.model_ema import ModelEmaV3
from tiny_task import PlainTask, TinyNet, make_job
from torch import nn

from zoo_core.config.sections import LrSchedulerSection, OptimizerSection, TrainingSection
from zoo_core.lazy import LazyRef
from zoo_core.training.checkpoint import read_weights
from zoo_core.training.ema import WeightAverage
from zoo_core.training.schedule import set_rate
from zoo_core.training.trainer import LightningTrainer


class HalfHead(OptimizerSection):
    """Train the head at half the rate."""

    grouping: ClassVar[LazyRef[Any] | None] = LazyRef(f"{__name__}:half_head")


class Sawtooth(LrSchedulerSection):
    """Fall by a tenth at every update."""

    builder: ClassVar[LazyRef[Any] | None] = LazyRef(f"{__name__}:Falling")
    sched: Literal["sawtooth"] = "sawtooth"  # type: ignore[assignment]


class OwnTraining(TrainingSection):
    optimizer: HalfHead = HalfHead()
    lr_scheduler: Sawtooth = Sawtooth()


def half_head(model: nn.Module, training: TrainingSection) -> Any:
    assert isinstance(model, TinyNet)
    assert isinstance(training, OwnTraining)
    return lambda name: 0.5 if name.startswith("head.") else 1.0


class Falling:
    """A schedule that the tests own."""

    made: ClassVar[list[tuple[float, int]]] = []

    def __init__(self, optimizer: Any, training: TrainingSection, rate: float, updates_per_epoch: int) -> None:
        self.optimizer, self.epochs, self.rate = optimizer, training.epochs, rate
        self.made.append((rate, updates_per_epoch))
        self.after_update(0)

    def begin_epoch(self, epoch: int) -> None:
        pass

    def after_update(self, updates: int) -> None:
        set_rate(self.optimizer, self.rate * 0.9**updates)

    def end_epoch(self, epoch: int, measured: Any) -> None:
        pass

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Any) -> None:
        pass


def own_training(**changes: Any) -> OwnTraining:
    values = {
        "epochs": 1,
        "batch_size": 30,
        "optimizer": {"opt": "momentum", "momentum": 0.0, "weight_decay": 0.0},
        "lr_scheduler": {"lr": 0.2},
    }
    return OwnTraining.model_validate(values | changes)


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the references above find this module, which is imported under a name of pytest's."""
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or sys.modules[half_head.__module__])
    Falling.made.clear()


def update_of(folder: Path, training: TrainingSection) -> dict[str, torch.Tensor]:
    """Return by how much one update moved each parameter."""
    torch.manual_seed(0)
    model = TinyNet()
    start = {name: value.detach().clone() for name, value in model.named_parameters()}
    LightningTrainer("cpu").fit(job_with(folder, training, model))
    state = torch.load(folder / "saved" / "last_model.pt")["state_dict"]
    return {name: state[f"model.{name}"] - value for name, value in start.items()}


def job_with(folder: Path, training: TrainingSection, model: nn.Module) -> Any:
    model.drop.p = 0.0
    return replace(make_job(folder, model=model, task=PlainTask()), training=training)


def test_a_section_divides_the_learning_rate(tmp_path: Path) -> None:
    """One update without momentum is rate * gradient, so the head moves half as far as with the whole rate."""
    divided = update_of(tmp_path / "divided", own_training())
    plain = TrainingSection.model_validate(
        {
            "epochs": 1,
            "batch_size": 30,
            "optimizer": {"opt": "momentum", "momentum": 0.0, "weight_decay": 0.0},
            "lr_scheduler": {"lr": 0.2, "sched": "none"},
        }
    )
    whole = update_of(tmp_path / "whole", plain)
    for name, step in whole.items():
        share = 0.5 if name.startswith("head.") else 1.0
        torch.testing.assert_close(divided[name], share * step, rtol=1e-4, atol=1e-7)


def test_a_section_brings_its_schedule(tmp_path: Path) -> None:
    torch.manual_seed(0)
    training = own_training(epochs=2, batch_size=8)
    LightningTrainer("cpu").fit(job_with(tmp_path, training, TinyNet()))
    assert set(Falling.made) == {(0.2, 4)}  # thirty images in batches of eight
    with (tmp_path / "work" / "summary.csv").open() as stream:
        rates = [float(row["lr"]) for row in csv.DictReader(stream)]
    assert rates == pytest.approx([0.2 * 0.9**4, 0.2 * 0.9**8])


def test_the_decay_of_an_average_rises(tmp_path: Path) -> None:
    """By hand: at update u the average keeps 1 - u ** (-2/3) of itself, at most the decay given."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average = WeightAverage(model, decay=0.7, on_cpu=False, warmup=True)
    theirs = ModelEmaV3(model, decay=0.7, use_warmup=True)
    value, decays = 0.0, []
    for update in range(1, 9):
        with torch.no_grad():
            model.weight.fill_(float(update))
        average.update(model, update)
        theirs.update(model, update)
        decay = min(1 - update ** (-2 / 3), 0.7)
        decays.append(decay)
        value = decay * value + (1 - decay) * update
        found = average.model.weight.item()
        assert found == pytest.approx(value, rel=1e-5)
        assert found == theirs.module.weight.item()
    assert decays == sorted(decays)
    assert decays[0] == 0
    assert decays[-1] == 0.7
    assert len(set(decays)) > 5


@pytest.mark.parametrize(("warmup", "kept"), [(True, 0.0), (False, 0.9)])
def test_a_training_warms_its_average_up(tmp_path: Path, warmup: bool, kept: float) -> None:
    """The first update of an average that warms up keeps nothing of the new weights it started from."""
    values = {"epochs": 1, "batch_size": 30, "model_ema": True, "model_ema_decay": 0.9, "model_ema_warmup": warmup}
    torch.manual_seed(0)
    model = TinyNet()
    start = {name: value.detach().clone() for name, value in model.named_parameters()}
    training = values | {"lr_scheduler": {"lr": 0.1, "sched": "none"}}
    LightningTrainer("cpu").fit(make_job(tmp_path, training=training, model=model, task=PlainTask()))
    last = torch.load(tmp_path / "saved" / "last_model.pt")["state_dict"]
    average = read_weights(tmp_path / "saved" / "best_model.pt").state_dict
    for name, value in start.items():
        torch.testing.assert_close(average[name], kept * value + (1 - kept) * last[f"model.{name}"])
