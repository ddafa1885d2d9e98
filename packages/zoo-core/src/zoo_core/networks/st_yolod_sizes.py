"""Own the sizes of ST_YOLOD: backbone, width and depth of each, and the images that they take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.networks.st_yolod_backbones import compressed_resnet
from zoo_core.networks.st_yolod_blocks import YOLOX_NORM, Norm
from zoo_core.networks.st_yolod_neck import STRIDES

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


def sized_backbone(size: str, input: InputSpec) -> tuple[nn.Module, tuple[int, ...]]:
    """Return the backbone of one of `SIZES`, with new weights, and the channels of each of its levels."""
    backbone, channels = compressed_resnet(size, input)
    norm = SIZES[size].backbone_norm
    if norm is not None:
        norm.put(backbone)
    return backbone, channels


def input_problems(input: InputSpec, name: str) -> Iterator[str]:
    """Yield what is wrong with the size of the images for a network that users call `name`."""
    if input.height % LARGEST_STRIDE or input.width % LARGEST_STRIDE:
        near = [max(1, round(side / LARGEST_STRIDE)) * LARGEST_STRIDE for side in (input.height, input.width)]
        yield (
            f"model.input_shape: {name} cannot take images of {input.height}x{input.width} pixels (height x width); "
            f"both must be multiples of {LARGEST_STRIDE}. The nearest size is {near[0]}x{near[1]}."
        )
