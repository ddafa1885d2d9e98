"""The triplet loss against cases by hand, loops over all triplets, and pytorch-metric-learning."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from zoo_reid.loss.triplet import TripletLoss

STRATEGIES = ("hard", "semi_hard", "simple")
DISTANCES = ("cosine", "euclidean")


def at(*degrees: float) -> torch.Tensor:
    """Vectors of different lengths at these angles in the plane."""
    angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    lengths = torch.arange(1.0, len(degrees) + 1, dtype=torch.float64)[:, None]
    return lengths * torch.stack([angles.cos(), angles.sin()], 1)


def cosine(degrees: float) -> float:
    return 1 - math.cos(math.radians(degrees))


def chord(degrees: float) -> float:
    return 2 * math.sin(math.radians(degrees) / 2)


def random_batch(seed: int, *, persons: int = 4, size: int = 14) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(size, 5, generator=generator, dtype=torch.float64)
    return features, torch.randint(persons, (size,), generator=generator)


def naive(features: torch.Tensor, groups: torch.Tensor, margin: float, strategy: str, distance: str) -> float:
    """The loss by loops over all triplets, in plain numbers."""
    x = features.numpy() / np.linalg.norm(features.numpy(), axis=1, keepdims=True)
    count = len(x)
    d = [
        [1 - float(x[i] @ x[j]) if distance == "cosine" else float(np.linalg.norm(x[i] - x[j])) for j in range(count)]
        for i in range(count)
    ]
    terms: list[float] = []
    for a in range(count):
        same = [p for p in range(count) if p != a and groups[p] == groups[a]]
        other = [n for n in range(count) if groups[n] != groups[a]]
        if not same or not other:
            continue
        if strategy == "hard":
            terms.append(max(0.0, max(d[a][p] for p in same) - min(d[a][n] for n in other) + margin))
        elif strategy == "simple":
            terms += [max(0.0, d[a][p] - d[a][n] + margin) for p, n in itertools.product(same, other)]
        else:
            for p in same:
                farther = [d[a][n] for n in other if d[a][n] > d[a][p]]
                chosen = min(farther) if farther else max(d[a][n] for n in other)
                terms.append(max(0.0, d[a][p] - chosen + margin))
    if strategy == "semi_hard":
        terms = [term for term in terms if term > 0]
    return sum(terms) / len(terms) if terms else 0.0


@pytest.mark.parametrize(("distance", "length"), [("cosine", cosine), ("euclidean", chord)])
def test_hard_by_hand(distance, length):
    features, groups = at(0, 20, 60, 90), torch.tensor([0, 0, 1, 1])
    terms = [
        length(20) - length(60),  # 0: the same at 20, the nearest other at 60
        length(20) - length(40),
        length(30) - length(40),
        length(30) - length(70),
    ]
    wanted = sum(max(0.0, term + 0.3) for term in terms) / 4
    assert float(TripletLoss(0.3, "hard", distance)(features, groups)) == pytest.approx(wanted, abs=1e-6)


def test_semi_hard_takes_the_nearest_farther_negative_and_else_the_farthest():
    # Of the pair (0, 40): others at 10, 50 and 55 degrees; from 0 the first farther than 40 is 50.
    # From 40 the others lie 30, 10 and 15 degrees away, all nearer than 40: the farthest, 30, is taken.
    features, groups = at(0, 40, 10, 50, 55), torch.tensor([0, 0, 1, 2, 3])
    wanted = ((cosine(40) - cosine(50) + 0.3) + (cosine(40) - cosine(30) + 0.3)) / 2
    assert float(TripletLoss(0.3, "semi_hard", "cosine")(features, groups)) == pytest.approx(wanted, abs=1e-6)


def test_semi_hard_averages_the_terms_above_zero_only():
    # Of four pairs only that from 150 to 90 is not right by the margin: the picture at 220 is 70 degrees away.
    features, groups = at(0, 2, 90, 150, 220), torch.tensor([0, 0, 1, 1, 2])
    found = float(TripletLoss(0.3, "semi_hard", "cosine")(features, groups))
    assert found == pytest.approx(cosine(60) - cosine(70) + 0.3, abs=1e-6)


def test_simple_by_hand():
    features, groups = at(0, 20, 60), torch.tensor([0, 0, 1])
    terms = [cosine(20) - cosine(60) + 0.5, cosine(20) - cosine(40) + 0.5]
    found = float(TripletLoss(0.5, "simple", "cosine")(features, groups))
    assert found == pytest.approx(sum(terms) / 2, abs=1e-6)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("margin", [0.0, 0.3, 1.0])
def test_equals_loops_over_all_triplets(strategy, distance, margin):
    for seed in range(12):
        features, groups = random_batch(seed, persons=2 + seed % 5)
        found = float(TripletLoss(margin, strategy, distance)(features, groups))
        assert found == pytest.approx(naive(features, groups, margin, strategy, distance), abs=1e-9)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("strategy", ["hard", "simple"])
@pytest.mark.parametrize("seed", range(6))
def test_value_and_gradient_equal_pytorch_metric_learning(strategy, distance, seed):
    pytest.importorskip("pytorch_metric_learning")
    from pytorch_metric_learning import distances, losses, miners, reducers

    features, _ = random_batch(seed, size=12)
    groups = torch.arange(12) // 3
    measure = distances.CosineSimilarity() if distance == "cosine" else distances.LpDistance()
    reference = losses.TripletMarginLoss(0.3, distance=measure, reducer=reducers.MeanReducer())
    mined = miners.BatchHardMiner(distance=measure) if strategy == "hard" else None
    theirs = features.clone().requires_grad_()
    pairs = None if mined is None else mined(theirs, groups)
    wanted = reference(theirs, groups, pairs)
    wanted.backward()
    own = features.clone().requires_grad_()
    found = TripletLoss(0.3, strategy, distance)(own, groups)
    found.backward()
    assert float(found.detach()) == pytest.approx(float(wanted.detach()), abs=1e-9)
    assert torch.allclose(own.grad, theirs.grad, atol=1e-9)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_gradient_equals_finite_differences(strategy, distance):
    features, groups = random_batch(3, size=8)
    loss = TripletLoss(0.3, strategy, distance)
    assert torch.autograd.gradcheck(lambda x: loss(x, groups), (features.requires_grad_(),))


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("vector", [[0.3, -2.0, 1.0], [0.0, 0.0, 0.0]])
def test_identical_and_zero_vectors_have_finite_gradients(strategy, distance, vector):
    features = torch.tensor([vector] * 6, requires_grad=True)
    loss = TripletLoss(0.3, strategy, distance)(features, torch.tensor([0, 0, 1, 1, 2, 2]))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.3, abs=2e-3)  # all distances are 0
    assert features.grad.isfinite().all()
    assert features.grad.abs().max() < 10


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("groups", [[0, 0, 0], [0, 1, 2], [0, 0, 0, 0]])
def test_batches_without_a_triplet_cost_nothing(strategy, groups):
    features = torch.randn(len(groups), 4, requires_grad=True)
    loss = TripletLoss(0.3, strategy, "euclidean")(features, torch.tensor(groups))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert torch.equal(features.grad, torch.zeros_like(features))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_lengths_of_vectors_do_not_matter(strategy):
    features, groups = random_batch(1)
    loss = TripletLoss(0.3, strategy, "euclidean")
    stretched = features * torch.linspace(0.01, 50, len(features))[:, None]
    assert float(loss(features, groups)) == pytest.approx(float(loss(stretched, groups)), abs=1e-9)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_descending_separates_the_persons(strategy):
    torch.manual_seed(0)
    features = torch.randn(12, 8, requires_grad=True)
    groups = torch.arange(12) // 4
    loss = TripletLoss(0.3, strategy, "cosine")
    optimizer = torch.optim.Adam([features], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        loss(features, groups).backward()
        optimizer.step()
    unit = torch.nn.functional.normalize(features.detach())
    distances = 1 - unit @ unit.T
    same = groups[:, None] == groups[None]
    assert distances[same].max() < distances[~same].min()
