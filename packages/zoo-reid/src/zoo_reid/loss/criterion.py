"""Own the training loss of re-identification: the weighted sum of the losses that the user's file asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from zoo_reid.config.training import ReidTrainingSection
from zoo_reid.labels import PersonTargets
from zoo_reid.loss.center import CenterLoss
from zoo_reid.loss.circle import CircleLoss
from zoo_reid.loss.identity import IdentityLoss
from zoo_reid.loss.triplet import TripletLoss

LOSS = "loss"
LOGITS = 2
"""Place of the logits in the outputs of a model that has an identity head."""


class ReidLoss(nn.Module):
    """Add identity, triplet, centre and circle loss, each times its weight; those of weight 0 are left out.

    Everything is computed in float32, also in mixed precision. In evaluation mode labels are not smoothed.
    """

    def __init__(self, training: ReidTrainingSection, *, identities: int, embedding_size: int) -> None:
        """Prepare the losses.

        Args:
            training: The `training` section.
            identities: Number of persons of the training; 0 for a model without identity head.
            embedding_size: Numbers in the features of one picture.

        Raises:
            MissingError: When a loss needs a package that is not installed.
        """
        super().__init__()
        self.weights = training.loss_weights
        identity, triplet, circle = training.identity_loss, training.triplet_loss, training.circle_loss
        self.identity = IdentityLoss(identity.label_smoothing)
        self.triplet = TripletLoss(triplet.margin, triplet.strategy, triplet.distance_metric)
        self.center = CenterLoss(identities, embedding_size) if "center_loss" in self.weights and identities else None
        self.circle = None if circle is None or not circle.weight else CircleLoss(circle.margin, circle.gamma)

    def forward(self, outputs: Any, targets: PersonTargets) -> dict[str, torch.Tensor]:
        """Return the sum as `loss`, and beside it each part before it is weighted.

        Args:
            outputs: Embeddings (N, D), features (N, D) and logits (N, K); or embeddings alone.
            targets: Labels of the N pictures.
        """
        tensors = (outputs,) if isinstance(outputs, torch.Tensor) else tuple(outputs)
        with torch.autocast(tensors[0].device.type, enabled=False):
            tensors = tuple(tensor.flatten(1).float() for tensor in tensors)
            parts, loss = self._parts(tensors, targets), _nothing(tensors)
            for name, part in parts.items():
                loss = loss + self.weights[name] * part
            if self.center is not None:
                parts["center_loss"], move = self.center(_features(tensors), targets.numbers)
                loss = loss + self.weights["center_loss"] * parts["center_loss"] + move
        return {LOSS: loss, **{name: part.detach() for name, part in parts.items()}}

    def _parts(self, outputs: Sequence[torch.Tensor], targets: PersonTargets) -> dict[str, torch.Tensor]:
        features, parts = _features(outputs), {}
        if "identity_loss" in self.weights and len(outputs) > LOGITS:
            parts["identity_loss"] = self.identity(outputs[LOGITS], targets.numbers)
        if "triplet_loss" in self.weights:
            parts["triplet_loss"] = self.triplet(features, targets.groups)
        if self.circle is not None:
            parts["circle_loss"] = self.circle(features, targets.groups)
        return parts


def _features(outputs: Sequence[torch.Tensor]) -> torch.Tensor:
    return outputs[min(1, len(outputs) - 1)]


def _nothing(outputs: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return 0 with a gradient for every output, since several processes wait for the gradients of all weights."""
    return torch.stack([output[:0].sum() for output in outputs]).sum()
