"""Keras optimizers become those of timm that compute the same steps."""

import copy

import numpy as np
import pytest

from zoo_core.config.dialects import rewrite
from zoo_core.config.sections import TrainingSection


def read(optimizer, **training):
    data, moves = rewrite({"training": {"optimizer": optimizer, **training}})
    return data["training"], moves


@pytest.mark.parametrize(
    ("written", "optimizer", "rate"),
    [
        ("Adam", {"opt": "adam", "opt_eps": 1e-7, "weight_decay": 0.0}, 0.001),
        ({"Adam": None}, {"opt": "adam", "opt_eps": 1e-7, "weight_decay": 0.0}, 0.001),
        ({"Adam": {"learning_rate": "1/100"}}, {"opt": "adam", "opt_eps": 1e-7, "weight_decay": 0.0}, "1/100"),
        (
            {"Adam": {"beta_1": 0.8, "epsilon": 1e-6, "amsgrad": True}},
            {
                "opt": "adam",
                "weight_decay": 0.0,
                "opt_betas": [0.8, 0.999],
                "opt_eps": 1e-6,
                "options": {"amsgrad": True},
            },
            0.001,
        ),
        ({"SGD": {"learning_rate": 0.1}}, {"opt": "momentum", "momentum": 0.0, "weight_decay": 0.0}, 0.1),
        (
            {"SGD": {"momentum": 0.9, "nesterov": True}},
            {"opt": "sgd", "momentum": 0.9, "weight_decay": 0.0},
            0.01,
        ),
        (
            {"AdamW": {"clipnorm": 1.0}},
            {"opt": "adamw", "opt_eps": 1e-7, "weight_decay": 0.004, "clip_grad": 1.0, "clip_mode": "norm"},
            0.001,
        ),
        (
            {"RMSprop": {"rho": 0.8}},
            {"opt": "rmsprop", "momentum": 0.0, "options": {"alpha": 0.8}, "opt_eps": 1e-7, "weight_decay": 0.0},
            0.001,
        ),
    ],
)
def test_spellings(written, optimizer, rate):
    training, moves = read(written)
    assert training["optimizer"] == optimizer
    assert training["lr_scheduler"] == {"lr": rate, "sched": "none", "warmup_epochs": 0}
    assert not moves.issues
    assert moves.notes
    TrainingSection.model_validate({"epochs": 1, "batch_size": 1, **training})


def test_a_schedule_of_ones_own_stays():
    training, _ = read("Adam", lr_scheduler={"sched": "cosine", "lr": None}, learning_rate=0.02)
    assert training["lr_scheduler"] == {"lr": 0.02, "sched": "cosine", "warmup_epochs": 0}
    assert "learning_rate" not in training


@pytest.mark.parametrize(
    "optimizer",
    [{"opt": "sgd"}, {"opt": "sgd", "momentum": 0.5}, {"options": {"nesterov": True}}, {"momentum": 0.5}, None],
)
def test_timms_own_form_is_left_alone(optimizer):
    training, moves = read(copy.deepcopy(optimizer))
    assert training["optimizer"] == optimizer
    assert not moves.notes


def test_a_name_of_timm_alone_is_a_name():
    training, moves = read("lamb")
    assert training == {"optimizer": {"opt": "lamb"}}
    assert moves.written("training.optimizer.opt") == "training.optimizer"


@pytest.mark.parametrize(
    ("optimizer", "key", "words"),
    [
        ({"Adan": {"learning_rate": 0.1}}, "training.optimizer.Adan", "Did you mean Adam"),
        ({"Adam": {"learning_rat": 0.1}}, "training.optimizer.Adam.learning_rat", "Did you mean learning_rate"),
        ({"adam": {"rho": 0.1}}, "training.optimizer.adam.rho", "no argument"),
        ({"SGD": {"learning_rate": {"x": 1}}}, "training.optimizer.SGD.learning_rate", "schedule"),
    ],
)
def test_what_cannot_be_translated_is_named(optimizer, key, words):
    _, moves = read(optimizer)
    (issue,) = moves.issues
    assert issue.key == key
    assert words in str(issue)


def keras_steps(rule, gradients):
    """Compute weights by the update rules in the documentation of Keras, from weight 1."""
    weight, velocity, square = 1.0, 0.0, 0.0
    for step, gradient in enumerate(gradients, start=1):
        if rule == "SGD":
            weight -= 0.01 * gradient
        elif rule == "nesterov":
            velocity = 0.9 * velocity - 0.01 * gradient
            weight += 0.9 * velocity - 0.01 * gradient
        elif rule == "momentum":
            velocity = 0.9 * velocity - 0.01 * gradient
            weight += velocity
        else:
            velocity = 0.9 * velocity + 0.1 * gradient
            square = 0.999 * square + 0.001 * gradient**2
            weight -= 0.001 * (velocity / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-7)
    return weight


@pytest.mark.parametrize(
    ("rule", "written"),
    [
        ("SGD", "SGD"),
        ("momentum", {"SGD": {"momentum": 0.9}}),
        ("nesterov", {"SGD": {"momentum": 0.9, "nesterov": True}}),
        ("Adam", "Adam"),
    ],
)
def test_timm_takes_the_steps_that_keras_documents(rule, written):
    import timm.optim
    import torch

    training, _ = read(written)
    section = TrainingSection.model_validate({"epochs": 1, "batch_size": 1, **training}).optimizer
    weight = torch.nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    given = {} if section.opt_eps is None else {"eps": section.opt_eps}
    optimizer = timm.optim.create_optimizer_v2(
        [weight],
        opt=section.opt,
        lr=training["lr_scheduler"]["lr"],
        momentum=section.momentum,
        weight_decay=section.weight_decay,
        **given,
    )
    gradients = [0.5, -1.0, 2.0, 0.25, 0.125]
    for gradient in gradients:
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
    assert weight.item() == pytest.approx(keras_steps(rule, gradients), rel=1e-9)
