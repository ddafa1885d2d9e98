"""Own the weights of backbones that timm and torchvision publish: fetching them, or saying why they cannot be had."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

import timm
from torch import nn
from torchvision.models import MobileNet_V2_Weights

from zoo_core.artifacts import hash_file
from zoo_core.data.download import download
from zoo_core.errors import MissingError, UserError
from zoo_core.protocols import ModelContext
from zoo_core.training.checkpoint import read_weights
from zoo_core.training.silence import SilentProgress
from zoo_detection.models.matching import State

ALTERNATIVES = (
    "Set model.model_path to a checkpoint of this architecture, or model.pretrained_model_path to take over all but "
    "its classes, or model.pretrained: False to start from new weights."
)
HUB = "https://huggingface.co"
TORCHVISION = "torchvision"
NOISY_LOGGERS = ("huggingface_hub", "httpx", "timm.models._builder", "timm.models._hub")
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
    try:
        path = download(url, progress=context.progress or SilentProgress(), folder=context.cache_dir)
        state = read_weights(path).state_dict
    except (MissingError, UserError) as error:
        raise MissingError(error.message, hint=f"{error.hint or ''}\n{ALTERNATIVES}".strip()) from error
    prefix = url.rpartition("-")[2].partition(".")[0]
    found = hash_file(path)
    if not found.startswith(prefix):
        msg = f"{path} does not hold the published weights: its SHA-256 {found} does not begin with {prefix}."
        raise MissingError(msg, hint=f"Delete the file to fetch it again.\n{ALTERNATIVES}")
    return {key: value for key, value in state.items() if key.startswith("features.")}, f"torchvision, {url}"


def _of_timm(backbone: nn.Module, source: str, context: ModelContext) -> tuple[State, str]:
    config = timm.models.get_pretrained_cfg(source)
    if config is None or not (config.hf_hub_id or config.url):
        raise MissingError(f"model.pretrained: timm publishes no weights for {source}.", hint=ALTERNATIVES)
    address = f"{HUB}/{config.hf_hub_id}" if config.hf_hub_id else str(config.url)
    of_backbone: Callable[[Path | None], State] | None = getattr(backbone, "published_state", None)
    with _fetching(source, address):
        if config.hf_hub_id and not _is_cached(config.hf_hub_id, context):
            _require_host(address)
        if of_backbone is not None:
            return of_backbone(context.cache_dir), f"timm, {address}"
        state = timm.create_model(source, pretrained=True, cache_dir=context.cache_dir).state_dict()
    return {key: value for key, value in state.items() if not key.startswith(NOT_FEATURES)}, f"timm, {address}"


@contextmanager
def _fetching(name: str, address: str) -> Iterator[None]:
    """Turn any failure to fetch weights into one message that says what was tried.

    Raises:
        MissingError: When the weights could not be fetched.
    """
    loggers = [logging.getLogger(one) for one in NOISY_LOGGERS]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        yield
    except (KeyError, RuntimeError, OSError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        msg = f"model.pretrained: the weights of {name} could not be fetched from {address} ({reason})."
        raise MissingError(msg, hint=ALTERNATIVES) from error
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


def _require_host(address: str) -> None:
    """Fail at once when the host of an address cannot be found, instead of after a minute of retries.

    Raises:
        OSError: When the name of the host cannot be resolved and no proxy stands between.
    """
    parts = urlsplit(address)
    if parts.hostname is not None and not getproxies():
        socket.getaddrinfo(parts.hostname, parts.port or 443)


def _is_cached(repository: str, context: ModelContext) -> bool:
    from huggingface_hub import try_to_load_from_cache

    files = ("model.safetensors", "pytorch_model.bin")
    found = (try_to_load_from_cache(repository, file, cache_dir=context.cache_dir) for file in files)
    return any(isinstance(path, str) for path in found)
