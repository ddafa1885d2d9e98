"""Own the triplet loss: pictures of one person must be nearer to each other than to those of others, by a margin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import nn

from zoo_reid.loss.distances import batch_distances

Strategy = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, float], torch.Tensor]
"""Return the loss for distances, positive and negative pairs, each of shape (N, N), and the margin."""


class TripletLoss(nn.Module):
    """Compute max(0, d(anchor, positive) - d(anchor, negative) + margin) over triplets of one batch.

    `hard`: for each picture the farthest of the same person and the nearest of another; mean over the pictures that
    have both. Hermans et al., "In defense of the triplet loss", 2017.
    `semi_hard`: for each pair of pictures of a person the nearest other that is farther than the pair, or the
    farthest other where none is; mean over the terms above 0. Schroff et al., "FaceNet", 2015.
    `simple`: mean over all triplets.
    """

    def __init__(self, margin: float, strategy: str, distance: str) -> None:
        super().__init__()
        self.margin = margin
        self.distance = distance
        self._strategy = STRATEGIES[strategy]

    def forward(self, features: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
        """Return the loss as a scalar; 0 where the batch holds no triplet.

        Args:
            features: Shape (N, D), of any length; distances are measured between vectors of length 1.
            groups: Shape (N,), equal for pictures of the same person.
        """
        same = groups[:, None] == groups[None]
        itself = torch.eye(len(groups), dtype=torch.bool, device=groups.device)
        return self._strategy(batch_distances(features, self.distance), same & ~itself, ~same, self.margin)


def hard(distances: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, margin: float) -> torch.Tensor:
    """Return the mean over anchors of their hardest triplet."""
    farthest = distances.masked_fill(~positive, -torch.inf).amax(1)
    nearest = distances.masked_fill(~negative, torch.inf).amin(1)
    anchors = positive.any(1) & negative.any(1)
    return torch.relu(farthest - nearest + margin).sum() / anchors.sum().clamp(min=1)


def semi_hard(distances: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, margin: float) -> torch.Tensor:
    """Return the mean over the pairs whose triplet is not yet right by the margin."""
    to_positive, to_all, others = _pairs(distances, positive, negative)
    farther = others & (to_all > to_positive)
    nearest = to_all.masked_fill(~farther, torch.inf).amin(1)
    farthest = to_all.masked_fill(~others, -torch.inf).amax(1)
    terms = torch.relu(to_positive[:, 0] - torch.where(farther.any(1), nearest, farthest) + margin)
    return terms.sum() / (terms > 0).sum().clamp(min=1)


def simple(distances: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, margin: float) -> torch.Tensor:
    """Return the mean over all triplets."""
    to_positive, to_all, others = _pairs(distances, positive, negative)
    terms = torch.relu(to_positive - to_all + margin).masked_fill(~others, 0.0)
    return terms.sum() / others.sum().clamp(min=1)


def _pairs(
    distances: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return a row for each pair (anchor, positive) whose anchor has a negative.

    Returns:
        Distance to the positive, shape (M, 1); distances to all pictures, and which of them are negatives, (M, N).
    """
    anchors, positives = (positive & negative.any(1, keepdim=True)).nonzero(as_tuple=True)
    return distances[anchors, positives][:, None], distances[anchors], negative[anchors]


STRATEGIES: Mapping[str, Strategy] = MappingProxyType({"hard": hard, "semi_hard": semi_hard, "simple": simple})
