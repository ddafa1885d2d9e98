"""Own the fitting of a library's network to the channels of the images."""

from __future__ import annotations

from torch import nn


def adapt_channels(model: nn.Module, channels: int) -> None:
    """Replace the first convolution by one that takes another number of channels, with new weights."""
    name, first = next((name, part) for name, part in model.named_modules() if isinstance(part, nn.Conv2d))
    if first.in_channels == channels:
        return
    convolution = nn.Conv2d(
        channels,
        first.out_channels,
        (first.kernel_size[0], first.kernel_size[1]),
        (first.stride[0], first.stride[1]),
        padding=first.padding if isinstance(first.padding, str) else (first.padding[0], first.padding[1]),
        bias=first.bias is not None,
    )
    parent, _, attribute = name.rpartition(".")
    setattr(model.get_submodule(parent), attribute, convolution)
