"""Own the distances between the features of one batch, differentiable everywhere."""

from __future__ import annotations

import torch
from torch.nn import functional

from zoo_reid.names import EUCLIDEAN

LEAST_LENGTH = 1e-12
"""Vectors that are not longer are taken as zero."""
LEAST_SQUARE = 1e-12
"""Squared euclidean distances from here down have no gradient, since the root's would be infinite."""


def unit_vectors(features: torch.Tensor) -> torch.Tensor:
    """Return features of shape (N, D) brought to length 1; zero vectors stay zero and get no gradient."""
    lengths = features.detach().norm(dim=1, keepdim=True)
    return torch.where(lengths > LEAST_LENGTH, functional.normalize(features), torch.zeros_like(features))


def batch_distances(features: torch.Tensor, distance: str) -> torch.Tensor:
    """Return the distances between all features of shape (N, D), brought to length 1 first.

    Returns:
        Shape (N, N): one minus the cosine, 0 to 2, or the euclidean distance, 0 to 2.
    """
    unit = unit_vectors(features)
    cosines = unit @ unit.T
    if distance != EUCLIDEAN:
        return 1 - cosines
    squares = unit.square().sum(1)
    return (squares[:, None] + squares[None] - 2 * cosines).clamp(min=LEAST_SQUARE).sqrt()
