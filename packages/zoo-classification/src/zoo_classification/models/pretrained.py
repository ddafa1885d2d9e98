"""Own the promise that pretrained weights are loaded or refused, never replaced by random ones."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from zoo_core.errors import MissingError

IMAGENET = "imagenet"
ALTERNATIVES = (
    "Set model.model_path to a checkpoint of this architecture, or model.pretrained_model_path to take over its "
    "backbone, or model.pretrained: False to start from new weights."
)
NOISY_LOGGERS = ("huggingface_hub", "httpx", "timm.models._builder", "timm.models._hub")


def wants_pretrained(section: Any) -> bool:
    """Tell whether published weights are needed: asked for, and no file of the user's replaces them."""
    replaced = (section.model_path, section.model_url, section.pretrained_model_path)
    return bool(section.pretrained) and all(path is None for path in replaced)


def refuse_pretrained(section: Any, name: str) -> None:
    """Refuse `model.pretrained: True` for a model that nobody publishes weights for.

    Raises:
        MissingError: When published weights are asked for.
    """
    if wants_pretrained(section):
        raise MissingError(f"model.pretrained: no weights are published for {name}.", hint=ALTERNATIVES)


def dataset_name(section: Any) -> str:
    """Return the data set that `model.pretrained_dataset` asks for in one spelling; `imagenet` when it says nothing."""
    asked = (section.pretrained_dataset or IMAGENET).casefold().replace("-", "").replace("_", "")
    if asked in ("imagenet", "imagenet1k", "in1k", "ilsvrc2012"):
        return IMAGENET
    return asked.replace("in", "imagenet", 1) if asked in ("in12k", "in21k", "in22k") else asked


@contextmanager
def fetching(name: str, address: str, by_hand: str = "") -> Iterator[None]:
    """Turn any failure to fetch weights into one message that says what was tried, and what to do `by_hand`.

    Raises:
        MissingError: When the weights could not be fetched.
    """
    with _quiet():
        try:
            yield
        except (KeyError, RuntimeError, OSError, ValueError) as error:
            cause = str(error).strip().splitlines()
            reason = cause[0] if cause else type(error).__name__
            msg = f"model.pretrained: the weights of {name} could not be fetched from {address} ({reason})."
            raise MissingError(msg, hint=f"{by_hand}\n{ALTERNATIVES}" if by_hand else ALTERNATIVES) from error


def require_host(address: str) -> None:
    """Fail at once when the host of an address cannot be found, instead of after a minute of retries.

    Raises:
        OSError: When the name of the host cannot be resolved and no proxy stands between.
    """
    parts = urlsplit(address)
    if parts.hostname is not None and not getproxies():
        socket.getaddrinfo(parts.hostname, parts.port or 443)


@contextmanager
def _quiet() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in NOISY_LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
