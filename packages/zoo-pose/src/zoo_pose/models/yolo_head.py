"""Own the network that finds persons with their keypoints: its head on ST_YOLOD's neck, and the whole.

The head predicts a box, a score and all keypoints in every cell, as in Maji et al., "YOLO-Pose: Enhancing YOLO for
Multi Person Pose Estimation Using Object Keypoint Similarity Loss", 2022 (arXiv 2204.06806), without anchors and with
branches of their own for boxes and keypoints, as in YOLOX (arXiv 2107.08430). Tensor letters: N images, A cells of all
levels, K keypoints, C channels, H and W height and width of the images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from zoo_core.networks.st_yolod_blocks import ConvBlock, SeparableBlock
from zoo_core.networks.st_yolod_cells import Cells
from zoo_core.networks.st_yolod_neck import PRIOR, STRIDES, Neck, by_cell

PLACE = 2
"""Numbers of a centre, of a size, of a point."""
POINT_SCALE = 2.0
"""Sides of a cell by which a raw coordinate of 1 lies away from the middle of its cell."""

Outputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Raw boxes (N, A, 4), objectness (N, A, 1) and keypoints (N, A, K, 3)."""
Branches = tuple[torch.Tensor, torch.Tensor]
"""Features of boxes and of keypoints of one level, each (N, C, H / stride, W / stride)."""


class PoseHead(nn.Module):
    """Predict one box, its objectness and its keypoints in every cell.

    Numbers of different meaning have predictors of their own, so that each has a range of its own in 8 bits.
    """

    def __init__(self, inputs: Sequence[int], *, keypoints: int, activation: str) -> None:
        """Take the neck's channels per level; the branches have as many as its first level."""
        super().__init__()
        self.keypoints = keypoints
        width = inputs[0]

        def branches() -> nn.ModuleList:
            return nn.ModuleList(
                nn.Sequential(*(SeparableBlock(width, width, activation) for _ in range(2))) for _ in inputs
            )

        def predictors(outputs: int) -> nn.ModuleList:
            return nn.ModuleList(nn.Conv2d(width, outputs, 1) for _ in inputs)

        self.stems = nn.ModuleList(ConvBlock(given, width, activation) for given in inputs)
        self.box_branches = branches()
        self.point_branches = branches()
        self.centres = predictors(PLACE)
        self.sizes = predictors(PLACE)
        self.objectness = predictors(1)
        self.points = predictors(PLACE * keypoints)
        self.confidences = predictors(keypoints)
        for layer in self.objectness:
            nn.init.constant_(layer.get_parameter("bias"), -math.log((1 - PRIOR) / PRIOR))
        for layer in (*self.centres, *self.sizes, *self.points):
            nn.init.zeros_(layer.get_parameter("bias"))

    def branches(self, features: Sequence[torch.Tensor]) -> list[Branches]:
        """Return what the predictors of each level look at."""
        stems = [stem(level) for stem, level in zip(self.stems, features, strict=True)]
        parts = zip(self.box_branches, self.point_branches, stems, strict=True)
        return [(boxes(stem), points(stem)) for boxes, points, stem in parts]

    def forward(self, features: Sequence[torch.Tensor]) -> Outputs:
        """Return raw boxes, objectness and keypoints of the cells of all levels."""
        boxes, objectness, keypoints = [], [], []
        for level, (box_features, point_features) in enumerate(self.branches(features)):
            boxes += [torch.cat([part[level](box_features) for part in (self.centres, self.sizes)], dim=1)]
            objectness += [self.objectness[level](box_features)]
            confidences = by_cell(self.confidences[level](point_features))[..., None]
            points = by_cell(self.points[level](point_features))
            keypoints += [torch.cat((points.reshape(*confidences.shape[:3], PLACE), confidences), dim=-1)]
        return _joined(boxes), _joined(objectness), torch.cat(keypoints, dim=1)


class YoloPose(nn.Module):
    """Find persons with keypoints: a backbone's features at strides 8, 16 and 32, path aggregation, a head per level.

    A box (tx, ty, tw, th) of cell (x, y) has its centre at ((x + tx), (y + ty)) * stride and the size
    (exp(tw), exp(th)) * stride, a keypoint (tx, ty, tc) lies at ((x + 0.5 + 2 tx), (y + 0.5 + 2 ty)) * stride, in
    pixels. Probabilities are the sigmoids of objectness and tc.
    """

    strides = STRIDES

    def __init__(
        self,
        backbone: nn.Module,
        channels: Sequence[int],
        *,
        keypoints: int,
        depth: float,
        width: float,
        activation: str,
    ) -> None:
        """Put the parts together.

        Args:
            backbone: Maps images to three levels of features.
            channels: Of each level.
            keypoints: K.
            depth: Factor of the numbers of blocks of the neck.
            width: Factor of the numbers of channels of neck and head.
            activation: Of neck and head: `relu`, `silu`, `lrelu` or `hswish`.
        """
        super().__init__()
        self.backbone = backbone
        self.neck = Neck(channels, depth=depth, width=width, activation=activation)
        self.head = PoseHead(self.neck.widths, keypoints=keypoints, activation=activation)

    def forward(self, images: torch.Tensor) -> Outputs:
        """Map images (N, C, H, W) to raw boxes (N, A, 4), objectness (N, A, 1) and keypoints (N, A, K, 3)."""
        outputs: Outputs = self.head(self.neck(self.backbone(images)))
        return outputs

    def branches(self, images: torch.Tensor) -> list[Branches]:
        """Return what the predictors of each level look at, for images (N, C, H, W)."""
        return self.head.branches(self.neck(self.backbone(images)))

    def get_classifier(self) -> tuple[nn.Module, ...]:
        """Return the layers whose size depends on the number of keypoints."""
        return *self.head.points, *self.head.confidences


def _joined(maps: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat([by_cell(level) for level in maps], dim=1)


def decode_points(raw: torch.Tensor, cells: Cells) -> torch.Tensor:
    """Turn raw points (..., A, K, 2) into x and y in pixels."""
    return (raw * POINT_SCALE + (cells.places + 0.5)[:, None]) * cells.strides[:, None]
