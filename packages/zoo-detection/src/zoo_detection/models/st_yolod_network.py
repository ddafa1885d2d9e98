"""Own the network ST_YOLOD: neck, head, and the whole from image to raw numbers.

Sah and Kumar, "STResNet & STYOLO: A New Family of Compact Classification and Object Detection Models for MCUs", 2026
(arXiv 2601.05364); neck and head are those of YOLOX (arXiv 2107.08430), the neck a path aggregation (arXiv 1803.01534).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from zoo_detection.models.st_yolod_blocks import C3, ConvBlock, SeparableBlock

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


class Head(nn.Module):
    """Predict one box, its objectness and its classes in every cell, classes and boxes by branches of their own."""

    def __init__(self, inputs: Sequence[int], *, classes: int, activation: str) -> None:
        """Take the neck's channels per level; the branches have as many as its first level."""
        super().__init__()
        width = inputs[0]

        def branches() -> nn.ModuleList:
            return nn.ModuleList(
                nn.Sequential(*(SeparableBlock(width, width, activation) for _ in range(2))) for _ in inputs
            )

        def predictors(outputs: int) -> nn.ModuleList:
            return nn.ModuleList(nn.Conv2d(width, outputs, 1) for _ in inputs)

        self.class_branches = branches()
        self.box_branches = branches()
        self.classes = predictors(classes)
        self.boxes = predictors(BOX)
        self.objectness = predictors(1)
        self.stems = nn.ModuleList(ConvBlock(given, width, activation) for given in inputs)
        for predictor in (*self.classes, *self.objectness):
            nn.init.constant_(predictor.bias, -math.log((1 - PRIOR) / PRIOR))

    def forward(self, features: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return raw boxes (N, A, 4), objectness (N, A, 1) and classes (N, A, C) of the A cells of all levels."""
        boxes, objectness, classes = [], [], []
        for level, given in enumerate(features):
            stem = self.stems[level](given)
            box_features = self.box_branches[level](stem)
            boxes.append(by_cell(self.boxes[level](box_features)))
            objectness.append(by_cell(self.objectness[level](box_features)))
            classes.append(by_cell(self.classes[level](self.class_branches[level](stem))))
        return torch.cat(boxes, dim=1), torch.cat(objectness, dim=1), torch.cat(classes, dim=1)


class StYolod(nn.Module):
    """Detect objects: a backbone's features at strides 8, 16 and 32, path aggregation, a decoupled head per level.

    A box (tx, ty, tw, th) of cell (x, y) has its centre at ((x + tx), (y + ty)) * stride and the size
    (exp(tw), exp(th)) * stride, in pixels.
    """

    strides = STRIDES
    pretrained_weights = False
    """Whether it began with published weights, by which the usual learning rates of its parts differ."""

    def __init__(
        self,
        backbone: nn.Module,
        channels: Sequence[int],
        *,
        classes: int,
        depth: float,
        width: float,
        activation: str,
    ) -> None:
        """Put the parts together.

        Args:
            backbone: Maps images to three levels of features.
            channels: Of each level.
            classes: Number of classes.
            depth: Factor of the numbers of blocks of the neck.
            width: Factor of the numbers of channels of neck and head.
            activation: Of neck and head: `relu`, `silu`, `lrelu` or `hswish`.
        """
        super().__init__()
        self.backbone = backbone
        self.neck = Neck(channels, depth=depth, width=width, activation=activation)
        self.head = Head(self.neck.widths, classes=classes, activation=activation)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Map images (N, C, H, W) to raw boxes (N, A, 4), objectness (N, A, 1) and class logits (N, A, classes)."""
        outputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor] = self.head(self.neck(self.backbone(images)))
        return outputs

    def get_classifier(self) -> tuple[nn.Module, ...]:
        """Return the layers whose size depends on the number of classes."""
        return tuple(self.head.classes)


def by_cell(maps: torch.Tensor) -> torch.Tensor:
    """Return maps (N, C, H, W) as rows of cells (N, H * W, C), row by row of the map."""
    return maps.permute(0, 2, 3, 1).flatten(1, 2)
