"""Own the models that timm holds: by ST's names, and every one by timm's own name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import timm
import torch
from timm.models import get_pretrained_cfg

from zoo_classification.models.options import refuse_options
from zoo_classification.models.pretrained import (
    check_dataset,
    fetching,
    refuse_pretrained,
    require_host,
    wants_pretrained,
)
from zoo_classification.models.table import LIBRARY_MODELS
from zoo_core.errors import UserError
from zoo_core.names import did_you_mean, split_qualified
from zoo_core.protocols import ModelContext

HUB = "https://huggingface.co"
OPTIONS = {"drop": "drop_rate", "drop_path": "drop_path_rate", "drop_block": "drop_block_rate"}
"""Keys of `data_augmentation` that shape the network -> arguments of timm."""


def names() -> Iterable[str]:
    """Return every name that timm knows, with and without the tag of its weights."""
    return (*timm.list_models(), *timm.list_pretrained())


def build(section: Any, context: ModelContext) -> torch.nn.Module:
    """Build the network that `model.model_name` states.

    Raises:
        MissingError: When pretrained weights are asked for and cannot be had.
        UserError: When timm knows no such name, or the network lacks an option that was set.
    """
    _, name = split_qualified(section.model_name)
    source = library_name(name)
    config = get_pretrained_cfg(source)
    arguments: dict[str, Any] = {
        "num_classes": context.num_classes,
        "in_chans": context.input.channels,
        **{OPTIONS[key]: value for key, value in context.options.items() if key in OPTIONS and value is not None},
    }
    if config is not None and config.fixed_input_size:
        arguments["img_size"] = (context.input.height, context.input.width)
    if not wants_pretrained(section):
        return _create(source, arguments, context)
    check_dataset(section, name)
    if config is None or not (config.hf_hub_id or config.url):
        refuse_pretrained(section, name)
    address = f"{HUB}/{config.hf_hub_id}" if config.hf_hub_id else str(config.url)
    with fetching(name, address):
        if not _is_cached(config, context):
            require_host(address)
        return _create(source, arguments, context, pretrained=True)


def library_name(name: str) -> str:
    """Return timm's name for one of ST's or for its own.

    Raises:
        UserError: When timm has no such model.
    """
    for model in LIBRARY_MODELS:
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


def _is_cached(config: Any, context: ModelContext) -> bool:
    """Tell whether the weights lie on this machine already."""
    if not config.hf_hub_id:
        return True  # torch.hub looks into its own cache first and fails at once without a connection
    from huggingface_hub import try_to_load_from_cache

    files = ("model.safetensors", "pytorch_model.bin")
    found = (try_to_load_from_cache(config.hf_hub_id, file, cache_dir=context.cache_dir) for file in files)
    return any(isinstance(path, str) for path in found)
