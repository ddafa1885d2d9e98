"""Own the models that torchvision holds under ST's names."""

from __future__ import annotations

from typing import Any

from torch import nn
from torchvision.models import get_model

from zoo_classification.models.options import refuse_options
from zoo_classification.models.published import load_published
from zoo_classification.models.table import find
from zoo_core.networks.channels import adapt_channels
from zoo_core.protocols import ModelContext

WITH_DROPOUT = ("mnasnet0_5", "squeezenet1_0", "squeezenet1_1")
"""Networks whose classifier has a dropout layer."""


def build(section: Any, context: ModelContext) -> nn.Module:
    """Build the network that `model.model_name` states.

    Raises:
        MissingError: When pretrained weights are asked for and cannot be had.
        UserError: When an option is set that the network lacks.
    """
    row = find(section.model_name)
    model = _create(row.source, context)
    adapt_channels(model, context.input.channels)
    load_published(model, row, section, context)
    return model


def _create(source: str, context: ModelContext) -> nn.Module:
    dropout = context.options.get("drop")
    known = {"drop"} if source in WITH_DROPOUT else set()
    refuse_options(context.options, source, known=known)
    arguments = {"dropout": dropout} if known and dropout is not None else {}
    model: nn.Module = get_model(source, weights=None, num_classes=context.num_classes, **arguments)
    return model
