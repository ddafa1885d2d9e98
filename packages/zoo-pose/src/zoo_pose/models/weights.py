"""Own the weights of backbones that torchvision and timm publish: fetching them, or saying why they cannot be had."""

from __future__ import annotations

import timm
import torch
from torchvision.models import MobileNet_V2_Weights

from zoo_core.errors import MissingError
from zoo_core.networks.pairing import in_order, put
from zoo_core.networks.published import (
    ALTERNATIVES,
    HUB,
    IMAGENET,
    PublishedWeights,
    dataset_name,
    fetch_weights,
    fetching,
    is_cached,
    require_host,
    wants_pretrained,
)
from zoo_core.protocols import ModelContext
from zoo_core.runs.log import logger
from zoo_pose.config.model import PoseModelSection
from zoo_pose.models.heatmaps import HeatmapNetwork
from zoo_pose.models.movenet import TappedMobileNetV2
from zoo_pose.models.timm_backbone import TimmFeatures

State = dict[str, torch.Tensor]
FULL = 1.0
OF_TIMM = {0.5: "mobilenetv2_050", 1.4: "mobilenetv2_140"}
"""Width of MobileNetV2 -> timm's network of the same layers; that of width 1 comes from torchvision."""
LICENCE, RESOLUTION = "BSD-3-Clause", 224
BACKBONE = "backbone."


def load_published(model: HeatmapNetwork, section: PoseModelSection, context: ModelContext) -> None:
    """Load the weights of the backbone when `model.pretrained` asks for them; pyramid and head stay new.

    Raises:
        MissingError: When nobody publishes them, or they cannot be fetched.
    """
    if not wants_pretrained(section):
        return
    asked = dataset_name(section)
    if asked != IMAGENET:
        msg = f"model.pretrained_dataset: weights trained on {asked} are not available, only on {IMAGENET}."
        raise MissingError(msg, hint=ALTERNATIVES)
    state, source = published_state(model.backbone, context)
    name = section.model_name or "the model"
    put(model, {BACKBONE + key: value for key, value in state.items()}, name, lambda key: not key.startswith(BACKBONE))
    logger.info("Weights of the backbone, trained on ImageNet: %s; the head is new.", source)


def published_state(backbone: TappedMobileNetV2 | TimmFeatures, context: ModelContext) -> tuple[State, str]:
    """Return published weights of a backbone under its own names, and where they are from, in words.

    Raises:
        MissingError: When nobody publishes them, or they cannot be fetched.
    """
    if isinstance(backbone, TimmFeatures):
        address = _address(backbone.name, context)
        with fetching(backbone.name, address):
            _require(backbone.name, address, context)
            return backbone.published_state(context.cache_dir), f"timm, {address}"
    if backbone.alpha == FULL:
        return _of_torchvision(backbone, context)
    if backbone.alpha not in OF_TIMM:
        widths = ", ".join(f"{width:g}" for width in sorted((FULL, *OF_TIMM)))
        msg = f"model.pretrained: no weights are published for MobileNetV2 of the width {backbone.alpha:g}."
        raise MissingError(msg, hint=f"Set model.alpha to one of {widths}.\n{ALTERNATIVES}")
    name = OF_TIMM[backbone.alpha]
    address = _address(name, context)
    with fetching(name, address):
        _require(name, address, context)
        state = timm.create_model(name, pretrained=True, cache_dir=context.cache_dir).state_dict()
    return renamed(state, backbone, name), f"timm, {address}"


def renamed(state: State, backbone: TappedMobileNetV2, name: str) -> State:
    """Give the weights of timm's MobileNetV2 torchvision's names; layers behind the last tap are left out.

    Raises:
        MissingError: When the networks differ.
    """
    own = {key: value for key, value in backbone.state_dict().items() if not key.endswith("num_batches_tracked")}
    given = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    return in_order(backbone, dict(list(given.items())[: len(own)]), name)


def _of_torchvision(backbone: TappedMobileNetV2, context: ModelContext) -> tuple[State, str]:
    url = MobileNet_V2_Weights.DEFAULT.url
    prefix = url.rpartition("-")[2].partition(".")[0]
    state = fetch_weights(PublishedWeights(IMAGENET, RESOLUTION, url, LICENCE, sha256=prefix), context)
    own = set(backbone.state_dict())
    return {key: value for key, value in state.items() if key in own}, f"torchvision, {url}"


def _address(name: str, context: ModelContext) -> str:
    """Return where timm has the weights of a network.

    Raises:
        MissingError: When timm publishes none.
    """
    del context
    config = timm.models.get_pretrained_cfg(name)
    if config is None or not (config.hf_hub_id or config.url):
        raise MissingError(f"model.pretrained: timm publishes no weights for {name}.", hint=ALTERNATIVES)
    return f"{HUB}/{config.hf_hub_id}" if config.hf_hub_id else str(config.url)


def _require(name: str, address: str, context: ModelContext) -> None:
    if not is_cached(timm.models.get_pretrained_cfg(name).hf_hub_id, context.cache_dir):
        require_host(address)
