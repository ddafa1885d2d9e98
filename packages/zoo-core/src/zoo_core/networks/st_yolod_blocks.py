"""Own the building blocks of ST_YOLOD's neck and head: convolutions with normalisation, and the C3 block.

Ge et al., "YOLOX: Exceeding YOLO Series in 2021", 2021 (arXiv 2107.08430), in its depthwise form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

DEFAULT_ACTIVATION = "silu"
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": partial(nn.ReLU, inplace=True),
    "silu": partial(nn.SiLU, inplace=True),
    "lrelu": partial(nn.LeakyReLU, 0.1, inplace=True),
    "hswish": partial(nn.Hardswish, inplace=True),
}
"""Values of `model.act`."""


@dataclass(frozen=True, slots=True)
class Norm:
    """State the small numbers of batch normalisation."""

    eps: float
    momentum: float

    def put(self, network: nn.Module) -> None:
        """Give them to every batch normalisation of a network."""
        for part in network.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.eps, part.momentum = self.eps, self.momentum


YOLOX_NORM = Norm(eps=1e-3, momentum=0.03)


class ConvBlock(nn.Sequential):
    """Convolve, normalise, activate; the size stays but for the stride."""

    def __init__(
        self, inputs: int, outputs: int, activation: str, *, size: int = 1, stride: int = 1, groups: int = 1
    ) -> None:
        """Take numbers of channels and the side of the kernel in cells."""
        super().__init__(
            nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, eps=YOLOX_NORM.eps, momentum=YOLOX_NORM.momentum),
            ACTIVATIONS[activation](),
        )


class SeparableBlock(nn.Sequential):
    """Convolve every channel for itself with 3x3, then mix the channels with 1x1."""

    def __init__(self, inputs: int, outputs: int, activation: str, *, stride: int = 1) -> None:
        """Take numbers of channels."""
        super().__init__(
            ConvBlock(inputs, inputs, activation, size=3, stride=stride, groups=inputs),
            ConvBlock(inputs, outputs, activation),
        )


class C3(nn.Module):
    """Send half of the channels through bottlenecks, the other half around them, and mix both.

    Wang et al., "CSPNet: A New Backbone that can Enhance Learning Capability of CNN", 2019 (arXiv 1911.11929).
    """

    def __init__(self, inputs: int, outputs: int, activation: str, *, blocks: int) -> None:
        """Take numbers of channels and of bottlenecks; these have no shortcut and keep their width."""
        super().__init__()
        inner = outputs // 2
        self.enter = ConvBlock(inputs, inner, activation)
        self.around = ConvBlock(inputs, inner, activation)
        self.mix = ConvBlock(2 * inner, outputs, activation)
        bottlenecks = [
            nn.Sequential(ConvBlock(inner, inner, activation), SeparableBlock(inner, inner, activation))
            for _ in range(blocks)
        ]
        self.bottlenecks = nn.Sequential(*bottlenecks)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H, W)."""
        inside = self.bottlenecks(self.enter(features))
        mixed: torch.Tensor = self.mix(torch.cat((inside, self.around(features)), dim=1))
        return mixed
