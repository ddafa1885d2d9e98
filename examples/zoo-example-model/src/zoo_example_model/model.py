"""Own the network. Tensor letters: N images, C channels, H height, W width, K classes."""

import torch
from torch import nn
from zoo_core import ModelContext

from zoo_example_model.config import NetworkSection


class Network(nn.Module):
    """Compute scores of shape (N, K) for images of shape (N, C, H, W), of any height and width."""

    def __init__(self, channels: int, classes: int, width: int) -> None:
        """Build the network with new weights.

        Args:
            channels: C.
            classes: K.
            width: Channels of the first convolution.
        """
        super().__init__()
        self.features = nn.Sequential(
            _halving(channels, width),
            _halving(width, 2 * width),
            _halving(2 * width, 4 * width),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(4 * width, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the scores, before any softmax."""
        features = self.pool(self.features(images)).flatten(1)
        scores: torch.Tensor = self.classifier(features)
        return scores

    def get_classifier(self) -> nn.Linear:
        """Return the layer whose size depends on the number of classes, as timm's models do."""
        return self.classifier


def build(section: NetworkSection, context: ModelContext) -> nn.Module:
    """Return the network for the input and the classes of the run."""
    return Network(context.input.channels, context.num_classes, section.width)


def _halving(before: int, after: int) -> nn.Sequential:
    """Return a convolution that halves height and width."""
    convolution = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())
