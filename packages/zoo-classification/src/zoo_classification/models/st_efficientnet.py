"""Own ST EfficientNet LC v1: EfficientNet of 0.45 times the width, expansion 3 and ReLU6.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019; LC is ST's name for low
complexity. Tensor letters: N images, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.layers import DropPath
from torch import nn

from zoo_classification.models.options import refuse_options
from zoo_core.networks.published import refuse_pretrained
from zoo_core.protocols import ModelContext

STEM, TOP = 16, 576
STAGES = (
    (1, 8, 1, 3, 1),
    (2, 16, 2, 3, 3),
    (2, 24, 2, 5, 3),
    (3, 40, 2, 3, 3),
    (3, 48, 1, 5, 3),
    (4, 88, 2, 5, 3),
    (1, 144, 1, 3, 3),
)
"""Blocks, output channels, stride of the first block, kernel, expansion."""
SQUEEZE = 0.25
DROP_PATH = 0.2
NAME = "st_efficientnetlcv1"


class SqueezeExcite(nn.Module):
    """Weigh each channel by what two small layers make of the means of all, each batch normalised."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            *_convolution(channels, squeezed, 1),
            nn.ReLU6(),
            *_convolution(squeezed, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a tensor of the same shape (N, C, H, W)."""
        out: torch.Tensor = x * self.gate(x)
        return out


class InvertedBlock(nn.Module):
    """Expand the channels, convolve each by itself, weigh them, and reduce them again."""

    def __init__(
        self, inputs: int, outputs: int, *, stride: int, kernel: int, expansion: int, drop_path: float
    ) -> None:
        super().__init__()
        inner = inputs * expansion
        expand = (*_convolution(inputs, inner, 1), nn.ReLU6()) if expansion > 1 else ()
        self.layers = nn.Sequential(
            *expand,
            *_convolution(inner, inner, kernel, stride, groups=inner),
            nn.ReLU6(),
            SqueezeExcite(inner, max(1, int(inputs * SQUEEZE))),
            *_convolution(inner, outputs, 1),
        )
        self.residual = stride == 1 and inputs == outputs
        self.drop_path = DropPath(drop_path)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a tensor of shape (N, C', H / stride, W / stride)."""
        out: torch.Tensor = self.layers(x)
        return x + self.drop_path(out) if self.residual else out


class EfficientNetLc(nn.Module):
    """Classify images by seven stages of inverted blocks."""

    def __init__(self, in_channels: int, num_classes: int, dropout: float = 0.0, drop_path: float = DROP_PATH) -> None:
        """Build the network; stochastic depth grows from 0 to `drop_path` over the blocks."""
        super().__init__()
        self.stem = nn.Sequential(*_convolution(in_channels, STEM, 3, 2), nn.ReLU6())
        total = sum(count for count, *_ in STAGES)
        blocks: list[nn.Module] = []
        width = STEM
        for count, outputs, stride, kernel, expansion in STAGES:
            for index in range(count):
                step = stride if index == 0 else 1
                share = drop_path * len(blocks) / total
                block = InvertedBlock(width, outputs, stride=step, kernel=kernel, expansion=expansion, drop_path=share)
                blocks.append(block)
                width = outputs
        self.blocks = nn.Sequential(*blocks)
        self.top = nn.Sequential(*_convolution(width, TOP, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(TOP, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (N, K) for images of shape (N, C, H, W)."""
        logits: torch.Tensor = self.classifier(self.dropout(self.top(self.blocks(self.stem(x)))))
        return logits


def build(section: Any, context: ModelContext) -> EfficientNetLc:
    """Build the network.

    Raises:
        MissingError: When pretrained weights are asked for; ST's are a Keras file.
        UserError: When an option is set that the network lacks.
    """
    refuse_pretrained(section, NAME)
    refuse_options(context.options, NAME, known={"drop", "drop_path"})
    dropout, drop_path = context.options.get("drop"), context.options.get("drop_path")
    return EfficientNetLc(
        context.input.channels,
        context.num_classes,
        0.0 if dropout is None else float(dropout),
        DROP_PATH if drop_path is None else float(drop_path),
    )


def _convolution(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return convolution, nn.BatchNorm2d(outputs)
