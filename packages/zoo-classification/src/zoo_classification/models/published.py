"""Own published weights that are files at an address: which there are, fetching them, putting them into a network.

ST's checkpoints lie beside its model zoo under <model_name>_dataset<dataset>_res<pixels>; ST publishes no hashes, so
the hash of the first download is recorded and asked for from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torchvision.models import get_model_weights

from zoo_classification.models.pytorchcv_files import address, scaled
from zoo_classification.models.table import ZooModel
from zoo_core.errors import MissingError
from zoo_core.networks.pairing import in_order, put
from zoo_core.networks.published import (
    ALTERNATIVES,
    IMAGENET,
    PublishedWeights,
    dataset_name,
    fetch_weights,
    refuse_pretrained,
    wants_pretrained,
)
from zoo_core.protocols import ModelContext
from zoo_core.runs.log import logger
from zoo_core.training.layers import layers_with_weights

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
    state = rename(fetch_weights(chosen, context))
    if row.weights == "pytorchcv" and row.library != "pytorchcv":
        state = in_order(model, state, row.name)
    head = _last_layer(model)
    fresh = put(model, state, row.name, lambda key: key.rpartition(".")[0] == head)
    logger.info(
        "Weights of %s, trained on %s at %d pixels (licence: %s): %s",
        row.name,
        chosen.dataset,
        chosen.resolution,
        chosen.licence,
        "all but the classifier, which is new" if fresh else "all",
    )


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


def _last_layer(model: nn.Module) -> str:
    return layers_with_weights(model)[-1][0]
