"""Own the classifiers MobileNetV1 and FD-MobileNet in the widths that ST publishes."""

from __future__ import annotations

from typing import Any

from zoo_classification.models.options import dropout_rate
from zoo_classification.models.published import load_published
from zoo_classification.models.table import find
from zoo_core.networks.mobilenet_v1 import PLANS, MobileNet
from zoo_core.protocols import ModelContext


def build(section: Any, context: ModelContext) -> MobileNet:
    """Build the network that `model.model_name` states; the `source` of its row names the plan.

    Raises:
        MissingError: When pretrained weights are asked for and cannot be had.
        UserError: When an option is set that the network lacks.
    """
    row = find(section.model_name)
    dropout = dropout_rate(context.options, row.name)
    model = MobileNet(PLANS[row.source].scaled(row.width), context.input.channels, context.num_classes, dropout)
    load_published(model, row, section, context)
    return model
