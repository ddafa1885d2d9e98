"""Own the models that torchvision holds under ST's names."""

from __future__ import annotations

from typing import Any

import torch
from timm.models import adapt_input_conv
from torch import nn
from torchvision.models import get_model, get_model_weights

from zoo_classification.models.options import refuse_options
from zoo_classification.models.pretrained import check_dataset, fetching, wants_pretrained
from zoo_classification.models.table import LIBRARY_MODELS
from zoo_core.errors import UserError
from zoo_core.names import split_qualified
from zoo_core.protocols import ModelContext

RGB = 3
WITH_DROPOUT = ("mnasnet0_5", "squeezenet1_0")
"""Networks whose classifier has a dropout layer."""


def build(section: Any, context: ModelContext) -> nn.Module:
    """Build the network that `model.model_name` states.

    Raises:
        MissingError: When pretrained weights are asked for and cannot be fetched.
        UserError: When an option is set that the network lacks.
    """
    _, name = split_qualified(section.model_name)
    source = _library_name(name)
    model = _create(source, context)
    adapt_channels(model, context.input.channels)
    if wants_pretrained(section):
        check_dataset(section, name)
        weights = get_model_weights(source).DEFAULT
        with fetching(name, weights.url):
            _load_backbone(model, weights.get_state_dict(progress=False, check_hash=True), source)
    return model


def adapt_channels(model: nn.Module, channels: int) -> None:
    """Replace the first convolution by one that takes another number of channels."""
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


def _library_name(name: str) -> str:
    for model in LIBRARY_MODELS:
        if model.library == "torchvision" and name.casefold() in (model.name, *model.aliases):
            return model.source
    raise UserError(f'torchvision has no model "{name}" under this name.', hint="See: zoo list models")


def _create(source: str, context: ModelContext) -> nn.Module:
    dropout = context.options.get("drop")
    known = {"drop"} if source in WITH_DROPOUT else set()
    refuse_options(context.options, source, known=known)
    arguments = {"dropout": dropout} if known and dropout is not None else {}
    model: nn.Module = get_model(source, weights=None, num_classes=context.num_classes, **arguments)
    return model


def _load_backbone(model: nn.Module, state: dict[str, torch.Tensor], source: str) -> None:
    """Load ImageNet weights; the first convolution is adapted, a classifier of other classes stays new."""
    own = model.state_dict()
    fitting = {}
    for name, value in state.items():
        wanted = own[name].shape
        if value.shape == wanted:
            fitting[name] = value
        elif value.ndim == own[name].ndim == len(("O", "I", "H", "W")) and value.shape[1] == RGB:
            fitting[name] = adapt_input_conv(wanted[1], value)
    left_out = set(own) - set(fitting)
    if any(not name.startswith(("classifier", "fc")) for name in left_out):
        msg = f"the weights of torchvision's {source} do not fit: {', '.join(sorted(left_out))}"
        raise ValueError(msg)
    model.load_state_dict(fitting, strict=False)
