"""Every learning-rate callback becomes a formula that draws the documented curve."""

import math
import warnings
from itertools import pairwise

import pytest

from zoo_core.config.dialects import rewrite
from zoo_core.config.values import Schedule


def schedule(name, **arguments):
    data, moves = rewrite({"training": {"callbacks": {name: arguments}}})
    assert not moves.issues, moves.issues
    callbacks = data["training"]["callbacks"]
    assert set(callbacks) == {"LearningRateScheduler"}
    return Schedule(callbacks["LearningRateScheduler"]["schedule"])


def rates(name, epochs, **arguments):
    compute = schedule(name, **arguments)
    return [compute(epoch, 123.0) for epoch in range(epochs)]


def test_linear():
    found = rates("LRLinearDecay", 10, initial_lr=1.0, hold_steps=3, decay_steps=4, end_lr=0.2)
    assert found == pytest.approx([1.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2, 0.2, 0.2, 0.2])


def test_cosine_in_both_spellings():
    expected = [0.5 * 0.1 * (1 + math.cos(math.pi * min(epoch + 1, 8) / 8)) * 0.9 + 0.01 for epoch in range(10)]
    assert rates("LRCosineDecay", 10, initial_lr=0.1, hold_steps=0, decay_steps=8, end_lr=0.01) == pytest.approx(
        expected
    )
    assert rates("LRCosineDecay", 10, initial_learning_rate=0.1, decay_steps=8, alpha=0.1) == pytest.approx(expected)
    held = rates("LRCosineDecay", 12, initial_lr=0.1, hold_steps=2, decay_steps=8, end_lr=0.01)
    assert held == pytest.approx([0.1, 0.1, *expected])


def test_exponential_and_staircase():
    found = rates("LRExponentialDecay", 5, initial_lr=0.1, hold_steps=2, decay_rate=0.5, min_lr=0.03)
    assert found == pytest.approx([0.1, 0.1, 0.1 * math.exp(-0.5), 0.1 * math.exp(-1.0), 0.03])
    found = rates("LRStepDecay", 7, initial_lr=0.1, step_size=3, decay_rate=0.5, min_lr=0.03)
    assert found == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.05, 0.03, 0.03])


def test_warm_up_rises_to_the_maximum_and_ends_low():
    found = rates(
        "LRWarmupCosineDecay", 20, initial_lr=0.0, warmup_steps=4, max_lr=0.4, hold_steps=3, decay_steps=6, end_lr=0.1
    )
    assert found[:8] == pytest.approx([0.0, 0.1, 0.2, 0.4, 0.4, 0.4, 0.4, 0.4])
    assert found[10] == pytest.approx(0.25)
    assert found[13:] == pytest.approx([0.1] * 7)
    assert all(later <= earlier for earlier, later in pairwise(found[7:]))


@pytest.mark.parametrize(("t_mul", "first"), [(1, 5), (2, 3), (3, 2), (10, 1)])
def test_restarts_are_those_of_torch(t_mul, first):
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, first, t_mul, eta_min=0.01)
        expected = []
        for _ in range(120):
            expected.append(optimizer.param_groups[0]["lr"])
            reference.step()
    found = rates("LRCosineDecayRestarts", 120, initial_lr=0.1, first_decay_steps=first, end_lr=0.01, t_mul=t_mul)
    assert found == pytest.approx(expected, rel=1e-6)


def test_restarts_come_lower_each_time():
    compute = schedule("LRCosineDecayRestarts", initial_lr=0.01, first_decay_steps=50, end_lr=0.0, t_mul=2, m_mul=0.8)
    assert [compute(epoch, 0.0) for epoch in (0, 50, 150)] == pytest.approx([0.01, 0.008, 0.0064])


def test_polynomials():
    found = rates("LRPolynomialDecay", 7, initial_lr=1.0, hold_steps=1, decay_steps=4, end_lr=0.5, power=2)
    assert found == pytest.approx([1.0, *(0.5 + 0.5 * (1 - step / 4) ** 2 for step in (1, 2, 3, 4)), 0.5, 0.5])
    found = rates("LRPolynomialDecayRestarts", 10, initial_lr=1.0, hold_steps=1, decay_steps=4, end_lr=0.0, power=1.0)
    assert found == pytest.approx([1.0, 3 / 4, 2 / 4, 1 / 4, 0.0, 3 / 8, 2 / 8, 1 / 8, 0.0, 3 / 12])


def test_steps_between_boundaries():
    found = rates("LRPiecewiseConstantDecay", 6, boundaries=[2, 4], values=[0.3, 0.2, 0.1])
    assert found == [0.3, 0.3, 0.2, 0.2, 0.1, 0.1]


DOCUMENTED = {
    "LRLinearDecay": (
        {"initial_lr": 0.001, "hold_steps": 20, "decay_steps": 150, "end_lr": 1e-7},
        {0: 0.001, 19: 0.001, 20: 0.000993334, 94: 0.00050005, 169: 1e-7, 199: 1e-7},
    ),
    "LRExponentialDecay": (
        {"initial_lr": 0.001, "hold_steps": 20, "decay_rate": 0.02, "min_lr": 1e-7},
        {0: 0.001, 19: 0.001, 20: 0.000980198673, 69: 0.000367879441, 1000: 1e-7},
    ),
    "LRStepDecay": (
        {"initial_lr": 0.001, "step_size": 30, "decay_rate": 0.4, "min_lr": 1e-7},
        {0: 0.001, 28: 0.001, 29: 0.0004, 58: 0.0004, 59: 0.00016, 119: 2.56e-5, 899: 1e-7},
    ),
    "LRCosineDecay": (
        {"initial_lr": 0.001, "hold_steps": 20, "decay_steps": 180, "end_lr": 1e-7},
        {0: 0.001, 19: 0.001, 49: 0.000933019399, 109: 0.00050005, 199: 1e-7, 250: 1e-7},
    ),
    "LRWarmupCosineDecay": (
        {
            "initial_lr": 1e-6,
            "warmup_steps": 30,
            "max_lr": 0.001,
            "hold_steps": 50,
            "decay_steps": 320,
            "end_lr": 1e-6,
        },
        {0: 1e-6, 10: 0.000334, 28: 0.0009334, 29: 0.001, 80: 0.001, 240: 0.0005005, 400: 1e-6, 450: 1e-6},
    ),
    "LRCosineDecayRestarts": (
        {"initial_lr": 0.001, "first_decay_steps": 50, "end_lr": 1e-6, "t_mul": 2, "m_mul": 0.8},
        {0: 0.001, 25: 0.0005005, 50: 0.0008002, 100: 0.0004006, 150: 0.00064036},
    ),
    "LRPolynomialDecay": (
        {"initial_lr": 0.001, "hold_steps": 30, "decay_steps": 270, "end_lr": 1e-7},
        {0: 0.001, 29: 0.001, 164: 0.00070713607, 269: 0.0003334, 299: 1e-7, 350: 1e-7},
    ),
    "LRPolynomialDecayRestarts": (
        {"initial_lr": 0.001, "hold_steps": 30, "decay_steps": 120, "end_lr": 1e-7, "power": 0.5},
        {0: 0.001, 29: 0.001, 89: 0.00070713607, 149: 1e-7, 209: 0.00050005, 269: 1e-7},
    ),
    "LRPiecewiseConstantDecay": (
        {"boundaries": [30, 70, 150], "values": [0.01, 0.005, 0.001, 0.0001]},
        {0: 0.01, 29: 0.01, 30: 0.005, 69: 0.005, 70: 0.001, 149: 0.001, 150: 0.0001},
    ),
}
"""The examples of ST's page on schedulers: arguments, and rates by epoch (from 0) computed by hand."""


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented_examples(name):
    arguments, expected = DOCUMENTED[name]
    compute = schedule(name, **arguments)
    assert {epoch: compute(epoch, 0.5) for epoch in expected} == pytest.approx(expected, rel=1e-6)


def test_every_callback_has_a_documented_example():
    from zoo_core.config.dialects.lr_formulas import FORMULAS

    assert set(DOCUMENTED) == set(FORMULAS)


@pytest.mark.parametrize(
    ("name", "arguments", "key", "words"),
    [
        ("LRStepDecay", {"initial_lr": 0.1, "step_size": 3}, ".decay_rate", "needed"),
        ("LRLinearDecay", {"initial_learning_rate": "x", "decay_steps": 1}, ".initial_learning_rate", "a number"),
        ("LRLinearDecay", {"initial_lr": 1, "decay_step": 1}, ".decay_step", "decay_steps"),
        ("LRPiecewiseConstantDecay", {"boundaries": [1], "values": [1]}, "", "2 values"),
        ("LRPiecewiseConstantDecay", {"boundaries": [2, 1], "values": [1, 1, 1]}, "", "must rise"),
        ("LRCosineDecay", {"initial_lr": 1, "decay_steps": 2, "alpha": 1, "end_lr": 1}, "", "keep end_lr"),
        ("LRCosineDecay", 3, "", "a section"),
    ],
)
def test_wrong_arguments_are_named(name, arguments, key, words):
    _, moves = rewrite({"training": {"callbacks": {name: arguments}}})
    assert words in " ".join(str(issue) for issue in moves.issues if issue.key == f"training.callbacks.{name}{key}")


def test_one_callback_sets_the_learning_rate():
    steps = {"initial_lr": 1, "step_size": 1, "decay_rate": 1}
    _, moves = rewrite({"training": {"callbacks": {"LRStepDecay": steps, "ReduceLROnPlateau": {"patience": 3}}}})
    (issue,) = moves.issues
    assert issue.key == "training.callbacks"
    assert "LRStepDecay and ReduceLROnPlateau" in issue.message


def test_other_callbacks_stay():
    callbacks = {"EarlyStopping": {"patience": 3}, "LearningRateScheduler": {"schedule": "lambda e, lr: lr"}}
    assert rewrite({"training": {"callbacks": callbacks}})[0]["training"]["callbacks"] == callbacks
