"""Own the promise that published weights are loaded or refused, never replaced by random ones, and their fetching."""

from __future__ import annotations

import hashlib
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from zoo_core.artifacts import hash_file
from zoo_core.data.archives import unpack
from zoo_core.data.download import check_recorded_hash, download, record_hash
from zoo_core.errors import DataError, MissingError, UserError
from zoo_core.protocols import ModelContext
from zoo_core.training.checkpoint import StateDict, read_weights
from zoo_core.training.silence import SilentProgress

IMAGENET = "imagenet"
ALTERNATIVES = (
    "Set model.model_path to a checkpoint of this architecture, or model.pretrained_model_path to take over all but "
    "its classifier, or model.pretrained: False to start from new weights."
)
HUB = "https://huggingface.co"
HUB_FILES = ("model.safetensors", "pytorch_model.bin")
NOISY_LOGGERS = ("huggingface_hub", "httpx", "timm.models._builder", "timm.models._hub")


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """Name a file of weights: where it lies, what it was trained on, how its content is known."""

    dataset: str
    resolution: int
    """Height in pixels of the images it was trained with."""
    url: str
    licence: str
    sha256: str = ""
    """Known beginning of the hash of the file; empty when its publisher states none."""
    sha1: str = ""
    """Hash of the checkpoint inside an archive; empty when the file is no archive."""


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


def fetch_weights(weights: PublishedWeights, context: ModelContext) -> StateDict:
    """Return the weights in a published file, fetched once and checked by hash.

    Of a file without a published hash, that of the first use must stay.

    Raises:
        MissingError: When the file cannot be fetched, has another content than expected, or holds no weights.
    """
    progress = context.progress or SilentProgress()
    try:
        path = download(weights.url, progress=progress, folder=context.cache_dir)
    except MissingError as error:
        raise MissingError(error.message, hint=f"{error.hint}\n{ALTERNATIVES}") from error
    if weights.sha1:
        return _unpacked(path, weights, context)
    found = hash_file(path)
    if weights.sha256 and not found.startswith(weights.sha256):
        raise _damaged(path, f"its SHA-256 {found} does not begin with {weights.sha256}")
    if not weights.sha256:
        check_recorded_hash(path)
    state = _read(path)
    if not weights.sha256:
        record_hash(path)
    return state


@contextmanager
def fetching(name: str, address: str, by_hand: str = "") -> Iterator[None]:
    """Turn any failure of a library to fetch weights into one message: what was tried, and what to do `by_hand`.

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


def is_cached(repository: str | None, cache_dir: Path | None) -> bool:
    """Tell whether the weights of a repository of the Hugging Face hub lie on this machine already.

    Without a repository they do: torch.hub looks into its own cache first and fails at once without a connection.
    """
    if not repository:
        return True
    from huggingface_hub import try_to_load_from_cache

    found = (try_to_load_from_cache(repository, file, cache_dir=cache_dir) for file in HUB_FILES)
    return any(isinstance(path, str) for path in found)


def _unpacked(archive: Path, weights: PublishedWeights, context: ModelContext) -> StateDict:
    path = archive.with_suffix("")
    if not path.exists():
        try:
            unpack(archive, archive.parent, progress=context.progress or SilentProgress())
        except DataError as error:
            raise _damaged(archive, error.message) from error
    digest = hashlib.sha1(path.read_bytes() if path.exists() else b"", usedforsecurity=False).hexdigest()
    if digest != weights.sha1:
        path.unlink(missing_ok=True)
        raise _damaged(archive, f"the checkpoint in it has the SHA-1 {digest}, expected {weights.sha1}")
    return _read(path)


def _read(path: Path) -> StateDict:
    try:
        return read_weights(path).state_dict
    except UserError as error:
        raise _damaged(path, error.message) from error


def _damaged(path: Path, reason: str) -> MissingError:
    hint = f"Delete the file to fetch it again.\n{ALTERNATIVES}"
    return MissingError(f"{path} does not hold the published weights: {reason.rstrip('.')}.", hint=hint)


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
