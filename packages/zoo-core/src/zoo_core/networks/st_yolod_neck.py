"""Own the neck of ST_YOLOD, between the features of a backbone and a head, and how its maps become rows of cells.

Sah and Kumar, "STResNet & STYOLO: A New Family of Compact Classification and Object Detection Models for MCUs", 2026
(arXiv 2601.05364); the neck is that of YOLOX (arXiv 2107.08430), a path aggregation (arXiv 1803.01534).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from zoo_core.networks.st_yolod_blocks import C3, ConvBlock, SeparableBlock

STRIDES = (8, 16, 32)
"""Pixels of the image per cell, in each direction, of the three levels."""
FULL_WIDTH = 256
"""Channels of the first level of a neck of width 1; each further level has twice as many."""
FULL_DEPTH = 3
"""Bottlenecks in each C3 block of a neck of depth 1."""
PRIOR = 0.01
"""Probability that every new class and objectness output states."""
BOX = 4

Levels = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Features at strides 8, 16 and 32, each (N, channels, H / stride, W / stride)."""


class Neck(nn.Module):
    """Bring the backbone's levels to the neck's widths, and carry features down and up between them."""

    def __init__(self, inputs: Sequence[int], *, depth: float, width: float, activation: str) -> None:
        """Take the backbone's channels per level and the factors of blocks and channels."""
        super().__init__()
        low = max(2, int(FULL_WIDTH * width))
        self.widths = (low, 2 * low, 4 * low)
        blocks = max(1, round(FULL_DEPTH * depth))
        low, middle, high = self.widths
        self.match = nn.ModuleList(nn.Conv2d(given, own, 1) for given, own in zip(inputs, self.widths, strict=True))
        self.enlarge = nn.Upsample(scale_factor=2, mode="nearest")
        self.narrow_32 = ConvBlock(high, middle, activation)
        self.join_16 = C3(2 * middle, middle, activation, blocks=blocks)
        self.narrow_16 = ConvBlock(middle, low, activation)
        self.join_8 = C3(2 * low, low, activation, blocks=blocks)
        self.shrink_8 = SeparableBlock(low, low, activation, stride=2)
        self.out_16 = C3(2 * low, middle, activation, blocks=blocks)
        self.shrink_16 = SeparableBlock(middle, middle, activation, stride=2)
        self.out_32 = C3(2 * middle, high, activation, blocks=blocks)

    def forward(self, features: Sequence[torch.Tensor]) -> Levels:
        """Map the backbone's three levels to three of the neck's widths."""
        fine, medium, coarse = (match(level) for match, level in zip(self.match, features, strict=True))
        narrow_32 = self.narrow_32(coarse)
        medium = self.join_16(torch.cat((self.enlarge(narrow_32), medium), dim=1))
        narrow_16 = self.narrow_16(medium)
        fine = self.join_8(torch.cat((self.enlarge(narrow_16), fine), dim=1))
        medium = self.out_16(torch.cat((self.shrink_8(fine), narrow_16), dim=1))
        coarse = self.out_32(torch.cat((self.shrink_16(medium), narrow_32), dim=1))
        return fine, medium, coarse


def by_cell(maps: torch.Tensor) -> torch.Tensor:
    """Return maps (N, C, H, W) as rows of cells (N, H * W, C), row by row of the map."""
    return maps.permute(0, 2, 3, 1).flatten(1, 2)
