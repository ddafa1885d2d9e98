"""The circle loss against the paper's formula by loops, and without its library."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch

from zoo_core.errors import MissingError
from zoo_reid.loss.circle import CircleLoss


def by_loops(features: torch.Tensor, groups: torch.Tensor, margin: float, gamma: float) -> float:
    x = features.numpy() / np.linalg.norm(features.numpy(), axis=1, keepdims=True)
    terms = []
    for a in range(len(x)):
        positive = [float(x[a] @ x[p]) for p in range(len(x)) if p != a and groups[p] == groups[a]]
        negative = [float(x[a] @ x[n]) for n in range(len(x)) if groups[n] != groups[a]]
        if not positive or not negative:
            continue
        pulls = sum(math.exp(-gamma * max(0.0, 1 + margin - s) * (s - 1 + margin)) for s in positive)
        pushes = sum(math.exp(gamma * max(0.0, s + margin) * (s - margin)) for s in negative)
        terms.append(math.log1p(pulls * pushes))
    return sum(terms) / len(terms)


@pytest.mark.parametrize(("margin", "gamma"), [(0.4, 10.0), (0.25, 64.0)])
def test_equals_the_formula(margin, gamma):
    pytest.importorskip("pytorch_metric_learning")
    for seed in range(4):
        features = torch.randn(10, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        groups = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 3, 4])
        found = float(CircleLoss(margin, gamma)(features, groups))
        assert found == pytest.approx(by_loops(features, groups, margin, gamma), rel=1e-5)


def test_batches_without_pairs_cost_nothing():
    pytest.importorskip("pytorch_metric_learning")
    for groups in ([0, 1, 2], [0, 0, 0]):
        features = torch.randn(3, 4, requires_grad=True)
        loss = CircleLoss(0.4, 80.0)(features, torch.tensor(groups))
        loss.backward()
        assert float(loss.detach()) == 0.0
        assert torch.equal(features.grad, torch.zeros(3, 4))


def test_identical_vectors_have_finite_gradients():
    pytest.importorskip("pytorch_metric_learning")
    features = torch.ones(4, 3, requires_grad=True)
    CircleLoss(0.4, 80.0)(features, torch.tensor([0, 0, 1, 1])).backward()
    assert features.grad.isfinite().all()


def test_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "pytorch_metric_learning"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pytorch_metric_learning", None)
    with pytest.raises(MissingError, match=r"pip install zoo-reid\[metric-learning\]") as raised:
        CircleLoss(0.4, 80.0)
    assert "training.circle_loss" in str(raised.value)
