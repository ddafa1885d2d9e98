"""Own ST MNIST, the small network of depthwise convolutions for characters of 28x28 pixels."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from zoo_classification.models.options import dropout_rate
from zoo_core.networks.published import refuse_pretrained
from zoo_core.protocols import ModelContext

LAYERS = ((16, 3, 2, False), (16, 3, 1, True), (32, 3, 1, False), (32, 3, 2, True), (64, 1, 1, False))
"""Output channels, kernel, stride, and whether a convolution is depthwise."""


class StMnist(nn.Module):
    """Classify characters by five convolutions, two of them depthwise; N images, C channels, K classes."""

    def __init__(self, in_channels: int, num_classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = in_channels
        for outputs, kernel, stride, depthwise in LAYERS:
            groups = width if depthwise else 1
            layers.append(nn.Conv2d(width, outputs, kernel, stride, kernel // 2, groups=groups, bias=False))
            layers.extend((nn.BatchNorm2d(outputs), nn.ReLU()))
            width = outputs
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (N, K) for images of shape (N, C, H, W)."""
        features = self.pool(self.features(x)).flatten(1)
        logits: torch.Tensor = self.classifier(self.dropout(features))
        return logits


def build(section: Any, context: ModelContext) -> StMnist:
    """Build the network.

    Raises:
        MissingError: When pretrained weights are asked for; ST's are a Keras file.
        UserError: When an option is set that the network lacks.
    """
    refuse_pretrained(section, "st_mnistv1")
    dropout = dropout_rate(context.options, "st_mnistv1")
    return StMnist(context.input.channels, context.num_classes, dropout)
