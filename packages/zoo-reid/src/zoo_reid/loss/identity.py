"""Own the identity loss: the persons of the training told apart as classes."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from zoo_reid.labels import UNKNOWN


class IdentityLoss(nn.Module):
    """Compute cross-entropy over the training identities, smoothed in training mode only.

    Label smoothing follows Szegedy et al., "Rethinking the Inception Architecture", 2016.
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, logits: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        """Return the mean over the rows of known persons as a scalar; 0 where there are none.

        Args:
            logits: Shape (N, K).
            numbers: Shape (N,): place among the K identities, -1 for other persons, whose rows do not count.
        """
        total = functional.cross_entropy(
            logits,
            numbers,
            ignore_index=UNKNOWN,
            reduction="sum",
            label_smoothing=self.label_smoothing if self.training else 0.0,
        )
        return total / (numbers != UNKNOWN).sum().clamp(min=1)
