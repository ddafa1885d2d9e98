"""Own the extra layers and heads that detectors of the SSD family are put together from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from zoo_detection.models.backbones import BatchNorm, InvertedBlock

Extras = tuple[tuple[int, int], ...]
"""Inner and output channels of each extra layer."""


def dense_extra(inputs: int, inner: int, outputs: int) -> nn.Module:
    """Return a layer that halves a map: 1x1 and 3x3 convolutions."""
    return nn.Sequential(
        nn.Conv2d(inputs, inner, 1), nn.ReLU(), nn.Conv2d(inner, outputs, 3, stride=2, padding=1), nn.ReLU()
    )


def separable_extra(inputs: int, inner: int, outputs: int) -> nn.Module:
    """Return a layer that halves a map: a 1x1 convolution and a 3x3 one in two factors."""
    return nn.Sequential(
        nn.Conv2d(inputs, inner, 1),
        nn.ReLU(),
        nn.Sequential(
            nn.Conv2d(inner, inner, 3, stride=2, padding=1, groups=inner), nn.ReLU(), nn.Conv2d(inner, outputs, 1)
        ),
    )


def inverted_extra(inputs: int, inner: int, outputs: int) -> nn.Module:
    """Return a layer that halves a map: MobileNetV2's block, narrow inside."""
    return nn.Sequential(
        nn.Conv2d(inputs, inner, 1, bias=False),
        BatchNorm(inner),
        nn.ReLU6(),
        nn.Conv2d(inner, inner, 3, stride=2, padding=1, groups=inner, bias=False),
        BatchNorm(inner),
        nn.ReLU6(),
        nn.Conv2d(inner, outputs, 1, bias=False),
        BatchNorm(outputs),
    )


def swish_extra(inputs: int, inner: int, outputs: int) -> nn.Module:
    """Return a layer that halves a map: MobileNetV3's block, narrow inside."""
    return InvertedBlock((inputs, inner, outputs), 3, 2)


def dense_head(inputs: int, outputs: int) -> nn.Module:
    """Return a 3x3 convolution."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def separable_head(inputs: int, outputs: int) -> nn.Module:
    """Return a 3x3 convolution in two factors."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 1)
    )


def normalised_head(inputs: int, outputs: int) -> nn.Module:
    """Return a 3x3 convolution in two factors with batch normalisation between."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs),
        BatchNorm(inputs),
        nn.ReLU6(),
        nn.Conv2d(inputs, outputs, 1),
    )


def pointwise_head(inputs: int, outputs: int) -> nn.Module:
    """Return a 1x1 convolution."""
    return nn.Conv2d(inputs, outputs, 1)


EXTRAS: Mapping[str, Callable[..., Any]] = {
    "dense": dense_extra,
    "separable": separable_extra,
    "inverted": inverted_extra,
    "inverted_swish": swish_extra,
}
HEADS: Mapping[str, Callable[..., Any]] = {
    "dense": dense_head,
    "separable": separable_head,
    "normalised": normalised_head,
    "pointwise": pointwise_head,
}
