"""Own the models that find several persons, by name: their sizes, the generic one on any backbone, what they refuse.

Backbone and neck are those of ST_YOLOD: Sah and Kumar, "STResNet & STYOLO: A New Family of Compact Classification and
Object Detection Models for MCUs", 2026 (arXiv 2601.05364).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from timm.models import get_pretrained_cfg
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.errors import MissingError, UserError
from zoo_core.names import split_qualified
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
from zoo_core.networks.st_resnet import own_names
from zoo_core.networks.st_yolod_backbones import TimmFeatures
from zoo_core.networks.st_yolod_sizes import DEPTH, SIZES, WIDTH, input_problems, sized_backbone
from zoo_core.protocols import ModelContext
from zoo_core.runs.log import logger
from zoo_core.training.checkpoint import StateDict
from zoo_pose.config.model import PoseModelSection
from zoo_pose.models.yolo_head import YoloPose

GENERIC = "st_yolod_pose"
NAME_PATTERN = re.compile(r"st_yolodv2(?P<size>[a-z]+?)(?:_actrelu)?_pose(?:_pt)?")
ACTIVATION = "relu"
"""That of the backbones; it costs nothing in 8 bits."""
FOLDER = (
    "https://raw.githubusercontent.com/STMicroelectronics/stm32ai-modelzoo/main/image_classification/torch_checkpoints"
)
LICENCE, RESOLUTION = "SLA0044", 224
BACKBONE, CLASSIFIER = "backbone.", "fc."


def build(section: PoseModelSection, context: ModelContext) -> nn.Module:
    """Build the model that `model.model_name` states; `context.num_classes` is the number of keypoints.

    Raises:
        UserError: When the input size or a key of the `model` section does not fit the model.
        MissingError: When pretrained weights are asked for and cannot be had.
    """
    name = split_qualified(section.model_name or GENERIC)[1].casefold()
    match = NAME_PATTERN.fullmatch(name)
    size = match["size"] if match else None
    problems = [*_section_problems(section, name, size), *input_problems(context.input, name)]
    if problems:
        raise UserError("\n".join(problems))
    backbone, channels = _backbone(section, context.input, size)
    depth, width = (SIZES[size].depth, SIZES[size].width) if size else (DEPTH, WIDTH)
    keypoints = context.num_classes
    model = YoloPose(backbone, channels, keypoints=keypoints, depth=depth, width=width, activation=ACTIVATION)
    if wants_pretrained(section):
        _load_published(model, size, section, context)
    return model


def _section_problems(section: PoseModelSection, name: str, size: str | None) -> Iterator[str]:
    if (size is None and name != GENERIC) or (size is not None and size not in SIZES):
        known = ", ".join(f"st_yolodv2{known}_pose_pt" for known in SIZES)
        yield f'model.model_name: there is no pose estimator named "{name}". Expected one of {known}, {GENERIC}.'
    elif size is None and section.backbone is None:
        yield f"model.backbone: {name} needs the name of a timm model. Add one, such as `backbone: resnet18`."
    elif size is not None and section.backbone is not None:
        yield f"model.backbone: {name} has its own. Remove the key, or choose model_name: {GENERIC}."
    if section.alpha is not None:
        yield f"model.alpha: {name} has one width. Remove the key, or choose another size by its name."


def _backbone(section: PoseModelSection, input: InputSpec, size: str | None) -> tuple[nn.Module, tuple[int, ...]]:
    if size is not None:
        return sized_backbone(size, input)
    backbone = TimmFeatures(str(section.backbone), input)
    return backbone, backbone.channels


def _load_published(model: YoloPose, size: str | None, section: PoseModelSection, context: ModelContext) -> None:
    """Load the weights of the backbone from ImageNet; neck and head stay new.

    Raises:
        MissingError: When others are asked for, or they cannot be fetched or do not fit.
    """
    name, asked = section.model_name or GENERIC, dataset_name(section)
    if asked != IMAGENET:
        msg = f"model.pretrained_dataset: weights of {name} trained on {asked} are not available, only the backbone's"
        raise MissingError(f"{msg}, trained on {IMAGENET}.", hint=ALTERNATIVES)
    if isinstance(model.backbone, TimmFeatures):
        state, source = _of_timm(model.backbone, context)
    else:
        source = f"{FOLDER}/st_resnet{size}_actrelu_pt_224.pth.tar"
        state = _of_st(model.backbone, PublishedWeights(IMAGENET, RESOLUTION, source, LICENCE), context)
    known = {BACKBONE + key: value for key, value in state.items()}
    put(model, known, name, lambda key: not key.startswith(BACKBONE))
    logger.info("Weights of the backbone of %s, trained on ImageNet: %s; neck and head are new.", name, source)


def _of_st(backbone: nn.Module, weights: PublishedWeights, context: ModelContext) -> StateDict:
    found = own_names(fetch_weights(weights, context))
    state = {key: value for key, value in found.items() if not key.startswith(CLASSIFIER)}
    return state if set(state) & set(backbone.state_dict()) else in_order(backbone, state, "the backbone")


def _of_timm(backbone: TimmFeatures, context: ModelContext) -> tuple[StateDict, str]:
    config = get_pretrained_cfg(backbone.pretrained)
    if config is None or not (config.hf_hub_id or config.url):
        raise MissingError(f"model.pretrained: timm publishes no weights for {backbone.pretrained}.", hint=ALTERNATIVES)
    address = f"{HUB}/{config.hf_hub_id}" if config.hf_hub_id else str(config.url)
    with fetching(backbone.pretrained, address):
        if not is_cached(config.hf_hub_id, context.cache_dir):
            require_host(address)
        return backbone.published_state(context.cache_dir), f"timm, {address}"
