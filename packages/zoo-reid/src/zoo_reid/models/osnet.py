"""Own OSNet, whose blocks see features of four scales at once and choose among them by one shared gate.

Zhou et al., "Omni-Scale Feature Learning for Person Re-Identification", 2019. The layers have the names of the weights
that the authors publish. Tensor letters: N images, C channels, H height, W width.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

CHANNELS = (64, 256, 384, 512)
"""Output channels of the stem and of the three stages at full width."""
SCALES = 4
"""Streams of a block; stream t sees 2t + 1 pixels of its input."""
BOTTLENECK, GATE = 4, 16
"""Factors by which a block and its gate are narrower than what they get."""


class ConvNorm(nn.Module):
    """Convolve and normalise, with or without a ReLU behind."""

    def __init__(self, inputs: int, outputs: int, size: int = 1, stride: int = 1, *, linear: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.relu = nn.Identity() if linear else nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return maps of shape (N, C, H, W)."""
        y: torch.Tensor = self.relu(self.bn(self.conv(x)))
        return y


class LiteConv(nn.Module):
    """Mix the channels, then convolve each by itself: a 3x3 convolution in two factors."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return maps of the shape of the input."""
        y: torch.Tensor = self.relu(self.bn(self.conv2(self.conv1(x))))
        return y


class Gate(nn.Module):
    """Weight every channel by what is in all of the picture: the aggregation gate."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(width, width // GATE, 1)
        self.relu = nn.ReLU()
        self.fc2 = nn.Conv2d(width // GATE, width, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the maps with every channel multiplied by a number between 0 and 1."""
        weights: torch.Tensor = self.sigmoid(self.fc2(self.relu(self.fc1(self.pool(x)))))
        return x * weights


class Block(nn.Module):
    """Add the gated streams of all scales to the input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        width = outputs // BOTTLENECK
        self.conv1 = ConvNorm(inputs, width)
        self.conv2a = LiteConv(width)
        for letter, depth in zip("bcd", range(2, SCALES + 1), strict=True):
            self.add_module(f"conv2{letter}", nn.Sequential(*(LiteConv(width) for _ in range(depth))))
        self.gate = Gate(width)
        self.conv3 = ConvNorm(width, outputs, linear=True)
        self.downsample = ConvNorm(inputs, outputs, linear=True) if inputs != outputs else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return maps of the height and width of the input."""
        narrow = self.conv1(x)
        first, *others = (self.gate(self.get_submodule(f"conv2{letter}")(narrow)) for letter in "abcd")
        for other in others:
            first = first + other
        y: torch.Tensor = self.relu(self.conv3(first) + self.downsample(x))
        return y


def osnet_features(width: float, in_channels: int) -> tuple[OrderedDict[str, nn.Module], int]:
    """Return the layers of an OSNet in their order, with new weights, and the channels of its last maps.

    The maps of the last layer are 16 times smaller than the picture.
    """
    stem, second, third, last = (int(size * width) for size in CHANNELS)
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=ConvNorm(in_channels, stem, 7, 2),
        maxpool=nn.MaxPool2d(3, 2, padding=1),
        conv2=_stage(stem, second, shrink=True),
        conv3=_stage(second, third, shrink=True),
        conv4=_stage(third, last, shrink=False),
        conv5=ConvNorm(last, last),
    )
    for layer in layers.values():
        layer.apply(_initialise)
    return layers, last


def _stage(inputs: int, outputs: int, *, shrink: bool) -> nn.Sequential:
    blocks: list[nn.Module] = [Block(inputs, outputs), Block(outputs, outputs)]
    if shrink:
        blocks.append(nn.Sequential(ConvNorm(outputs, outputs), nn.AvgPool2d(2)))
    return nn.Sequential(*blocks)


def _initialise(module: nn.Module) -> None:
    """Initialise as He et al., 2015, "Delving Deep into Rectifiers"; a depthwise filter sees its own channel only."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_in" if module.groups > 1 else "fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
