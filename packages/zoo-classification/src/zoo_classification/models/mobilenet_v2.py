"""Own MobileNetV2 in the widths and variants that ST publishes, built on torchvision's.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018.
"""

from __future__ import annotations

from typing import Any, cast

from torch import nn
from torchvision.models import MobileNetV2
from torchvision.ops import Conv2dNormActivation

from zoo_classification.models.options import dropout_rate
from zoo_classification.models.published import load_published
from zoo_classification.models.table import find
from zoo_core.networks.channels import adapt_channels
from zoo_core.protocols import ModelContext

TORCHVISION = "mobilenet_v2"
EXPANDED, PLAIN = "mobilenetv2", "mobilenetv2b"
"""pytorchcv's two variants: their widths are not rounded to multiples of 8 and their classifier has no bias; the first
also expands in the first block, where the factor is 1."""
DROPOUT = 0.2


def build(section: Any, context: ModelContext) -> MobileNetV2:
    """Build the network that `model.model_name` states.

    Raises:
        MissingError: When pretrained weights are asked for and cannot be had.
        UserError: When an option is set that the network lacks.
    """
    row = find(section.model_name)
    rounded = row.source == TORCHVISION
    model = MobileNetV2(
        num_classes=context.num_classes,
        width_mult=row.width,
        round_nearest=8 if rounded else 1,
        dropout=dropout_rate(context.options, row.name, DROPOUT if rounded else 0.0),
    )
    if not rounded:
        _leave_out_bias(model)
    if row.source == EXPANDED:
        _expand_first_block(model)
    adapt_channels(model, context.input.channels)
    load_published(model, row, section, context)
    return model


def _leave_out_bias(model: MobileNetV2) -> None:
    classifier = cast("nn.Linear", model.classifier[1])
    model.classifier[1] = nn.Linear(classifier.in_features, classifier.out_features, bias=False)
    nn.init.normal_(model.classifier[1].weight, std=0.01)


def _expand_first_block(model: MobileNetV2) -> None:
    width = model.features[0].out_channels
    model.features[1].conv.insert(0, Conv2dNormActivation(width, width, 1, activation_layer=nn.ReLU6))
