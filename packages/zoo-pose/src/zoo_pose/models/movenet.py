"""Own the backbone of MoveNet Lightning as ST trains it: MobileNetV2 of any width, tapped at three sizes.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018 (arXiv 1801.04381).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torchvision.models import MobileNetV2

from zoo_core.networks.channels import adapt_channels

TAPS = (4, 7, 11)
"""Parts of the network before each tap: the outputs of the blocks 2, 5 and 9 in the names of Keras."""
ROUNDED_TO = 8


class TappedMobileNetV2(nn.Module):
    """Compute the outputs of torchvision's MobileNetV2 at 4, 8 and 16 pixels a cell; what comes after is left out."""

    def __init__(self, alpha: float, image_channels: int) -> None:
        """Build with new weights.

        Args:
            alpha: Factor of the numbers of channels, which are rounded to multiples of 8.
            image_channels: Channels of the images.
        """
        super().__init__()
        self.alpha = alpha
        network = MobileNetV2(width_mult=alpha, round_nearest=ROUNDED_TO)
        adapt_channels(network, image_channels)
        self.features = network.features[: TAPS[-1]]
        self.channels = tuple(self.features[end - 1].out_channels for end in TAPS)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the maps, fine to coarse."""
        found, maps = images, []
        for start, end in pairwise((0, *TAPS)):
            found = self.features[start:end](found)
            maps.append(found)
        return tuple(maps)
