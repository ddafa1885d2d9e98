"""Own the published weights of embedders: which there are, choosing them, and loading or refusing them.

Tensors of the layer behind the features, the neck and the identity head may differ; everything else must fit.
"""

from __future__ import annotations

from typing import Any

import timm
from torch import nn

from zoo_core.errors import MissingError
from zoo_core.networks.pairing import in_order, put
from zoo_core.networks.published import (
    ALTERNATIVES,
    HUB,
    PublishedWeights,
    dataset_name,
    fetch_weights,
    fetching,
    is_cached,
    refuse_pretrained,
    require_host,
    wants_pretrained,
)
from zoo_core.protocols import ModelContext
from zoo_core.runs.log import logger
from zoo_core.training.checkpoint import StateDict
from zoo_reid.models.backbones import Backbone
from zoo_reid.models.embedder import Embedder
from zoo_reid.models.published_files import FILES, TIMM_NAMES
from zoo_reid.models.table import IMAGENET, MOBILENET_V1, MOBILENET_V2
from zoo_reid.models.timm_backbone import timm_backbone

BEHIND = (Embedder.HEAD, "fc.", "neck.")
"""Beginnings of the names of tensors that may stay new."""
CLASSIFIERS = ("classifier.", "output.")
"""Beginnings of the names of the classifiers in published files."""
BY_HAND = "Fetch model.safetensors from there by other means and put it into the cache of huggingface_hub."


def load_published(model: Embedder, family: str, width: float, section: Any, context: ModelContext) -> None:
    """Load published weights into an embedder of an own family when `model.pretrained` asks for them.

    Args:
        model: Embedder with new weights; changed in place.
        family: `mobilenetv1`, `mobilenetv2` or `osnet`.
        width: Factor of the number of channels.
        section: The `model` section.
        context: Cache folder and progress display.

    Raises:
        MissingError: When there are none as asked, they cannot be fetched, or they do not fit.
    """
    if not wants_pretrained(section):
        return
    name = f"{family}_a{round(width * 100):03d}"
    source = TIMM_NAMES.get((family, width))
    available = FILES.get((family, width), ()) if source is None else (_of_timm(source),)
    if not available:
        refuse_pretrained(section, name)
    chosen = _choose(available, section, name)
    state = fetch_weights(chosen, context) if source is None else _timm_state(source, chosen, context)
    state = {key: value for key, value in state.items() if not key.startswith(CLASSIFIERS)}
    if family == MOBILENET_V1 or source is not None:
        state = in_order(_backbone(model, family), state, name)
    fresh = put(model, state, name, lambda key: key.startswith(BEHIND))
    _tell(name, chosen, fresh)


def pretrained_backbone(name: str, source: str, section: Any, context: ModelContext) -> Backbone:
    """Return a network of timm with the weights that `model.pretrained` asks for.

    Raises:
        MissingError: When there are none as asked, or they cannot be fetched.
        UserError: When the network does not fit.
    """
    if not wants_pretrained(section):
        return timm_backbone(source, context)
    chosen = _choose((_of_timm(source),), section, name)
    backbone = _fetched(source, chosen, context)
    _tell(name, chosen, ())
    return backbone


def _of_timm(source: str) -> PublishedWeights:
    """Return the weights of timm's choice for a network.

    Raises:
        MissingError: When timm publishes none.
    """
    config = timm.models.get_pretrained_cfg(source)
    if config is None or not (config.hf_hub_id or config.url):
        raise MissingError(f"model.pretrained: timm publishes no weights for {source}.", hint=ALTERNATIVES)
    address = f"{HUB}/{config.hf_hub_id}" if config.hf_hub_id else str(config.url)
    return PublishedWeights(IMAGENET, config.input_size[1], address, getattr(config, "license", None) or "not stated")


def _fetched(source: str, chosen: PublishedWeights, context: ModelContext) -> Backbone:
    timm_backbone(source, context)  # what does not fit is told before anything is fetched
    config = timm.models.get_pretrained_cfg(source)
    with fetching(source, chosen.url, BY_HAND):
        if not is_cached(config.hf_hub_id, context.cache_dir):
            require_host(chosen.url)
        return timm_backbone(source, context, pretrained=True)


def _timm_state(source: str, chosen: PublishedWeights, context: ModelContext) -> StateDict:
    parts = _fetched(source, chosen, context).parts
    return nn.ModuleDict(dict(parts)).state_dict()


def _backbone(model: Embedder, family: str) -> nn.Module:
    names = ("features",) if family == MOBILENET_V2 else ("stem", "blocks")
    return nn.ModuleDict({name: model.get_submodule(name) for name in names})


def _choose(available: tuple[PublishedWeights, ...], section: Any, name: str) -> PublishedWeights:
    """Return the weights of the data set and the height asked for.

    Raises:
        MissingError: When there are none.
    """
    dataset, asked = dataset_name(section), section.pretrained_input_shape
    for weights in available:
        if weights.dataset == dataset and (asked is None or weights.resolution == asked[1]):
            return weights
    wanted = dataset if asked is None else f"{dataset} at a height of {asked[1]} pixels"
    there = ", ".join(f"{weights.dataset} at {weights.resolution}" for weights in available)
    msg = f"model.pretrained: weights of {name} trained on {wanted} are not available, only {there}."
    raise MissingError(msg, hint=ALTERNATIVES)


def _tell(name: str, chosen: PublishedWeights, fresh: tuple[str, ...]) -> None:
    parts = ", ".join(sorted({key.partition(".")[0] for key in fresh}))
    logger.info(
        "Weights of %s, trained on %s at a height of %d pixels (%s, licence: %s): %s",
        name,
        chosen.dataset,
        chosen.resolution,
        chosen.url,
        chosen.licence,
        f"all but {parts}, which start new" if parts else "all",
    )
