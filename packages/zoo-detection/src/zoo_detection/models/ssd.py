"""Own SSD and SSDLite: detectors that give boxes and classes on six feature maps.

W. Liu et al., "SSD: Single Shot MultiBox Detector", 2016 (arXiv 1512.02325); the light form is that of M. Sandler et
al., "MobileNetV2", 2018 (arXiv 1801.04381), section 6.2. Numbers of channels are those of ST's published detectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_core.names import split_qualified
from zoo_core.protocols import ModelContext
from zoo_detection.models.backbones import V3_LARGE, V3_SMALL, MobileNetV1, MobileNetV2, MobileNetV3
from zoo_detection.models.pretrained import load_published
from zoo_detection.models.priors import PER_CELL, extended_maps, halved_maps, make_priors
from zoo_detection.models.ssd_layers import EXTRAS, HEADS, Extras
from zoo_detection.models.timm_backbone import TimmBackbone, feature_maps

V1_EXTRAS = ((256, 512), (128, 256), (128, 256), (128, 256))
V2_EXTRAS = ((512, 512), (256, 256), (256, 256), (64, 64))
LITE_EXTRAS = ((256, 512), (128, 256), (128, 256), (64, 64))


@dataclass(frozen=True, slots=True)
class Layout:
    """Name the parts of a detector."""

    extras: Extras
    """Inner and output channels of the four extra layers."""
    extra: str
    """Form of the extra layers in `EXTRAS`."""
    head: str
    """Form of the heads in `HEADS`."""
    backbone: Callable[[float, int], nn.Module] | None = None
    """From a width and the channels of the images; absent where the user names a timm network."""
    narrow_last: bool = True
    """Whether the heads of the last map are convolutions of 1x1 in any case."""


LAYOUTS = {
    "ssd_mobilenetv1_pt": Layout(V1_EXTRAS, "dense", "dense", MobileNetV1, narrow_last=False),
    "ssdlite_mobilenetv1_pt": Layout(V1_EXTRAS, "separable", "separable", MobileNetV1),
    "ssd_mobilenetv2_pt": Layout(V2_EXTRAS, "dense", "dense", MobileNetV2),
    "ssdlite_mobilenetv2_pt": Layout(LITE_EXTRAS, "inverted", "normalised", MobileNetV2),
    "ssdlite_mobilenetv3small_pt": Layout(
        LITE_EXTRAS, "inverted_swish", "normalised", lambda width, channels: MobileNetV3(V3_SMALL, width, channels)
    ),
    "ssdlite_mobilenetv3large_pt": Layout(
        LITE_EXTRAS, "inverted_swish", "normalised", lambda width, channels: MobileNetV3(V3_LARGE, width, channels)
    ),
    "ssd": Layout(V2_EXTRAS, "dense", "dense"),
    "ssdlite": Layout(LITE_EXTRAS, "inverted", "normalised"),
}


class Ssd(nn.Module):
    """Give encoded boxes (N, A, 4) and logits (N, A, classes + 1), background first, the same in training and use."""

    priors: torch.Tensor
    output_names = ("boxes", "scores")

    def __init__(self, backbone: Any, layout: Layout, classes: int, priors: npt.NDArray[np.float32]) -> None:
        """Build extra layers and heads with new weights.

        Args:
            backbone: Gives two maps; states their `channels`.
            layout: The parts.
            classes: Number of classes without the background.
            priors: Prior boxes of all maps, shape (A, 4).
        """
        super().__init__()
        self.backbone = backbone
        widths = list(backbone.channels)
        self.extras = nn.ModuleList()
        for inner, outputs in layout.extras:
            self.extras.append(EXTRAS[layout.extra](widths[-1], inner, outputs))
            widths.append(outputs)
        self.heads = nn.ModuleDict(
            {
                key: nn.ModuleList(
                    HEADS["pointwise" if layout.narrow_last and width_number == len(widths) - 1 else layout.head](
                        width, PER_CELL * numbers
                    )
                    for width_number, width in enumerate(widths)
                )
                for key, numbers in (("classes", classes + 1), ("boxes", 4))
            }
        )
        self.outputs = {"boxes": 4, "classes": classes + 1}
        self.register_buffer("priors", torch.from_numpy(priors), persistent=False)
        for part in (self.extras, self.heads):
            part.apply(_start)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return encoded boxes and logits; maps from fine to coarse, cells row by row, six priors a cell."""
        maps = list(self.backbone(images))
        for extra in self.extras:
            maps.append(extra(maps[-1]))
        return self._read("boxes", maps), self._read("classes", maps)

    def get_classifier(self) -> tuple[nn.Module, ...]:
        """Return the layers whose size depends on the number of classes."""
        return tuple(head[-1] if isinstance(head, nn.Sequential) else head for head in self._heads("classes"))

    def _read(self, key: str, maps: list[torch.Tensor]) -> torch.Tensor:
        found = [
            head(one).permute(0, 2, 3, 1).reshape(one.shape[0], -1, self.outputs[key])
            for head, one in zip(self._heads(key), maps, strict=True)
        ]
        return torch.cat(found, dim=1)

    def _heads(self, key: str) -> nn.ModuleList:
        heads = self.heads[key]
        return heads if isinstance(heads, nn.ModuleList) else nn.ModuleList()


def build(section: Any, context: ModelContext) -> nn.Module:
    """Build the detector that `model.model_name` states.

    Raises:
        MissingError: When pretrained weights are asked for and cannot be had.
        UserError: When a generic detector lacks its backbone, or the backbone does not fit.
    """
    _, name = split_qualified(section.model_name)
    layout = LAYOUTS[name]
    chosen = _backbone_name(name, section.backbone)
    priors = ssd_priors(name, context.input, chosen)
    if layout.backbone is not None:
        backbone = layout.backbone(section.width_mult, context.input.channels)
    else:
        backbone = TimmBackbone(str(chosen), context.input)
    model = Ssd(backbone, layout, context.num_classes, priors)
    load_published(model, name, section, context)
    return model


def ssd_priors(name: str, input: InputSpec, backbone: str | None = None) -> npt.NDArray[np.float32]:
    """Return the prior boxes (A, 4) of a detector by its name, without building its weights.

    Args:
        name: Name of the detector; a name that is not known is taken for one on a MobileNet.
        input: Size of its input.
        backbone: Name of the timm network of `ssd` and `ssdlite`.

    Raises:
        UserError: When the backbone is unknown or does not fit.
    """
    chosen = _backbone_name(name, backbone)
    if chosen is None:
        return make_priors(halved_maps(input), input)
    maps, strides = feature_maps(chosen, input)
    return make_priors(extended_maps(maps), input, strides)


def _backbone_name(name: str, asked: str | None) -> str | None:
    generic = name in LAYOUTS and LAYOUTS[name].backbone is None
    if generic and asked is None:
        msg = f"model.backbone is missing: {name} is built on a timm network, and this names it."
        raise UserError(msg, hint="For example: backbone: mobilenetv3_small_100")
    if asked is not None and name in LAYOUTS and not generic:
        raise UserError(
            f"model.backbone: {name} has its own backbone.",
            hint="Choose model_name: ssd or ssdlite to name another one.",
        )
    return asked if generic else None


def _start(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
