"""The sum of the losses: weights, names, rows and batches that lack something, mixed precision."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from zoo_core.training.optimizer import build_optimizer
from zoo_reid.config import ReidTrainingSection
from zoo_reid.labels import PersonLabel, PersonTargets, collate_persons
from zoo_reid.loss.criterion import ReidLoss

PERSONS, SIZE = 5, 6


def section(**changes):
    return ReidTrainingSection.model_validate({"epochs": 1, "batch_size": 8, **changes})


def targets_of(names: str, *, known: bool = True) -> PersonTargets:
    numbers = {name: place for place, name in enumerate("abcde")}
    return collate_persons([PersonLabel(identity=name, number=numbers[name] if known else -1) for name in names])


def outputs_for(names: str, *, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    embedding, features = (torch.randn(len(names), SIZE, generator=generator) for _ in range(2))
    logits = torch.randn(len(names), PERSONS, generator=generator)
    return tuple(tensor.requires_grad_() for tensor in (embedding, features, logits))


def loss_of(**changes):
    return ReidLoss(section(**changes), identities=PERSONS, embedding_size=SIZE)


ALL = {
    "identity_loss": {"weight": 2.0},
    "triplet_loss": {"weight": 3.0, "strategy": "simple"},
    "center_loss": {"weight": 0.01},
}


def test_loss_is_the_weighted_sum_of_its_parts():
    outputs, targets = outputs_for("aabbccdd"), targets_of("aabbccdd")
    found = loss_of(**ALL)(outputs, targets)
    assert set(found) == {"loss", "identity_loss", "triplet_loss", "center_loss"}
    logits = outputs[2].detach()
    smoothed = nn.CrossEntropyLoss(label_smoothing=0.1)(logits, targets.numbers)
    assert float(found["identity_loss"]) == pytest.approx(float(smoothed))
    assert float(found["center_loss"]) == pytest.approx(float(outputs[1].detach().square().sum(1).mean() / 2))
    wanted = 2 * found["identity_loss"] + 3 * found["triplet_loss"] + 0.01 * found["center_loss"]
    assert float(found["loss"].detach()) == pytest.approx(float(wanted), rel=1e-5)


def test_each_loss_reads_its_own_output():
    for name, place in (("identity_loss", 2), ("triplet_loss", 1), ("center_loss", 1)):
        weights = {key: {"weight": 1.0 if key == name else 0.0} for key in ALL}
        criterion = ReidLoss(section(), identities=PERSONS, embedding_size=SIZE)
        if name != "center_loss":
            criterion = loss_of(**weights)
        else:
            criterion = loss_of(center_loss={"weight": 1.0}, triplet_loss={"weight": 0.0})
        outputs = outputs_for("aabbccdd")
        criterion(outputs, targets_of("aabbccdd"))["loss"].backward()
        assert outputs[place].grad.abs().sum() > 0
        assert torch.equal(outputs[0].grad, torch.zeros_like(outputs[0]))  # there, for processes that wait for it


def test_circle_is_added_with_its_weight():
    pytest.importorskip("pytorch_metric_learning")
    outputs, targets = outputs_for("aabbccdd"), targets_of("aabbccdd")
    weights = {"identity_loss": {"weight": 0.0}, "triplet_loss": {"weight": 0.0}}
    found = loss_of(**weights, circle_loss={"weight": 0.5, "gamma": 16.0})(outputs, targets)
    assert set(found) == {"loss", "circle_loss"}
    assert float(found["loss"].detach()) == pytest.approx(0.5 * float(found["circle_loss"]))


def test_evaluation_does_not_smooth():
    outputs, targets = outputs_for("aabb"), targets_of("aabb")
    plain = nn.CrossEntropyLoss()(outputs[2].detach(), targets.numbers)
    found = loss_of().eval()(outputs, targets)
    assert float(found["identity_loss"]) == pytest.approx(float(plain))


@pytest.mark.parametrize("names", ["a", "aaaa", "abcd", "aabbccdd"])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("mode", [True, False])
def test_any_batch_gives_a_finite_loss_and_gradients_for_every_output(names, known, mode):
    pytest.importorskip("pytorch_metric_learning")
    outputs = outputs_for(names)
    criterion = loss_of(**ALL, circle_loss={}).train(mode)
    found = criterion(outputs, targets_of(names, known=known))
    found["loss"].backward()
    assert all(math.isfinite(float(part.detach())) for part in found.values())
    for tensor in (*outputs, criterion.center.centers):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()


def test_model_without_head_is_trained_by_pairs_alone():
    embedding = torch.randn(8, SIZE, requires_grad=True)
    criterion = ReidLoss(section(center_loss={}), identities=0, embedding_size=SIZE)
    found = criterion(embedding, targets_of("aabbccdd", known=False))
    assert set(found) == {"loss", "triplet_loss"}
    found["loss"].backward()
    assert embedding.grad.abs().sum() > 0


def test_losses_of_weight_zero_are_left_out():
    found = loss_of(triplet_loss={"weight": 0.0}, center_loss={"weight": 0.0})(outputs_for("aabb"), targets_of("aabb"))
    assert set(found) == {"loss", "identity_loss"}


@pytest.mark.parametrize("short", [torch.bfloat16, torch.float16])
def test_mixed_precision_computes_in_float32(short):
    targets = targets_of("aabbccdd")
    halves = tuple(tensor.detach().to(short) for tensor in outputs_for("aabbccdd"))
    whole = tuple(tensor.float() for tensor in halves)
    criterion = loss_of(**ALL)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = criterion(halves, targets)
    wanted = criterion(whole, targets)
    assert found["loss"].dtype == torch.float32
    assert float(found["loss"].detach()) == pytest.approx(float(wanted["loss"].detach()), rel=1e-6)


def test_large_logits_of_a_loss_that_is_left_out_do_no_harm():
    embedding, features, logits = outputs_for("aabbccdd")
    infinite = torch.full_like(logits, torch.inf)
    found = loss_of(identity_loss={"weight": 0.0})((embedding, features, infinite), targets_of("aabbccdd"))
    assert found["loss"].isfinite()


@pytest.mark.parametrize("opt", ["sgd", "adamw"])
def test_core_trains_the_centers_at_the_rate_of_the_network_without_decay(opt):
    criterion = loss_of(center_loss={})
    settings = section(optimizer={"opt": opt, "weight_decay": 0.1}).optimizer
    optimizer = build_optimizer(nn.Linear(3, 2), criterion, settings, 0.01)
    (group,) = [
        group
        for group in optimizer.param_groups
        if any(parameter is criterion.center.centers for parameter in group["params"])
    ]
    assert (group["lr"], group["weight_decay"]) == (0.01, 0.0)


def test_state_holds_the_centers_and_nothing_else():
    assert set(loss_of(center_loss={}).state_dict()) == {"center.centers"}
    assert not loss_of().state_dict()
