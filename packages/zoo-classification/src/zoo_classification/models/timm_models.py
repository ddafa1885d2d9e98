"""Own the models that timm holds: by ST's names, and every one by timm's own name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from typing import Any

import timm
import torch
from timm.models import get_pretrained_cfg

from zoo_classification.models.options import OPTIONS, refuse_options, timm_options
from zoo_classification.models.table import MODELS
from zoo_core.errors import MissingError, UserError
from zoo_core.names import did_you_mean, split_qualified
from zoo_core.networks.input_size import Size, refuse_size
from zoo_core.networks.published import (
    ALTERNATIVES,
    HUB,
    IMAGENET,
    dataset_name,
    fetching,
    is_cached,
    refuse_pretrained,
    require_host,
    wants_pretrained,
)
from zoo_core.protocols import ModelContext
from zoo_core.runs.log import logger

BY_HAND = (
    "Fetch model.safetensors from there by other means and give its path as model.pretrained_model_path, or put it "
    "into the cache of huggingface_hub."
)
DATASET_IN_TAG = re.compile(r"in(1k|12k|21k|22k)")
IMAGENET_CLASSES = 1000


def names() -> Iterable[str]:
    """Return every name that timm knows, with and without the tag of its weights."""
    return (*timm.list_models(), *timm.list_pretrained())


def build(section: Any, context: ModelContext) -> torch.nn.Module:
    """Build the network that `model.model_name` states.

    Raises:
        MissingError: When pretrained weights are asked for and cannot be had.
        UserError: When timm knows no such name, the network lacks an option that was set, or the input does not fit it.
    """
    _, name = split_qualified(section.model_name)
    source = library_name(name)
    config = get_pretrained_cfg(source)
    arguments: dict[str, Any] = {
        "num_classes": context.num_classes,
        "in_chans": context.input.channels,
        **timm_options(context.options),
    }
    if config is not None and config.fixed_input_size:
        arguments["img_size"] = (context.input.height, context.input.width)
    if config is not None:
        sized = partial(_create_sized, source, arguments, context)
        refuse_size(sized, source, context.input, config.input_size[1:])
    if not wants_pretrained(section):
        return _create(source, arguments, context)
    tag = choose_weights(source, section, name)
    chosen = get_pretrained_cfg(tag)
    address = f"{HUB}/{chosen.hf_hub_id}" if chosen.hf_hub_id else str(chosen.url)
    with fetching(name, address, BY_HAND):
        if not is_cached(chosen.hf_hub_id, context.cache_dir):
            require_host(address)
        model = _create(tag, arguments, context, pretrained=True)
    logger.info(
        "Weights of %s (timm %s, licence: %s) were trained at %s pixels with mean %s, std %s, %s interpolation.",
        name,
        tag,
        getattr(chosen, "license", None) or "not stated",
        "x".join(str(size) for size in chosen.input_size[1:]),
        chosen.mean,
        chosen.std,
        chosen.interpolation,
    )
    return model


def library_name(name: str) -> str:
    """Return timm's name for one of ST's or for its own.

    Raises:
        UserError: When timm has no such model.
    """
    for model in MODELS:
        if model.library == "timm" and name.casefold() in (model.name, *model.aliases):
            return model.source
    if timm.is_model(name):
        return name
    if name == "timm":
        raise UserError(
            '"timm" stands for every model of timm; model.model_name must be the name of one of them.',
            hint="See: zoo list models",
        )
    hint = did_you_mean(name, timm.list_models())
    raise UserError(f'timm has no model "{name}".', hint=hint or "See: zoo list models")


def choose_weights(source: str, section: Any, name: str) -> str:
    """Return timm's name with the tag of the weights that the `model` section asks for.

    timm's own choice comes first; `model.pretrained_dataset` and `model.pretrained_input_shape` choose another.

    Raises:
        MissingError: When timm has no such weights.
    """
    known = [source] if "." in source else _with_tags(source)
    if not known:
        refuse_pretrained(section, name)
    asked = section.pretrained_input_shape
    size = None if asked is None else tuple(asked[1:])
    wanted = section.pretrained_dataset
    for tag in known:
        fits_data = wanted is None or _dataset_of(tag) == dataset_name(section)
        if fits_data and size in (None, get_pretrained_cfg(tag).input_size[1:]):
            return tag
    there = ", ".join(
        dict.fromkeys(
            f"{_dataset_of(tag)} at {'x'.join(map(str, get_pretrained_cfg(tag).input_size[1:]))}" for tag in known
        )
    )
    text = (wanted or IMAGENET) if size is None else f"{wanted or IMAGENET} at {'x'.join(map(str, size))} pixels"
    msg = f'model.pretrained: weights of {name} trained on "{text}" are not available, only {there}.'
    raise MissingError(msg, hint=ALTERNATIVES)


def _with_tags(source: str) -> list[str]:
    """Return the names of an architecture with the tags of all its weights, timm's choice first."""
    default = get_pretrained_cfg(source)
    if default is None or not (default.hf_hub_id or default.url):
        return []
    tags = timm.list_pretrained(f"{source}.*") or [source]
    first = f"{source}.{default.tag}"
    return sorted(tags, key=lambda tag: (tag != first, tag))


def _dataset_of(tag: str) -> str:
    """Return the data set that weights were trained on last, from their tag, else from their number of classes."""
    found = DATASET_IN_TAG.findall(tag.partition(".")[2])
    kind = found[-1] if found else ("1k" if get_pretrained_cfg(tag).num_classes == IMAGENET_CLASSES else "")
    return {"1k": IMAGENET, "": "another data set"}.get(kind, f"imagenet{kind}")


def _create(
    source: str, arguments: dict[str, Any], context: ModelContext, *, pretrained: bool = False
) -> torch.nn.Module:
    try:
        model: torch.nn.Module = timm.create_model(
            source, pretrained=pretrained, cache_dir=context.cache_dir, **arguments
        )
    except TypeError as error:
        lacking = [key for key, argument in OPTIONS.items() if argument in arguments and f"'{argument}'" in str(error)]
        if not lacking:
            raise
        refuse_options({key: arguments[OPTIONS[key]] for key in lacking}, source)
        kept = {name: value for name, value in arguments.items() if name not in {OPTIONS[key] for key in lacking}}
        return _create(source, kept, context, pretrained=pretrained)
    return model


def _create_sized(source: str, arguments: dict[str, Any], context: ModelContext, size: Size) -> torch.nn.Module:
    return _create(source, arguments | ({"img_size": size} if "img_size" in arguments else {}), context)
