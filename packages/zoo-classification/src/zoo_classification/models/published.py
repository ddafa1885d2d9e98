"""Own published weights that are files at an address: which there are, fetching them, putting them into a network.

ST's checkpoints lie beside its model zoo under <model_name>_dataset<dataset>_res<pixels>; ST publishes no hashes, so
the hash of the first download is recorded and asked for from then on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from timm.models import adapt_input_conv
from torch import nn
from torchvision.models import get_model_weights

from zoo_classification.models.pretrained import (
    ALTERNATIVES,
    IMAGENET,
    dataset_name,
    refuse_pretrained,
    wants_pretrained,
)
from zoo_classification.models.pytorchcv_files import address, scaled
from zoo_classification.models.table import ZooModel
from zoo_core.artifacts import hash_file
from zoo_core.data.archives import unpack
from zoo_core.data.download import check_recorded_hash, download, record_hash
from zoo_core.errors import DataError, MissingError, UserError
from zoo_core.protocols import ModelContext
from zoo_core.runs.log import logger
from zoo_core.training.checkpoint import read_weights
from zoo_core.training.layers import layers_with_weights
from zoo_core.training.silence import SilentProgress

State = dict[str, torch.Tensor]
ST_FOLDER = (
    "https://raw.githubusercontent.com/STMicroelectronics/stm32ai-modelzoo/main/image_classification/torch_checkpoints"
)
ST_FILES = {
    "st_resnettiny_actrelu_pt_datasetimagenet_res224": "st_resnettiny_actrelu_pt_224.pth.tar",
    "st_resnetmilli_actrelu_pt_datasetimagenet_res224": "st_resnetmilli_actrelu_pt_224.pth.tar",
    "st_resnetmicro_actrelu_pt_datasetimagenet_res224": "st_resnetmicro_actrelu_pt_224.pth.tar",
    "st_resnetnano_actrelu_pt_datasetimagenet_res224": "st_resnetnano_actrelu_pt_224.pth.tar",
    "st_resnetpico_actrelu_pt_datasetimagenet_res224": "st_resnetpico_actrelu_pt_224.pth.tar",
    "mobilenetv2_w035_pt_datasetimagenet_res224": "mobilenetv2_w035_pt_224.pt",
}
"""ST's key -> file in `ST_FOLDER`."""
RESOLUTION = 224
"""Pixels that all weights of torchvision and pytorchcv named here were trained with."""
RGB = 3
CONVOLUTION_DIMENSIONS = 4
COUNTERS = "num_batches_tracked"
"""Numbers that batch normalisation keeps beside its statistics; they do not influence outputs."""


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """Name a file of weights: where it lies, what it was trained on, how its content is known."""

    dataset: str
    resolution: int
    """Height and width in pixels of the images it was trained with."""
    url: str
    licence: str
    sha256: str = ""
    """Known beginning of the hash of the file; empty when its publisher states none."""
    sha1: str = ""
    """Hash of the checkpoint inside an archive; empty when the file is no archive."""


def published_weights(row: ZooModel) -> tuple[PublishedWeights, ...]:
    """Return every file of weights for a network of the table, best known first."""
    if row.weights == "st":
        keys = [f"{name}_dataset" for name in (row.name, *row.aliases)]
        return tuple(_of_st(key) for key in ST_FILES if key.startswith(tuple(keys)))
    if row.weights == "pytorchcv":
        url, sha1 = address(row.source if row.library == "pytorchcv" else scaled(row.source, row.width))
        return (PublishedWeights(IMAGENET, RESOLUTION, url, "MIT", sha1=sha1),)
    if row.weights == "torchvision":
        url = get_model_weights(row.source).DEFAULT.url
        prefix = url.rpartition("-")[2].partition(".")[0]
        return (PublishedWeights(IMAGENET, RESOLUTION, url, "BSD-3-Clause", sha256=prefix),)
    return ()


def load_published(
    model: nn.Module,
    row: ZooModel,
    section: Any,
    context: ModelContext,
    *,
    rename: Callable[[State], State] = dict,
) -> None:
    """Load published weights when `model.pretrained` asks for them; the `model` section says which.

    Args:
        model: Network with new weights; changed in place.
        row: Its row of the table.
        section: The `model` section.
        context: Input size and cache folder.
        rename: Turns the names in the file into those of the network.

    Raises:
        MissingError: When there are none as asked, or they cannot be fetched.
    """
    if not wants_pretrained(section):
        return
    available = published_weights(row)
    if not available:
        refuse_pretrained(section, row.name)
    chosen = _choose(available, section, row.name, context.input.height)
    state = rename(_fetch(chosen, context))
    if row.weights == "pytorchcv" and row.library != "pytorchcv":
        state = in_order(model, state, row.name)
    report = put(model, state, row.name)
    logger.info(
        "Weights of %s, trained on %s at %d pixels (licence: %s): %s",
        row.name,
        chosen.dataset,
        chosen.resolution,
        chosen.licence,
        report,
    )


def put(model: nn.Module, state: State, name: str) -> str:
    """Put published weights into a network and return what was taken over, in words.

    The first convolution is adapted to other numbers of channels; a classifier of other classes stays new.

    Raises:
        MissingError: When anything else does not fit.
    """
    own = model.state_dict()
    fitting = {}
    for key, value in state.items():
        wanted = own[key].shape if key in own else None
        if value.shape == wanted:
            fitting[key] = value
        elif wanted is not None and _is_first_convolution(value, wanted):
            fitting[key] = adapt_input_conv(wanted[1], value)
    head = _last_layer(model)
    strange = {key for key in set(own) ^ set(fitting) if not key.endswith(COUNTERS)} | (set(state) - set(own))
    wrong = sorted(key for key in strange if key.rpartition(".")[0] != head)
    if wrong:
        msg = f"The published weights do not fit {name}: {', '.join(wrong[:5])}."
        raise MissingError(msg, hint=ALTERNATIVES)
    model.load_state_dict(own | fitting)
    return "all but the classifier, which is new" if strange else "all"


def in_order(model: nn.Module, state: State, name: str) -> State:
    """Give weights of the same network in another library the names they have here, pairing them in their order.

    Raises:
        MissingError: When the networks differ.
    """
    own = {key: value for key, value in model.state_dict().items() if not key.endswith(COUNTERS)}
    given = [value for key, value in state.items() if not key.endswith(COUNTERS)]
    if len(own) != len(given):
        msg = f"The published weights have {len(given)} tensors, and {name} has {len(own)}."
        raise MissingError(msg, hint=ALTERNATIVES)
    return {
        key: value.flatten(1) if value.ndim > wanted.ndim else value
        for (key, wanted), value in zip(own.items(), given, strict=True)
    }


def _of_st(key: str) -> PublishedWeights:
    dataset, _, resolution = key.partition("_dataset")[2].rpartition("_res")
    licence = "SLA0044" if key.startswith("st_") else "as the STM32 model zoo states"
    return PublishedWeights(dataset, int(resolution), f"{ST_FOLDER}/{ST_FILES[key]}", licence)


def _choose(available: Iterable[PublishedWeights], section: Any, name: str, height: int) -> PublishedWeights:
    """Return the weights of the data set and the resolution asked for, else those nearest to the images."""
    available = tuple(available)
    dataset = dataset_name(section)
    found = [weights for weights in available if weights.dataset == dataset]
    asked = section.pretrained_input_shape
    if asked is not None:
        found = [weights for weights in found if (weights.resolution, weights.resolution) == tuple(asked[1:])]
    if found:
        return min(found, key=lambda weights: abs(weights.resolution - height))
    wanted = dataset if asked is None else f"{dataset} at {asked[1]}x{asked[2]} pixels"
    there = ", ".join(f"{weights.dataset} at {weights.resolution}x{weights.resolution}" for weights in available)
    msg = f"model.pretrained: weights of {name} trained on {wanted} are not available, only {there}."
    raise MissingError(msg, hint=ALTERNATIVES)


def _fetch(weights: PublishedWeights, context: ModelContext) -> State:
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


def _unpacked(archive: Path, weights: PublishedWeights, context: ModelContext) -> State:
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


def _read(path: Path) -> State:
    try:
        return read_weights(path).state_dict
    except UserError as error:
        raise _damaged(path, error.message) from error


def _damaged(path: Path, reason: str) -> MissingError:
    return MissingError(
        f"{path} does not hold the published weights: {reason}", hint="Delete the file to fetch it again."
    )


def _is_first_convolution(value: torch.Tensor, wanted: torch.Size) -> bool:
    return (
        value.ndim == len(wanted) == CONVOLUTION_DIMENSIONS
        and value.shape[1] == RGB
        and value.shape[0] == wanted[0]
        and value.shape[2:] == wanted[2:]
    )


def _last_layer(model: nn.Module) -> str:
    return layers_with_weights(model)[-1][0]
