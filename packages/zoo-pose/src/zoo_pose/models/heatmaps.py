"""Own the network that draws one heat map for every keypoint: backbone, feature pyramid, head.

The form is that of MoveNet Lightning as ST trains it: features at 4, 8 and 16 pixels a cell are brought to one width,
doubled in size and added from coarse to fine (T.-Y. Lin et al., "Feature Pyramid Networks for Object Detection", 2017,
arXiv 1612.03144), and refined by separable convolutions. Tensor letters: N images, K keypoints, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import nn
from torch.nn import functional

STRIDES = (4, 8, 16)
"""Pixels between the cells of the maps that a backbone gives, fine to coarse; the heat maps have the first."""
PYRAMID, NARROWEST = 64, 32
"""Channels of the pyramid at full width, and at least."""
RARE = 0.01
"""What the pixels of new heat maps are near to after a sigmoid, since most pixels are far from any keypoint."""
HEAD_DEVIATION = 0.001
"""Standard deviation of the new weights of the head."""
TRIANGLE = (0.25, 0.5, 0.25)
"""Filter that makes linear interpolation out of repeated values: a quarter of the way to the neighbour."""


class Backbone(Protocol):
    """Give three maps of features, at 4, 8 and 16 pixels a cell."""

    channels: tuple[int, ...]
    """Channels of each map."""

    def __call__(self, images: torch.Tensor) -> Sequence[torch.Tensor]:
        """Return the maps of images of shape (N, C, H, W), fine to coarse."""
        ...


class Doubling(nn.Module):
    """Double height and width by bilinear interpolation, written as repetition and a fixed filter of 3x3.

    Both parts have an exact integer form, which interpolation itself has not. Beyond the border values are 0.
    """

    weight: torch.Tensor

    def __init__(self, channels: int) -> None:
        """Prepare the filter, the same for every channel."""
        super().__init__()
        line = torch.tensor(TRIANGLE)
        weight = (line[:, None] * line).expand(channels, 1, 3, 3).clone()
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return maps of shape (N, C, 2H, 2W)."""
        repeated = functional.interpolate(maps, scale_factor=2.0, mode="nearest")
        return functional.conv2d(repeated, self.weight.to(repeated.dtype), padding=1, groups=len(self.weight))


class HeatmapNetwork(nn.Module):
    """Compute heat maps of shape (N, K, H/4, W/4), the same in training and evaluation mode."""

    def __init__(self, backbone: Any, keypoints: int, *, width: int = PYRAMID, activation: str = "sigmoid") -> None:
        """Build pyramid and head with new weights.

        Args:
            backbone: A `Backbone`.
            keypoints: K.
            width: Channels of the pyramid.
            activation: `sigmoid` for each number, `softmax` over each map, or `empty` for nothing.
        """
        super().__init__()
        self.backbone = backbone
        self.activation = activation
        self.laterals = nn.ModuleList(_normalised(channels, width) for channels in backbone.channels)
        self.refinements = nn.ModuleList(separable(width, width) for _ in backbone.channels)
        self.doublings = nn.ModuleList(Doubling(width) for _ in backbone.channels[1:])
        self.before = separable(width, width)
        self.head = nn.Conv2d(width, keypoints, 1)
        for part in (self.laterals, self.refinements, self.before):
            part.apply(_start)
        nn.init.normal_(self.head.weight, std=HEAD_DEVIATION)
        nn.init.constant_(_bias(self.head), _logit(RARE) if activation == "sigmoid" else 0.0)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the heat maps of images of shape (N, C, H, W), computed in float32 from the head on."""
        levels = self.backbone(images)
        found: torch.Tensor | None = None
        for number in reversed(range(len(self.laterals))):
            level: torch.Tensor = self.laterals[number](levels[number])
            summed = level if found is None else self.doublings[number](found) + level
            found = self.refinements[number](summed)
        return self._activated(self.head(self.before(found)))

    def get_classifier(self) -> nn.Conv2d:
        """Return the layer whose size depends on the number of keypoints."""
        return self.head

    def _activated(self, maps: torch.Tensor) -> torch.Tensor:
        if self.activation == "empty":
            return maps
        if self.activation == "sigmoid":
            return torch.sigmoid(maps.float())
        return torch.softmax(maps.float().flatten(2), dim=2).view(maps.shape)


def pyramid_width(alpha: float) -> int:
    """Return the channels of the pyramid of a backbone whose width has a factor: a multiple of 8."""
    return max(NARROWEST, int(PYRAMID * alpha / 8 + 0.5) * 8)


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """Return a convolution of every channel by itself, and one that mixes them."""
    filtered = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
    return nn.Sequential(filtered, nn.BatchNorm2d(inputs), nn.ReLU(), *_normalised(inputs, outputs))


def _normalised(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


def _start(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out" if module.groups == 1 else "fan_in", nonlinearity="relu")


def _bias(layer: nn.Conv2d) -> torch.Tensor:
    return torch.zeros(0) if layer.bias is None else layer.bias


def _logit(probability: float) -> float:
    return float(torch.logit(torch.tensor(probability, dtype=torch.float64)))
