"""Own pose estimators as they are exported: outputs with names, several persons as one tensor of shares of the input.

Models that find several persons are decoded inside their graph, into the form of YOLOv8-pose that ST's applications
read. All numbers are between 0 and 1, so that one scale for 8 bits serves them all:

* what decoding multiplies and adds, but for the places of the cells, goes into the weights of the predictors: their
  outputs are shares of the input already, and nothing is rounded twice;
* centres, sizes, points and probabilities leave predictors of their own, each with a range of its own;
* a size is the exponential of a logarithm of at most 0, that is of at most the whole input. A logarithm has the same
  relative error in 8 bits for small and large boxes, and no cell that shows nobody can stretch the range;
* the middles of the cells are added last, and what lies outside of the input is moved to its border.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from zoo_core.artifacts import InputSpec
from zoo_pose.models.yolo_head import PLACE, POINT_SCALE, YoloPose

HEATMAP_NAMES = ("heatmaps",)
POSES_NAMES = ("poses",)
HALF = 0.5
"""Place of a cell's middle in the cell, in both directions."""


class NamedHeatmaps(nn.Module):
    """Give the heat maps of a network their name."""

    output_names = HEATMAP_NAMES

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> Any:
        """Return the network's outputs for images of shape (N, C, H, W)."""
        return self.network(images)


class DecodedPoses(nn.Module):
    """Turn the outputs of a `YoloPose` into one tensor (N, 5 + 3K, A).

    Rows are the centre (x, y) and the size (width, height) of a box, its score, then x, y and confidence of each of K
    keypoints; all places and lengths are shares of the input. Columns are the A cells, level by level, row by row.
    """

    output_names = POSES_NAMES

    def __init__(self, network: YoloPose, input: InputSpec) -> None:
        """Take the network and the only size of images that the result is for."""
        super().__init__()
        self.network = network
        for level, stride in enumerate(network.strides):
            self.register_buffer(f"steps_{level}", _steps(stride, input), persistent=False)
            self.register_buffer(f"middles_{level}", _middles(stride, input), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the poses of all cells for images of shape (N, C, H, W)."""
        branches = self.network.branches(images)
        return torch.cat([self._level(level, *features) for level, features in enumerate(branches)], dim=2)

    def _level(self, level: int, box_features: torch.Tensor, point_features: torch.Tensor) -> torch.Tensor:
        """Return the poses of the cells of one level, shape (N, 5 + 3K, H * W)."""
        head = self.network.head
        steps, middles = self.get_buffer(f"steps_{level}"), self.get_buffer(f"middles_{level}")
        centres = _scaled(box_features, head.centres[level], steps, -HALF * steps)
        logarithms = _scaled(box_features, head.sizes[level], torch.ones_like(steps), steps.log())
        points = _scaled(point_features, head.points[level], POINT_SCALE * steps.repeat(head.keypoints))
        scores = head.objectness[level](box_features).flatten(2).sigmoid()
        confidences = head.confidences[level](point_features).flatten(2).sigmoid()
        boxes = ((centres + middles).clamp(0, 1), logarithms.clamp(max=0).exp(), scores)
        places = (points.reshape(-1, head.keypoints, PLACE, middles.shape[1]) + middles).clamp(0, 1)
        keypoints = torch.cat((places, confidences[:, :, None]), dim=2).flatten(1, 2)
        return torch.cat((*boxes, keypoints), dim=1)


def export_model(model: nn.Module, input: InputSpec) -> nn.Module:
    """Return a model with names of its outputs; one that finds several persons decodes them for this size of images."""
    return DecodedPoses(model, input) if isinstance(model, YoloPose) else NamedHeatmaps(model)


def _scaled(
    features: torch.Tensor, layer: nn.Module, factors: torch.Tensor, shift: torch.Tensor | None = None
) -> torch.Tensor:
    """Return what a convolution of 1x1 gives, times a factor for each channel and shifted, shape (N, C, H * W)."""
    weight = layer.get_parameter("weight") * factors[:, None, None, None]
    bias = layer.get_parameter("bias") * factors
    return functional.conv2d(features, weight, bias if shift is None else bias + shift).flatten(2)


def _steps(stride: int, input: InputSpec) -> torch.Tensor:
    """Return width and height of a cell in shares of the input."""
    return torch.tensor([stride / input.width, stride / input.height])


def _middles(stride: int, input: InputSpec) -> torch.Tensor:
    """Return x and y of the middles of the cells in shares of the input, shape (2, H * W)."""
    down, across = ((torch.arange(side // stride) + HALF) * stride / side for side in (input.height, input.width))
    row, column = torch.meshgrid(down, across, indexing="ij")
    return torch.stack((column, row)).flatten(1)
