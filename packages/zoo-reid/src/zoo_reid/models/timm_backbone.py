"""Own any feature model of timm as the backbone of an embedder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm
import torch
from timm.models.efficientnet import EfficientNet
from timm.models.resnet import ResNet
from torch import nn

from zoo_core.errors import UserError
from zoo_core.names import did_you_mean
from zoo_core.networks.input_size import FAILURES
from zoo_core.protocols import ModelContext
from zoo_reid.models.backbones import Backbone

CHAINS: Mapping[type[nn.Module], tuple[str, ...]] = {
    ResNet: ("conv1", "bn1", "act1", "maxpool", "layer1", "layer2", "layer3", "layer4"),
    EfficientNet: ("conv_stem", "bn1", "blocks", "conv_head", "bn2"),
}
"""Networks whose features are the mean over the maps of a chain of layers; all others are taken as a whole."""
VECTOR_RANK = 2


def timm_backbone(name: str, context: ModelContext, *, pretrained: bool = False) -> Backbone:
    """Return a network of timm with new or published weights, without its classifier.

    Raises:
        UserError: When timm has no such network, it gives no features, or it cannot take the images.
    """
    arguments = _arguments(name, context)
    channels = _channels(name, arguments, context)
    network = timm.create_model(name, pretrained=pretrained, cache_dir=context.cache_dir, **arguments)
    chain = CHAINS.get(type(network))
    if chain is None:
        return Backbone({"backbone": network}, channels)
    return Backbone({part: getattr(network, part) for part in chain}, channels)


def _arguments(name: str, context: ModelContext) -> dict[str, Any]:
    """Return what a network is built with.

    Raises:
        UserError: When timm has no such network.
    """
    if not timm.is_model(name):
        hint = did_you_mean(name, timm.list_models())
        raise UserError(f'model.backbone: timm has no model "{name}".', hint=hint or "Names: timm.list_models().")
    arguments: dict[str, Any] = {"num_classes": 0, "in_chans": context.input.channels}
    config = timm.models.get_pretrained_cfg(name)
    if config is not None and config.fixed_input_size:
        arguments["img_size"] = (context.input.height, context.input.width)
    return arguments


def _channels(name: str, arguments: dict[str, Any], context: ModelContext) -> int:
    """Return how many features a network gives, found without any memory for its weights."""
    input = context.input
    try:
        with torch.device("meta"), torch.no_grad():
            found = timm.create_model(name, pretrained=False, **arguments).eval()(torch.empty(2, *input.shape))
    except FAILURES as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        msg = f"model.input_shape: {name} cannot take images of {input.height}x{input.width} pixels ({reason})."
        raise UserError(msg, hint="Multiples of 32 often work.") from error
    if not isinstance(found, torch.Tensor) or found.ndim != VECTOR_RANK:
        raise UserError(f"model.backbone: {name} gives no features of an image.", hint="Choose, for example, resnet18.")
    return int(found.shape[1])
