"""The centre loss: its value, the paper's step for centres, and that they become means."""

from __future__ import annotations

import pytest
import torch

from zoo_reid.loss.center import CenterLoss


def with_centers(values: list[list[float]]) -> CenterLoss:
    loss = CenterLoss(len(values), len(values[0]))
    with torch.no_grad():
        loss.centers.copy_(torch.tensor(values))
    return loss


def test_value_by_hand():
    loss = with_centers([[0.0, 0.0], [1.0, 1.0]])
    features = torch.tensor([[3.0, 4.0], [1.0, 3.0], [100.0, 100.0]])
    pull, move = loss(features, torch.tensor([0, 1, -1]))
    assert float(pull) == pytest.approx((25 / 2 + 4 / 2) / 2)
    assert float(move.detach()) == 0.0


def test_gradients_by_hand():
    loss = with_centers([[0.0, 0.0], [1.0, 1.0], [5.0, 5.0]])
    features = torch.tensor([[3.0, 4.0], [1.0, 2.0], [1.0, 3.0], [9.0, 9.0]], requires_grad=True)
    pull, move = loss(features, torch.tensor([0, 1, 1, -1]))
    (1e-3 * pull + move).backward()
    wanted = 1e-3 * torch.tensor([[3.0, 4.0], [0.0, 1.0], [0.0, 2.0], [0.0, 0.0]]) / 3
    assert torch.allclose(features.grad, wanted)
    # Wen et al., equation 4: the sum of c - x over 1 + count; the weight of the loss does not act on it.
    steps = torch.tensor([[-3.0 / 2, -4.0 / 2], [0.0, (-1.0 - 2.0) / 3], [0.0, 0.0]])
    assert torch.allclose(loss.centers.grad, steps)


def test_centers_become_the_means_of_their_persons():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(20, 6, generator=generator) + 3
    numbers = torch.arange(20) % 4
    loss = CenterLoss(5, 6)
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.5)
    for _ in range(60):
        optimizer.zero_grad()
        loss(features, numbers)[1].backward()
        optimizer.step()
    means = torch.stack([features[numbers == number].mean(0) for number in range(4)])
    assert torch.allclose(loss.centers[:4], means, atol=1e-4)
    assert torch.equal(loss.centers[4], torch.zeros(6))


def test_a_batch_of_unknown_persons_costs_nothing_and_reaches_all_parameters():
    loss = CenterLoss(3, 2)
    features = torch.randn(4, 2, requires_grad=True)
    pull, move = loss(features, torch.full((4,), -1))
    (pull + move).backward()
    assert float(pull.detach()) == float(move.detach()) == 0.0
    assert torch.equal(loss.centers.grad, torch.zeros(3, 2))
    assert torch.equal(features.grad, torch.zeros(4, 2))
