"""Own MobileNetV1 and its fast-downsampling relatives, whose widths and strides no library offers.

Howard et al., "MobileNets", 2017; Qin et al., "FD-MobileNet", 2018. Tensor letters: N images, C channels, H height,
W width, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

Depthwise = Literal["normalised", "bare", "biased"]
"""What follows a depthwise convolution: batch normalisation and ReLU, nothing, or its own bias."""
Block = tuple[int, int]
"""Output channels and stride."""


@dataclass(frozen=True, slots=True)
class Plan:
    """State a network of depthwise separable blocks at full width."""

    stem: int
    blocks: tuple[Block, ...]
    depthwise: Depthwise = "normalised"

    def scaled(self, width: float) -> Plan:
        """Return the plan with every number of channels multiplied, rounded down."""
        return Plan(
            int(self.stem * width), tuple((int(size * width), step) for size, step in self.blocks), self.depthwise
        )


_V1 = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
_FAST = ((64, 2), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 4, (1024, 1))
_ST_FAST = ((48, 2), (80, 2), (64, 1), (96, 2), (64, 1), (128, 2), *[(128, 1)] * 4, (256, 1))

PLANS = {
    "mobilenet": Plan(32, _V1),
    "mobilenetb": Plan(32, _V1, "bare"),
    "fdmobilenet": Plan(32, _FAST),
    "fdmobilenet_keras": Plan(32, _FAST, "biased"),
    "st_fdmobilenetv1": Plan(16, _ST_FAST, "biased"),
}
"""`mobilenetb` is pytorchcv's name; ST's two Keras networks have no activation between the depthwise and the pointwise
convolution."""


class SeparableBlock(nn.Sequential):
    """Convolve every channel by itself, then mix the channels."""

    def __init__(self, inputs: int, outputs: int, stride: int, depthwise: Depthwise) -> None:
        spatial = nn.Conv2d(inputs, inputs, 3, stride, padding=1, groups=inputs, bias=depthwise == "biased")
        between = [nn.BatchNorm2d(inputs), nn.ReLU()] if depthwise == "normalised" else []
        super().__init__(
            spatial, *between, nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
        )


class MobileNet(nn.Module):
    """Classify images by a strided convolution and a chain of depthwise separable blocks."""

    def __init__(self, plan: Plan, in_channels: int, num_classes: int, dropout: float = 0.0) -> None:
        """Build the network of a plan that is scaled already."""
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, plan.stem, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(plan.stem), nn.ReLU()
        )
        self.blocks = nn.Sequential(*_blocks(plan.stem, plan.blocks, plan.depthwise))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(plan.blocks[-1][0], num_classes)
        self.apply(_initialise)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (N, K) for images of shape (N, C, H, W)."""
        features = self.pool(self.blocks(self.stem(x))).flatten(1)
        logits: torch.Tensor = self.classifier(self.dropout(features))
        return logits


def _blocks(width: int, blocks: Sequence[Block], depthwise: Depthwise) -> list[SeparableBlock]:
    layers = []
    for outputs, stride in blocks:
        layers.append(SeparableBlock(width, outputs, stride, depthwise))
        width = outputs
    return layers


def _initialise(module: nn.Module) -> None:
    """Initialise as He et al., 2015, "Delving Deep into Rectifiers"; a depthwise filter sees its own channel only."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_in" if module.groups > 1 else "fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
