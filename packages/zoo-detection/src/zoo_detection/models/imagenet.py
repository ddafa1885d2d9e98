"""Own the weights of backbones that timm and torchvision publish: fetching them, or saying why they cannot be had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import timm
from torch import nn
from torchvision.models import MobileNet_V2_Weights

from zoo_core.errors import MissingError
from zoo_core.networks.published import (
    ALTERNATIVES,
    HUB,
    IMAGENET,
    PublishedWeights,
    fetch_weights,
    fetching,
    is_cached,
    require_host,
)
from zoo_core.protocols import ModelContext
from zoo_detection.models.matching import State

TORCHVISION, LICENCE, RESOLUTION = "torchvision", "BSD-3-Clause", 224
NOT_FEATURES = ("classifier.", "fc.", "head.")
"""Layers of timm's classifiers behind the features."""


def library_weights(backbone: nn.Module, name: str, context: ModelContext) -> tuple[State, str]:
    """Return the weights that a library publishes for a backbone, and where they are from, in words.

    The backbone's attribute `pretrained` names the network: timm's name, or `torchvision`. Where its method
    `published_state` exists, that returns timm's weights, from a cache folder, under its own names.

    Raises:
        MissingError: When there are none, or they cannot be fetched.
    """
    source = getattr(backbone, "pretrained", None)
    if source is None:
        msg = f"model.pretrained: no weights from ImageNet are published for the backbone of {name} at this width."
        hint = (
            "model.pretrained_dataset: coco takes over a whole detector where ST publishes one; model_name: ssdlite "
            "with model.backbone takes a network that timm has weights for.\n"
        )
        raise MissingError(msg, hint=hint + ALTERNATIVES)
    if source == TORCHVISION:
        return _of_torchvision(context)
    return _of_timm(backbone, source, context)


def _of_torchvision(context: ModelContext) -> tuple[State, str]:
    url = MobileNet_V2_Weights.DEFAULT.url
    prefix = url.rpartition("-")[2].partition(".")[0]
    state = fetch_weights(PublishedWeights(IMAGENET, RESOLUTION, url, LICENCE, sha256=prefix), context)
    return {key: value for key, value in state.items() if key.startswith("features.")}, f"torchvision, {url}"


def _of_timm(backbone: nn.Module, source: str, context: ModelContext) -> tuple[State, str]:
    config = timm.models.get_pretrained_cfg(source)
    if config is None or not (config.hf_hub_id or config.url):
        raise MissingError(f"model.pretrained: timm publishes no weights for {source}.", hint=ALTERNATIVES)
    address = f"{HUB}/{config.hf_hub_id}" if config.hf_hub_id else str(config.url)
    of_backbone: Callable[[Path | None], State] | None = getattr(backbone, "published_state", None)
    with fetching(source, address):
        if not is_cached(config.hf_hub_id, context.cache_dir):
            require_host(address)
        if of_backbone is not None:
            return of_backbone(context.cache_dir), f"timm, {address}"
        state = timm.create_model(source, pretrained=True, cache_dir=context.cache_dir).state_dict()
    return {key: value for key, value in state.items() if not key.startswith(NOT_FEATURES)}, f"timm, {address}"
