"""Own the backbones of embedders: parts that run one behind the other, and the channels of the last one's features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn
from torchvision.models import MobileNetV2

from zoo_core.networks.channels import adapt_channels
from zoo_core.networks.mobilenet_v1 import PLANS, MobileNet
from zoo_reid.models.osnet import osnet_features
from zoo_reid.models.table import MOBILENET_V1, OSNET


@dataclass(frozen=True, slots=True)
class Backbone:
    """Hold the parts of a backbone under the names that their weights have."""

    parts: Mapping[str, nn.Module]
    channels: int
    """Of the features that the last part gives."""


def own_backbone(family: str, width: float, in_channels: int) -> Backbone:
    """Return a MobileNet or an OSNet with new weights, for images with 1 or 3 channels.

    The names of the layers are those of the classifiers of the same names, so that weights carry over.
    """
    if family == OSNET:
        return Backbone(*osnet_features(width, in_channels))
    if family == MOBILENET_V1:
        plan = PLANS["mobilenet"].scaled(width)
        network = MobileNet(plan, in_channels, num_classes=1)
        return Backbone({"stem": network.stem, "blocks": network.blocks}, plan.blocks[-1][0])
    mobile = MobileNetV2(num_classes=1, width_mult=width)
    adapt_channels(mobile, in_channels)
    return Backbone({"features": mobile.features}, mobile.last_channel)
