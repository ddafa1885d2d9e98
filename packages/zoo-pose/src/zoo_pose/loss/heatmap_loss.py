"""Own the losses that compare heat maps with what they should show, one number for every map.

Each is divided by what its target holds, so that a map that shows nothing costs about as much whatever the size of the
maps and of the hills; learning rates need not follow them. All work on maps as models give them, after their last
activation. A map after softmax, whose sum is 1, cannot be as high and as wide as a hill: squared error and
cross-entropy then draw its mass together below the top, which is where poses are read, and its confidences stay low;
`one_pixel` is a target that it can reach.

Tensor letters: N images, K keypoints, H and W height and width of a heat map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch

from zoo_pose.loss.heatmap_targets import HeatmapTargets

LEAST = 1.0
"""Smallest number that is divided by."""
EASY, NEAR = 2, 4
"""Powers of the focal loss: alpha, which leaves out what is right, and beta, which spares the surroundings of peaks."""
SMALLEST = 1e-4
"""Probability below which a logarithm goes on as a straight line, so that its slope has a limit and never is 0."""

MapLoss = Callable[[torch.Tensor, HeatmapTargets], torch.Tensor]
"""From outputs (N, K, H, W) in float32 and their targets to the loss of each map, shape (N, K)."""


def squared_error(outputs: torch.Tensor, targets: HeatmapTargets) -> torch.Tensor:
    """Return the sum of squared errors, divided by the sum of the squared target: 1 where nothing is shown."""
    return _total((outputs - targets.maps) ** 2) / _total(targets.maps**2).clamp(min=LEAST)


def cross_entropy(outputs: torch.Tensor, targets: HeatmapTargets) -> torch.Tensor:
    """Return the sum of binary cross-entropies, divided by the sum of the target."""
    each = -targets.maps * _log(outputs) - (1 - targets.maps) * _log(1 - outputs)
    return _total(each) / _total(targets.maps).clamp(min=LEAST)


def focal(outputs: torch.Tensor, targets: HeatmapTargets) -> torch.Tensor:
    """Return the focal loss that spares the surroundings of peaks, divided by the number of peaks.

    X. Zhou et al., "Objects as Points", 2019 (arXiv 1904.07850), equation 1.
    """
    inside = outputs.clamp(0, 1)
    found = -((1 - inside) ** EASY) * _log(outputs)
    missed = -((1 - targets.maps) ** NEAR) * inside**EASY * _log(1 - outputs)
    each = torch.where(targets.peaks, found, missed)
    return _total(each) / _total(targets.peaks.float()).clamp(min=LEAST)


LOSSES: Mapping[str, MapLoss] = MappingProxyType({"mse": squared_error, "bce": cross_entropy, "focal": focal})
"""By the names that `training.heatmaps.loss` takes."""


def _log(values: torch.Tensor) -> torch.Tensor:
    """Return logarithms; beyond 0 and 1, where models without activation may be, they have a slope and none."""
    lower = values.clamp(max=1)
    inside = lower.clamp(min=SMALLEST)
    return torch.log(inside) + (lower - inside) / SMALLEST


def _total(values: torch.Tensor) -> torch.Tensor:
    return values.sum(dim=(2, 3))
