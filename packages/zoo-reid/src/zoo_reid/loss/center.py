"""Own the centre loss: features are drawn to a learnt centre of their person."""

from __future__ import annotations

import torch
from torch import nn

from zoo_reid.labels import UNKNOWN


class CenterLoss(nn.Module):
    """Compute half the squared distance between features and the centre of their person.

    Wen et al., "A discriminative feature learning approach for deep face recognition", 2016. The centres start at
    zero and are parameters, which the optimizer of the training moves. Their gradient is the step of the paper: the
    sum of the differences to the features of the batch over one more than their number. It is a term of its own, so
    that the weight of the loss says how strongly features are drawn and not how fast the centres follow them.
    """

    def __init__(self, identities: int, size: int) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.zeros(identities, size))

    def forward(self, features: torch.Tensor, numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean over the rows of known persons, and a term of value 0 that moves the centres.

        Args:
            features: Shape (N, D).
            numbers: Shape (N,): place among the identities, -1 for other persons, whose rows do not count.

        Returns:
            Two scalars: the loss, with a gradient for the features, 0 where no row counts; and the term to be added
            to the whole loss as it is, with a gradient for the centres.
        """
        known = numbers != UNKNOWN
        features, numbers = features[known], numbers[known]
        centers = self.centers[numbers]
        pull = (features - centers.detach()).square().sum() / 2 / max(1, len(numbers))
        counts = torch.bincount(numbers, minlength=len(self.centers))[numbers]
        move = ((centers - features.detach()).square().sum(1) / 2 / (1 + counts)).sum()
        return pull, move - move.detach()
