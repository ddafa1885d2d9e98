"""The identity loss: smoothing in training, rows of unknown persons."""

from __future__ import annotations

import pytest
import torch

from zoo_reid.loss.identity import IdentityLoss


def by_hand(logits: torch.Tensor, numbers: list[int], smoothing: float) -> float:
    shares = torch.log_softmax(logits.double(), 1)
    rows = [
        -(1 - smoothing) * float(row[number]) - smoothing * float(row.mean())
        for row, number in zip(shares, numbers, strict=True)
        if number >= 0
    ]
    return sum(rows) / len(rows)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("numbers", [[0, 3, 2, 1], [0, -1, 2, -1], [-1, -1, 4, -1]])
def test_equals_the_formula_over_the_known_rows(smoothing, numbers):
    logits = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    loss = IdentityLoss(smoothing)
    assert float(loss.train()(logits, torch.tensor(numbers))) == pytest.approx(by_hand(logits, numbers, smoothing))
    assert float(loss.eval()(logits, torch.tensor(numbers))) == pytest.approx(by_hand(logits, numbers, 0.0))


def test_rows_of_unknown_persons_have_no_gradient():
    logits = torch.randn(3, 4, requires_grad=True)
    IdentityLoss(0.1)(logits, torch.tensor([1, -1, 2])).backward()
    assert torch.equal(logits.grad[1], torch.zeros(4))
    assert logits.grad[0].abs().sum() > 0


def test_a_batch_of_unknown_persons_costs_nothing():
    logits = torch.randn(3, 4, requires_grad=True)
    loss = IdentityLoss(0.1)(logits, torch.tensor([-1, -1, -1]))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert torch.equal(logits.grad, torch.zeros(3, 4))
