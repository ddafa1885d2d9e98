"""Own the ST_YOLOD detectors by name: their sizes, the generic one on any backbone, and what they refuse.

Sah and Kumar, "STResNet & STYOLO: A New Family of Compact Classification and Object Detection Models for MCUs", 2026
(arXiv 2601.05364).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_core.names import split_qualified
from zoo_core.networks.st_yolod_backbones import TimmFeatures
from zoo_core.networks.st_yolod_blocks import DEFAULT_ACTIVATION
from zoo_core.networks.st_yolod_sizes import DEPTH, SIZES, WIDTH, input_problems, sized_backbone
from zoo_core.protocols import ModelContext
from zoo_detection.models.pretrained import load_published
from zoo_detection.models.st_yolod_network import StYolod

GENERIC = "st_yolod"
NAME_PATTERN = re.compile(r"st_yolodv2(?P<size>[a-z]+?)(?:_actrelu)?(?:_pt)?")
GENERIC_KEYS = ("backbone", "depth", "width")
"""Keys of the `model` section that only the generic detector takes."""


def build(section: Any, context: ModelContext) -> nn.Module:
    """Build the detector that `model.model_name` states.

    Raises:
        UserError: When the input size or a key of the `model` section does not fit the detector.
        MissingError: When pretrained weights are asked for and cannot be had.
    """
    name = split_qualified(section.model_name or GENERIC)[1].casefold()
    match = NAME_PATTERN.fullmatch(name)
    size = match["size"] if match else None
    _refuse(section, context.input, name, size)
    model = _generic(section, context) if size is None else _named(size, section, context)
    load_published(model, GENERIC if size is None else f"st_yolodv2{size}_actrelu_pt", section, context)
    model.pretrained_weights = bool(section.pretrained)
    return model


def _named(size: str, section: Any, context: ModelContext) -> StYolod:
    row = SIZES[size]
    backbone, channels = sized_backbone(size, context.input)
    return StYolod(
        backbone,
        channels,
        classes=context.num_classes,
        depth=row.depth,
        width=row.width,
        activation=section.act or DEFAULT_ACTIVATION,
    )


def _generic(section: Any, context: ModelContext) -> StYolod:
    backbone = TimmFeatures(section.backbone, context.input)
    return StYolod(
        backbone,
        backbone.channels,
        classes=context.num_classes,
        depth=section.depth or DEPTH,
        width=section.width or WIDTH,
        activation=section.act or DEFAULT_ACTIVATION,
    )


def _refuse(section: Any, input: InputSpec, name: str, size: str | None) -> None:
    problems = [*_name_problems(name, size), *_key_problems(section, name, size), *input_problems(input, name)]
    if problems:
        raise UserError("\n".join(problems))


def _name_problems(name: str, size: str | None) -> Iterator[str]:
    if (size is None and name != GENERIC) or (size is not None and size not in SIZES):
        known = ", ".join(f"st_yolodv2{known}_actrelu_pt" for known in SIZES)
        yield f'model.model_name: there is no ST_YOLOD named "{name}". Expected one of {known}, {GENERIC}.'


def _key_problems(section: Any, name: str, size: str | None) -> Iterator[str]:
    if size is None:
        if section.backbone is None:
            yield f"model.backbone: {name} needs the name of a timm model. Add one, such as `backbone: resnet18`."
        return
    for key in GENERIC_KEYS:
        if getattr(section, key) is not None:
            yield f"model.{key}: {name} has its own. Remove the key, or choose model_name: {GENERIC}."
