"""Own the circle loss, which pytorch-metric-learning computes."""

from __future__ import annotations

import importlib

import torch
from torch import nn

from zoo_core.errors import MissingError

INSTALL = "pip install zoo-reid[metric-learning]"


class CircleLoss(nn.Module):
    """Weight the likeness of each pair by how far it is from where it should be.

    Sun et al., "Circle loss: a unified perspective of pair similarity optimization", 2020.
    """

    def __init__(self, margin: float, gamma: float) -> None:
        """Prepare the loss.

        Raises:
            MissingError: When pytorch-metric-learning is not installed.
        """
        super().__init__()
        try:
            library = importlib.import_module("pytorch_metric_learning.losses")
        except ModuleNotFoundError as error:
            msg = f"training.circle_loss needs the package pytorch-metric-learning ({error})."
            raise MissingError(msg, hint=f"Install: {INSTALL}   or remove training.circle_loss.") from error
        self._loss = library.CircleLoss(m=margin, gamma=gamma)

    def forward(self, features: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
        """Return the mean over the pictures that have a positive and a negative as a scalar; 0 where none has.

        Args:
            features: Shape (N, D), of any length; the cosine is their likeness.
            groups: Shape (N,), equal for pictures of the same person.
        """
        loss: torch.Tensor = self._loss(features, groups)
        return loss
