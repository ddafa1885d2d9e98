"""Own the classifier STResNet: the compressed ResNet-18 with timm's pooling and classifier."""

from __future__ import annotations

from typing import Any

import timm
from torch import nn

from zoo_classification.models.options import timm_options
from zoo_classification.models.published import load_published
from zoo_classification.models.table import find
from zoo_core.networks.st_resnet import RANKS, TuckerConv2d, compress, own_names
from zoo_core.protocols import ModelContext

__all__ = ["TuckerConv2d", "build"]


def build(section: Any, context: ModelContext) -> nn.Module:
    """Build the network that `model.model_name` states.

    Raises:
        MissingError: When pretrained weights are asked for and cannot be had.
    """
    row = find(section.model_name)
    model: nn.Module = timm.create_model(
        "resnet18", num_classes=context.num_classes, in_chans=context.input.channels, **timm_options(context.options)
    )
    compress(model, RANKS[row.source])
    load_published(model, row, section, context, rename=own_names)
    return model
