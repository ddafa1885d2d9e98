"""Own the networks that only pytorchcv holds; it comes with the extra `zoo-classification[pytorchcv]`."""

from __future__ import annotations

from typing import Any

from pytorchcv.model_provider import get_model
from torch import nn

from zoo_classification.models.options import refuse_options
from zoo_classification.models.published import load_published
from zoo_classification.models.table import ZooModel, find
from zoo_core.networks.input_size import refuse_size
from zoo_core.protocols import ModelContext

POOL = "final_pool"


def build(section: Any, context: ModelContext) -> nn.Module:
    """Build the network that `model.model_name` states, for images of any size.

    Raises:
        MissingError: When pretrained weights are asked for and cannot be had.
        UserError: When an option is set that the network lacks, or the images do not fit it.
    """
    row = find(section.model_name)
    refuse_size(lambda _: _create(row, context), row.name, context.input, (row.input.height, row.input.width))
    model = _create(row, context)
    load_published(model, row, section, context)
    return model


def _create(row: ZooModel, context: ModelContext) -> nn.Module:
    model: nn.Module = get_model(row.source, num_classes=context.num_classes, in_channels=context.input.channels)
    dropouts = [part for part in model.modules() if isinstance(part, nn.Dropout)]
    refuse_options(context.options, row.name, known={"drop"} if dropouts else ())
    rate = context.options.get("drop")
    if rate is not None:
        for dropout in dropouts:
            dropout.p = float(rate)
    _pool_any_size(model)
    return model


def _pool_any_size(model: nn.Module) -> None:
    """Replace the last pooling, which takes 7x7 only, by the mean over all pixels."""
    for part in list(model.modules()):
        if hasattr(part, POOL):
            setattr(part, POOL, nn.AdaptiveAvgPool2d(1))
