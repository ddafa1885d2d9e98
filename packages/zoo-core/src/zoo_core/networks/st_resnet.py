"""Own STResNet: ResNet-18 whose convolutions are replaced by Tucker factors of lower rank.

Sah and Kumar, "STResNet & STYOLO: A New Family of Compact Classification and Object Detection Models for MCUs", 2026
(arXiv 2601.05364); the ranks are those of the published networks.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

WIDTH = 64
"""Channels of the first stage of ResNet-18."""
COLOURS = 3
"""Rank of the first convolution over its input channels; kept for grey images, so that weights carry over."""
STAGES = ("layer1", "layer2", "layer3", "layer4")


@dataclass(frozen=True, slots=True)
class Ranks:
    """State how far every convolution is compressed; 0 keeps one as it is."""

    stem: tuple[int, int]
    """Rank and width of the first convolution; a narrow one is widened after the pooling."""
    convolutions: tuple[int, ...]
    """The 16 convolutions of 3x3 in the order of the network."""
    shortcuts: tuple[int, int, int]
    """The convolutions of 1x1 beside the first block of stages 2, 3 and 4."""


RANKS = {
    "pico": Ranks((8, 32), (24, 16, 24, 8, 24, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8), (8, 8, 8)),
    "nano": Ranks((8, 32), (0, 32, 0, 40, 0, 32, 64, 16, 48, 16, 48, 8, 32, 8, 48, 8), (0, 8, 8)),
    "micro": Ranks((8, 32), (0, 0, 0, 0, 0, 40, 88, 32, 88, 72, 80, 32, 80, 8, 72, 64), (0, 16, 24)),
    "milli": Ranks((16, 32), (0, 0, 0, 0, 0, 96, 0, 72, 0, 120, 168, 72, 160, 72, 168, 96), (0, 0, 48)),
    "tiny": Ranks((16, 64), (0, 0, 0, 0, 0, 96, 0, 80, 0, 192, 0, 96, 208, 88, 192, 112), (0, 0, 0)),
}


class TuckerConv2d(nn.Sequential):
    """Factor a convolution into three without activation between: 1x1 to a rank, k x k in it, 1x1 out of it."""

    def __init__(self, convolution: nn.Conv2d, rank: int, *, input_rank: int = 0, outputs: int = 0) -> None:
        """Take kernel, stride and padding from a convolution.

        Args:
            convolution: The dense one that is replaced.
            rank: Channels inside.
            input_rank: Channels before the k x k kernel where they differ from `rank`.
            outputs: Output channels where they differ from the convolution's.
        """
        before = input_rank or rank
        size, stride, padding = convolution.kernel_size[0], convolution.stride[0], int(convolution.padding[0])
        factors = (
            nn.Conv2d(convolution.in_channels, before, 1, bias=False),
            nn.Conv2d(before, rank, size, stride, padding, bias=False),
            nn.Conv2d(rank, outputs or convolution.out_channels, 1, bias=False),
        )
        super().__init__(*factors)
        for factor in factors:
            nn.init.kaiming_normal_(factor.weight, mode="fan_in", nonlinearity="linear")


def compress(model: Any, ranks: Ranks) -> None:
    """Replace the convolutions of timm's ResNet-18 by factors with new weights, in place."""
    rank, width = ranks.stem
    model.conv1 = TuckerConv2d(model.conv1, rank, input_rank=COLOURS, outputs=width)
    if width != WIDTH:
        model.bn1 = nn.BatchNorm2d(width)
        widen = nn.Conv2d(width, WIDTH, 1, bias=False)
        model.maxpool = nn.Sequential(OrderedDict(pool=model.maxpool, proj=widen))
    blocks = [block for stage in STAGES for block in getattr(model, stage)]
    places = [(block, name) for block in blocks for name in ("conv1", "conv2")]
    for (block, name), inner in zip(places, ranks.convolutions, strict=True):
        if inner:
            setattr(block, name, TuckerConv2d(getattr(block, name), inner))
    shortcuts = [block.downsample for block in blocks if block.downsample is not None]
    for shortcut, inner in zip(shortcuts, ranks.shortcuts, strict=True):
        if inner:
            shortcut[0] = TuckerConv2d(shortcut[0], inner)


def own_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return ST's published weights under the names of this module: its projection stands beside the pooling."""
    return {f"maxpool.{name}" if name.startswith("proj.") else name: value for name, value in state.items()}
