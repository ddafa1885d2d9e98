from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_task import TinyNet, training_section
from torch import nn

from zoo_core.errors import UserError
from zoo_core.training.optimizer import build_optimizer, learning_rate


def build(model: nn.Module | None = None, criterion: nn.Module | None = None, **section: Any) -> torch.optim.Optimizer:
    optimizer = training_section(optimizer=section).optimizer
    return build_optimizer(model or TinyNet(), criterion or nn.CrossEntropyLoss(), optimizer, 0.1)


@pytest.mark.parametrize(
    ("opt", "scheduler", "sizes", "expected"),
    [
        ("sgd", {"lr": 0.3}, (64, 4, 2), 0.3),
        ("sgd", {"lr_base": 0.1, "lr_base_size": 256}, (64, 1, 1), 0.025),
        ("sgd", {"lr_base": 0.1, "lr_base_size": 256}, (64, 4, 2), 0.2),
        ("adamw", {"lr_base": 0.1, "lr_base_size": 256}, (64, 1, 1), 0.05),
        ("lamb", {"lr_base": 0.1, "lr_base_size": 256}, (16, 1, 1), 0.025),
        ("adamw", {"lr_base": 0.1, "lr_base_size": 256, "lr_base_scale": "linear"}, (64, 1, 1), 0.025),
        ("sgd", {"lr_base": 0.1, "lr_base_size": 256, "lr_base_scale": "sqrt"}, (64, 1, 1), 0.05),
    ],
)
def test_learning_rate_follows_the_batch(
    opt: str, scheduler: dict[str, Any], sizes: tuple[int, int, int], expected: float
) -> None:
    batch, accumulate, world = sizes
    training = training_section(
        optimizer={"opt": opt}, lr_scheduler=scheduler, batch_size=batch, grad_accum_steps=accumulate
    )
    assert learning_rate(training, world) == pytest.approx(expected)


def test_bias_and_normalisation_have_no_weight_decay() -> None:
    model = TinyNet()
    optimizer = build(model, weight_decay=0.01)
    decayed = [
        parameter for group in optimizer.param_groups if group["weight_decay"] > 0 for parameter in group["params"]
    ]
    assert {id(parameter) for parameter in decayed} == {id(model.conv.weight), id(model.head.weight)}


def test_options_reach_the_optimizer_by_its_own_names() -> None:
    adam = build(opt="AdamW", **{"opt-eps": 1e-5, "opt-betas": (0.8, 0.9)}, options={"amsgrad": True})
    assert isinstance(adam, torch.optim.AdamW)
    assert (adam.defaults["eps"], adam.defaults["betas"], adam.defaults["amsgrad"]) == (1e-5, (0.8, 0.9), True)
    assert build(opt="sgd", momentum=0.5).defaults["nesterov"] is True
    assert build(opt="sgd", options={"nesterov": False}).defaults["nesterov"] is False
    assert build(opt="sgd", momentum=0).defaults["nesterov"] is False
    assert build(opt="momentum", momentum=0.7).defaults["momentum"] == 0.7


def test_unknown_optimizer_and_option_are_told() -> None:
    with pytest.raises(UserError, match=r'there is no optimizer "adaw".\nDid you mean'):
        build(opt="adaw")
    with pytest.raises(UserError, match=r"sgd refuses its settings.*warmth"):
        build(opt="sgd", options={"warmth": 3})


def test_frozen_parameters_are_left_out_and_nothing_to_train_is_told() -> None:
    model = TinyNet()
    model.conv.requires_grad_(False)
    held = {id(parameter) for group in build(model).param_groups for parameter in group["params"]}
    assert id(model.conv.weight) not in held
    model.requires_grad_(False)
    with pytest.raises(UserError, match="freezes every layer"):
        build(model)


def test_weights_of_the_loss_are_trained() -> None:
    criterion = nn.Linear(2, 2)
    held = {id(parameter) for group in build(criterion=criterion).param_groups for parameter in group["params"]}
    assert id(criterion.weight) in held
