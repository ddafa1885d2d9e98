"""Own the network ST_YOLOD: its head, and the whole from image to raw numbers.

Sah and Kumar, "STResNet & STYOLO: A New Family of Compact Classification and Object Detection Models for MCUs", 2026
(arXiv 2601.05364); neck and head are those of YOLOX (arXiv 2107.08430), the neck a path aggregation (arXiv 1803.01534).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from zoo_core.networks.st_yolod_blocks import ConvBlock, SeparableBlock
from zoo_core.networks.st_yolod_neck import BOX, PRIOR, STRIDES, Neck, by_cell


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
