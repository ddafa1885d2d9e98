"""Own the residual networks for images of 28 to 64 pixels: ResNet-8, -20 and -32.

He et al., "Deep Residual Learning for Image Recognition", 2015, section 4.2; ResNet-8 is the image classification
reference of MLPerf Tiny (Banbury et al., 2021). Tensor letters: N images, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from zoo_classification.models.options import dropout_rate
from zoo_classification.models.table import find
from zoo_core.networks.published import refuse_pretrained
from zoo_core.protocols import ModelContext

WIDTHS = (16, 32, 64)
BLOCK_LAYERS = 2
STAGES = len(WIDTHS)


class ResidualBlock(nn.Module):
    """Add two 3x3 convolutions to their input; a strided block projects the input by a 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity() if stride == 1 else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a tensor of shape (N, C', H / stride, W / stride)."""
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        out: torch.Tensor = functional.relu(y + self.shortcut(x))
        return out


class CifarResNet(nn.Module):
    """Classify small images by three stages of residual blocks with 16, 32 and 64 channels."""

    def __init__(self, depth: int, in_channels: int, num_classes: int, dropout: float = 0.0) -> None:
        """Build a network of `depth` weighted layers; depth is 6 n + 2.

        Raises:
            ValueError: When no whole number of blocks gives the depth.
        """
        super().__init__()
        blocks, rest = divmod(depth - 2, STAGES * BLOCK_LAYERS)
        if rest or blocks < 1:
            msg = f"the depth of this network is 6 n + 2, got {depth}"
            raise ValueError(msg)
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, WIDTHS[0], 3, padding=1, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU()
        )
        layers: list[nn.Module] = []
        width = WIDTHS[0]
        for stage, outputs in enumerate(WIDTHS):
            for index in range(blocks):
                stride = 2 if stage > 0 and index == 0 else 1
                layers.append(ResidualBlock(width, outputs, stride))
                width = outputs
        self.blocks = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, num_classes)
        self.apply(_initialise)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (N, K) for images of shape (N, C, H, W)."""
        features = self.pool(self.blocks(self.stem(x))).flatten(1)
        logits: torch.Tensor = self.classifier(self.dropout(features))
        return logits


def build(section: Any, context: ModelContext) -> CifarResNet:
    """Build the network that `model.model_name` states.

    Raises:
        MissingError: When pretrained weights are asked for; nobody publishes any.
        UserError: When an option is set that the network lacks.
    """
    row = find(section.model_name)
    refuse_pretrained(section, row.name)
    dropout = dropout_rate(context.options, row.name)
    return CifarResNet(int(row.source), context.input.channels, context.num_classes, dropout)


def _initialise(module: nn.Module) -> None:
    """Initialise as He et al., 2015, "Delving Deep into Rectifiers"."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
