"""Own the ST_YOLOD detectors by name: their sizes, the generic one on any backbone, and what they refuse.

Sah and Kumar, "STResNet & STYOLO: A New Family of Compact Classification and Object Detection Models for MCUs", 2026
(arXiv 2601.05364).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_core.names import split_qualified
from zoo_core.protocols import ModelContext
from zoo_detection.models.pretrained import load_published
from zoo_detection.models.st_yolod_backbones import TimmFeatures, compressed_resnet
from zoo_detection.models.st_yolod_blocks import DEFAULT_ACTIVATION, YOLOX_NORM, Norm
from zoo_detection.models.st_yolod_network import STRIDES, StYolod

GENERIC = "st_yolod"
NAME_PATTERN = re.compile(r"st_yolodv2(?P<size>[a-z]+?)(?:_actrelu)?(?:_pt)?")
GENERIC_KEYS = ("backbone", "depth", "width")
"""Keys of the `model` section that only the generic detector takes."""
DEPTH = 0.33
WIDTH = 0.25
LARGEST_STRIDE = STRIDES[-1]


@dataclass(frozen=True, slots=True)
class Size:
    """State what neck and head of a named detector are, beside the backbone of the same size.

    Published are milli and tiny. Of micro only the number of parameters is known, 1.69 million, which this width gives.
    Of nano and pico nothing is known: their necks shrink with their backbones, so that neck and head stay below the
    size of the nano backbone, and all channels stay multiples of eight.
    """

    width: float
    depth: float = DEPTH
    backbone_norm: Norm | None = None
    """Other numbers for the backbone's normalisation than its own."""


SIZES = {
    "pico": Size(0.125),
    "nano": Size(0.1875),
    "micro": Size(0.25),
    "milli": Size(0.25, backbone_norm=YOLOX_NORM),
    "tiny": Size(0.375),
}


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
    backbone, channels = compressed_resnet(size, context.input)
    if row.backbone_norm is not None:
        row.backbone_norm.put(backbone)
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
    problems = [*_name_problems(name, size), *_key_problems(section, name, size), *_input_problems(input, name)]
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


def _input_problems(input: InputSpec, name: str) -> Iterator[str]:
    if input.height % LARGEST_STRIDE or input.width % LARGEST_STRIDE:
        near = [max(1, round(side / LARGEST_STRIDE)) * LARGEST_STRIDE for side in (input.height, input.width)]
        yield (
            f"model.input_shape: {name} cannot take images of {input.height}x{input.width} pixels (height x width); "
            f"both must be multiples of {LARGEST_STRIDE}. The nearest size is {near[0]}x{near[1]}."
        )
