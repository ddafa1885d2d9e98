"""Own the backbones of SSD: networks that give two feature maps, at 16 and 32 pixels a cell.

MobileNetV2 is torchvision's, any other network is timm's. MobileNetV1 is here because timm has it in two widths only,
MobileNetV3 because ST's published detectors are built on a variant that neither library has: its squeeze-and-excitation
follows the projection and has batch normalisation, and the maps of `large` are halved the last time one block later.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torchvision.models import mobilenet_v2

Features = tuple[torch.Tensor, torch.Tensor]
"""Maps of shape (N, C, H, W), the finer one first."""

V1_LAYERS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip
"""Output channels and stride of every block of MobileNetV1; A. Howard et al., 2017 (arXiv 1704.04861), table 1."""
V1_FINE = 11
"""Blocks before the finer map."""
V2_FINE = 14
"""Number of MobileNetV2's part whose first convolution gives the finer map."""
V1_PRETRAINED = {1.0: "mobilenetv1_100", 1.25: "mobilenetv1_125"}
"""Width -> timm's network with the same layers; its activations end at 6, those of the published detectors do not."""
MOBILENET_STRIDES = (16, 32)

_Block = tuple[int, int, int, bool, bool, int]
"""Kernel, inner channels, output channels, squeeze-and-excitation, hard swish, stride."""
V3_LARGE: tuple[_Block, ...] = (
    (3, 16, 16, False, False, 1), (3, 64, 24, False, False, 2), (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2), (5, 120, 40, True, False, 1), (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2), (3, 200, 80, False, True, 1), (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1), (3, 480, 112, True, True, 1), (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 1), (5, 672, 160, True, True, 2), (5, 960, 160, True, True, 1),
)  # fmt: skip
V3_SMALL: tuple[_Block, ...] = (
    (3, 16, 16, True, False, 2), (3, 72, 24, False, False, 2), (3, 88, 24, False, False, 1),
    (5, 96, 40, True, True, 2), (5, 240, 40, True, True, 1), (5, 240, 40, True, True, 1),
    (5, 120, 48, True, True, 1), (5, 144, 48, True, True, 1), (5, 288, 96, True, True, 2),
    (5, 576, 96, True, True, 1), (5, 576, 96, True, True, 1),
)  # fmt: skip
"""Blocks of MobileNetV3; A. Howard et al., 2019 (arXiv 1905.02244), tables 1 and 2."""
V3_STEM = 16
V3_FINE = {V3_LARGE: 12, V3_SMALL: 8}
"""Blocks before the finer map."""
V3_LAST = {V3_LARGE: 960, V3_SMALL: 576}
"""Channels of the last convolution, which gives the coarser map."""


class BatchNorm(nn.BatchNorm2d):
    """Normalise a batch; one image with a map of a single cell, which has no spread, by the running statistics."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the normalised maps, shape (N, C, H, W)."""
        if self.training and input.numel() == input.shape[1]:
            mean, variance = self.running_mean, self.running_var
            return nn.functional.batch_norm(input, mean, variance, self.weight, self.bias, eps=self.eps)
        return super().forward(input)


def even_channels(channels: int, width: float) -> int:
    """Return a scaled number of channels: a multiple of 8 and not less than 90 % of the exact one."""
    exact = channels * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * exact else rounded


class MobileNetV1(nn.Module):
    """Compute the features of MobileNetV1; the finer map has 512 channels, the coarser one 1024, times the width."""

    strides = MOBILENET_STRIDES

    def __init__(self, width: float, image_channels: int) -> None:
        """Build with new weights."""
        super().__init__()
        channels = even_channels(32, width)
        layers: list[nn.Module] = [_normalised(image_channels, channels, 3, stride=2)]
        for outputs, stride in V1_LAYERS:
            deeper = _normalised(channels, channels, 3, stride=stride, groups=channels)
            channels_before, channels = channels, even_channels(outputs, width)
            layers.append(nn.Sequential(*deeper, *_normalised(channels_before, channels, 1)))
        self.fine = nn.Sequential(*layers[: V1_FINE + 1])
        self.coarse = nn.Sequential(*layers[V1_FINE + 1 :])
        self.channels = (even_channels(512, width), channels)
        self.pretrained = V1_PRETRAINED.get(width)

    def forward(self, images: torch.Tensor) -> Features:
        """Return both maps."""
        fine = self.fine(images)
        return fine, self.coarse(fine)


class MobileNetV2(nn.Module):
    """Compute the features of torchvision's MobileNetV2; the finer map is an inner one of 576 channels at width 1."""

    strides = MOBILENET_STRIDES

    def __init__(self, width: float, image_channels: int) -> None:
        """Build with new weights."""
        super().__init__()
        self.features = mobilenet_v2(weights=None, width_mult=width).features
        _take_channels(self.features[0][0], self.features[0], image_channels)
        inner = self.features[V2_FINE].conv[0][0]
        self.channels = (inner.out_channels, self.features[-1][0].out_channels)
        self.pretrained = "torchvision" if width == 1 else None

    def forward(self, images: torch.Tensor) -> Features:
        """Return both maps."""
        parts = self.features[V2_FINE].conv
        fine = parts[0](self.features[:V2_FINE](images))
        return fine, self.features[V2_FINE + 1 :](parts[1:](fine))


class MobileNetV3(nn.Module):
    """Compute the features of the variant of MobileNetV3 that ST's published detectors have."""

    strides = MOBILENET_STRIDES

    def __init__(self, blocks: tuple[_Block, ...], width: float, image_channels: int) -> None:
        """Build with new weights from `V3_LARGE` or `V3_SMALL`."""
        super().__init__()
        channels = even_channels(V3_STEM, width)
        layers: list[nn.Module] = [_normalised(image_channels, channels, 3, stride=2, act=nn.Hardswish)]
        outputs = []
        for kernel, inner, last, squeeze, swish, stride in blocks:
            sizes = (channels, even_channels(inner, width), even_channels(last, width))
            layers.append(InvertedBlock(sizes, kernel, stride, swish=swish, squeeze=squeeze))
            channels = sizes[-1]
            outputs.append(channels)
        deepest = even_channels(V3_LAST[blocks], width)
        layers.append(_normalised(channels, deepest, 1, act=nn.Hardswish))
        cut = V3_FINE[blocks]
        self.fine = nn.Sequential(*layers[: cut + 1])
        self.coarse = nn.Sequential(*layers[cut + 1 :])
        self.channels = (outputs[cut - 1], deepest)

    def forward(self, images: torch.Tensor) -> Features:
        """Return both maps."""
        fine = self.fine(images)
        return fine, self.coarse(fine)


class InvertedBlock(nn.Module):
    """Widen, filter every channel by itself, and narrow; MobileNetV3's block in ST's variant, also an extra layer."""

    def __init__(
        self, sizes: Sequence[int], kernel: int, stride: int, *, swish: bool = True, squeeze: bool = False
    ) -> None:
        """Build with new weights; `sizes` are the input, inner and output channels."""
        super().__init__()
        inputs, inner, outputs = sizes
        act = nn.Hardswish if swish else nn.ReLU
        self.squeeze = Squeeze(outputs) if squeeze else nn.Identity()
        self.widen = _normalised(inputs, inner, 1, act=act)
        self.filter = _normalised(inner, inner, kernel, stride=stride, groups=inner, act=act)
        self.narrow = _normalised(inner, outputs, 1, act=None)
        self.added = stride == 1
        fits = inputs == outputs or not self.added
        self.shortcut = nn.Identity() if fits else _normalised(inputs, outputs, 1, act=None)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return maps of shape (N, outputs, H, W)."""
        found: torch.Tensor = self.squeeze(self.narrow(self.filter(self.widen(maps))))
        return found + self.shortcut(maps) if self.added else found


class Squeeze(nn.Module):
    """Weigh channels by what the whole image holds."""

    def __init__(self, channels: int) -> None:
        """Build with new weights."""
        super().__init__()
        few = channels // 4
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.weigh = nn.Sequential(*_normalised(channels, few, 1), *_normalised(few, channels, 1, act=nn.Hardsigmoid))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the weighed maps."""
        weights: torch.Tensor = self.weigh(self.pool(maps))
        return maps * weights


def _normalised(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, act: type[nn.Module] | None = nn.ReLU
) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out")
    layers: list[nn.Module] = [convolution, BatchNorm(outputs)]
    return nn.Sequential(*layers, *(() if act is None else (act(),)))


def _take_channels(first: nn.Conv2d, parent: nn.Sequential, channels: int) -> None:
    if first.in_channels == channels:
        return
    size, stride, padding = first.kernel_size[0], first.stride[0], int(first.padding[0])
    parent[0] = nn.Conv2d(channels, first.out_channels, size, stride, padding, bias=False)
