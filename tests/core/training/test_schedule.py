from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tiny_task import training_section

from zoo_core.errors import UserError
from zoo_core.results import MetricValue
from zoo_core.training.schedule import LearningRate, build_rate, current_rate

TOP1 = MetricValue(name="top1", value=0.0)
LOSS = MetricValue(name="loss", value=0.0, higher_is_better=False)


def optimizer(rate: float = 0.1, scales: tuple[float, ...] = (1.0,)) -> torch.optim.Optimizer:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr_scale": scale} for scale in scales]
    return torch.optim.SGD(groups, lr=rate)


def build(target: torch.optim.Optimizer, rate: float = 0.1, *, updates: int = 5, **training: Any) -> LearningRate:
    return build_rate(
        target,
        training_section(**training),
        rate,
        updates_per_epoch=updates,
        seed=1,
        monitor=TOP1,
        measured={"top1": TOP1, "loss": LOSS},
    )


def rates(schedule: LearningRate, target: torch.optim.Optimizer, epochs: int) -> list[float]:
    found = []
    for epoch in range(epochs):
        schedule.begin_epoch(epoch)
        found.append(current_rate(target))
    return found


def test_cosine_with_warm_up_follows_its_formula() -> None:
    target = optimizer()
    section = {"sched": "cosine", "warmup_epochs": 3, "warmup_lr": 0.01, "min_lr": 0.001}
    found = rates(build(target, epochs=20, lr_scheduler=section), target, 20)
    warm = [0.01 + epoch * (0.1 - 0.01) / 3 for epoch in range(3)]
    rest = [0.001 + 0.5 * (0.1 - 0.001) * (1 + math.cos(math.pi * epoch / 20)) for epoch in range(3, 20)]
    assert found == pytest.approx([*warm, *rest])


def test_steps_divide_the_rate() -> None:
    target = optimizer()
    section = {"sched": "step", "warmup_epochs": 0, "decay_epochs": 2, "decay_rate": 0.1}
    assert rates(build(target, epochs=5, lr_scheduler=section), target, 5) == pytest.approx(
        [0.1, 0.1, 0.01, 0.01, 0.001]
    )
    # timm counts milestones from 1
    section = {"sched": "multistep", "warmup_epochs": 0, "decay_milestones": (2, 4), "decay_rate": 0.5}
    assert rates(build(target, epochs=4, lr_scheduler=section), target, 4) == pytest.approx([0.1, 0.05, 0.05, 0.025])


@pytest.mark.parametrize("name", ["tanh", "poly"])
def test_other_schedules_fall_from_the_rate_to_the_end(name: str) -> None:
    target = optimizer()
    found = rates(
        build(target, epochs=10, lr_scheduler={"sched": name, "warmup_epochs": 0, "decay_rate": 1.0}), target, 10
    )
    assert found[0] == pytest.approx(0.1, rel=0.01)
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.03


def test_by_updates_the_rate_moves_inside_an_epoch_and_does_not_jump() -> None:
    target = optimizer()
    schedule = build(target, epochs=4, lr_scheduler={"sched": "cosine", "warmup_epochs": 0, "sched_on_updates": True})
    found, updates = [], 0
    for epoch in range(4):
        schedule.begin_epoch(epoch)
        for _ in range(5):
            found.append(current_rate(target))
            updates += 1
            schedule.after_update(updates)
    assert found == pytest.approx([0.05 * (1 + math.cos(math.pi * update / 20)) for update in range(20)])


def test_noise_is_the_same_for_the_same_seed() -> None:
    section = {"sched": "cosine", "warmup_epochs": 0, "lr_noise": (0.2, 1.0), "lr_noise_std": 0.3}
    runs = []
    for _ in range(2):
        target = optimizer()
        runs.append(rates(build(target, epochs=10, lr_scheduler=section), target, 10))
    smooth = [0.05 * (1 + math.cos(math.pi * epoch / 10)) for epoch in range(10)]
    assert runs[0] == runs[1]
    assert runs[0][:2] == pytest.approx(smooth[:2])
    assert all(one != pytest.approx(other) for one, other in zip(runs[0][2:], smooth[2:], strict=True))


def test_cool_down_lengthens_the_training_as_in_timm() -> None:
    target = optimizer()
    schedule = build(target, epochs=4, lr_scheduler={"sched": "cosine", "cooldown_epochs": 2, "warmup_epochs": 0})
    assert schedule.epochs == 6
    assert rates(schedule, target, 6)[4:] == pytest.approx([0.0, 0.0])


def test_layer_decay_scales_every_kind_of_schedule() -> None:
    callbacks = {"LearningRateScheduler": {"schedule": "lambda epoch, lr: 0.1"}}
    for training in (
        {"lr_scheduler": {"sched": "none"}},
        {"lr_scheduler": {"sched": "plateau", "warmup_epochs": 0}},
        {"lr_scheduler": {"sched": "cosine", "warmup_epochs": 0}},
        {"callbacks": callbacks},
    ):
        target = optimizer(scales=(0.5, 1.0))
        build(target, **training).begin_epoch(0)
        assert [group["lr"] for group in target.param_groups] == pytest.approx([0.05, 0.1])


@pytest.mark.parametrize(("mode", "cooldown"), [("min", 0), ("min", 2), ("max", 0), ("max", 1)])
def test_plateau_callback_equals_torch(mode: str, cooldown: int) -> None:
    """Keras lowers the rate at the `patience`-th bad epoch, torch at the one after `patience` bad ones."""
    reduce = {
        "monitor": "val_loss",
        "mode": mode,
        "factor": 0.3,
        "patience": 3,
        "min_delta": 0.05,
        "cooldown": cooldown,
        "min_lr": 0.001,
    }
    target, other = optimizer(), optimizer()
    schedule = build(target, epochs=40, callbacks={"ReduceLROnPlateau": reduce})
    torchs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        other, mode=mode, factor=0.3, patience=2, threshold=0.05, threshold_mode="abs", cooldown=cooldown, min_lr=0.001
    )
    generator = torch.Generator().manual_seed(3)
    values = (1 + torch.rand(40, generator=generator) * 0.2 - torch.linspace(0, 0.3, 40)).tolist()
    for epoch, value in enumerate(values):
        schedule.begin_epoch(epoch)
        assert current_rate(target) == pytest.approx(current_rate(other)), epoch
        schedule.end_epoch(epoch, {"loss": MetricValue(name="loss", value=value, higher_is_better=False), "top1": TOP1})
        torchs.step(value)
    assert current_rate(target) < 0.05


def test_plateau_schedule_waits_for_the_warm_up_and_longer_than_its_patience() -> None:
    target = optimizer()
    section = {"sched": "plateau", "warmup_epochs": 2, "warmup_lr": 0.0, "patience_epochs": 1, "decay_rate": 0.5}
    schedule = build(target, epochs=7, lr_scheduler=section)
    found = []
    for epoch in range(7):
        schedule.begin_epoch(epoch)
        found.append(current_rate(target))
        schedule.end_epoch(epoch, {"top1": MetricValue(name="top1", value=50.0), "loss": LOSS})
    assert found == pytest.approx([0.0, 0.05, 0.1, 0.1, 0.1, 0.05, 0.05])


def test_formula_is_given_the_rate_before() -> None:
    target = optimizer()
    text = "lambda epoch, lr: lr if epoch < 2 else lr * exp(-0.1)"
    found = rates(build(target, callbacks={"LearningRateScheduler": {"schedule": text}}), target, 4)
    assert found == pytest.approx([0.1, 0.1, 0.1 * math.exp(-0.1), 0.1 * math.exp(-0.2)])


@pytest.mark.parametrize("body", ["-1", "1 / (epoch - 2)"])
def test_formula_that_gives_no_rate_is_told(body: str) -> None:
    target = optimizer()
    schedule = build(
        target, callbacks={"LearningRateScheduler": {"schedule": f"lambda epoch, lr: {body} if epoch else lr"}}
    )
    with pytest.raises(UserError, match=r"LearningRateScheduler\.schedule"):
        rates(schedule, target, 3)


def test_plateau_callback_with_unknown_metric_is_told() -> None:
    with pytest.raises(UserError, match=r'ReduceLROnPlateau.monitor: there is no metric "val_map"'):
        build(optimizer(), callbacks={"ReduceLROnPlateau": {"monitor": "val_map"}})
