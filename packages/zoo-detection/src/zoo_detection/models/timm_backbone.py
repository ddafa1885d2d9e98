"""Own the feature maps of any timm network as the backbone of an SSD."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_core.names import did_you_mean
from zoo_detection.models.backbones import Features
from zoo_detection.models.priors import MapSize

WANTED = (16, 32)
"""Pixels between the cells of the maps that a detector is built on."""
MAP_RANK = 4
FAILURES = (RuntimeError, AssertionError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError)


class TimmBackbone(nn.Module):
    """Compute the two maps of a timm network whose cells are 16 and 32 pixels apart, or its two coarsest."""

    def __init__(self, name: str, input: InputSpec) -> None:
        """Build with new weights.

        Raises:
            UserError: When timm has no such network, or it gives no feature maps for this input.
        """
        super().__init__()
        self.pretrained = name
        self.arguments = _arguments(name, input)
        with torch.device("meta"):
            probe = _create(name, self.arguments)
        self.sizes = _map_sizes(probe, name, input)
        self.net = _create(name, self.arguments)
        info = probe.feature_info
        fine, coarse = info.channels()
        self.channels: tuple[int, int] = (fine, coarse)
        self.strides: tuple[int, int] = tuple(info.reduction())

    def forward(self, images: torch.Tensor) -> Features:
        """Return both maps."""
        fine, coarse = self.net(images)
        return fine, coarse

    def published_state(self, cache_dir: Path | None) -> dict[str, torch.Tensor]:
        """Return the weights that timm publishes for the network, under the names here."""
        net = timm.create_model(
            self.pretrained, features_only=True, pretrained=True, cache_dir=cache_dir, **self.arguments
        )
        return {f"net.{key}": value for key, value in net.state_dict().items()}


def feature_maps(name: str, input: InputSpec) -> tuple[tuple[MapSize, MapSize], tuple[int, int]]:
    """Return sizes and strides of the two maps of a timm network, found without any memory for its weights.

    Raises:
        UserError: When timm has no such network, or it gives no feature maps for this input.
    """
    with torch.device("meta"):
        net = _create(name, _arguments(name, input))
    strides: tuple[int, int] = tuple(net.feature_info.reduction())
    return _map_sizes(net, name, input), strides


def _arguments(name: str, input: InputSpec) -> dict[str, Any]:
    """Return what a timm network is built with for two maps of an input.

    Raises:
        UserError: When timm has no such network, or it has no feature maps.
    """
    if not timm.is_model(name):
        hint = did_you_mean(name, timm.list_models())
        raise UserError(f'model.backbone: timm has no model "{name}".', hint=hint or "Names: timm.list_models().")
    arguments: dict[str, Any] = {"in_chans": input.channels}
    config = timm.models.get_pretrained_cfg(name)
    if config is not None and config.fixed_input_size:
        arguments["img_size"] = (input.height, input.width)
    with torch.device("meta"):
        strides = _create(name, arguments).feature_info.reduction()
    last = {stride: number for number, stride in enumerate(strides)}
    chosen = WANTED if all(stride in last for stride in WANTED) else tuple(sorted(last)[-2:])
    if len(chosen) < len(WANTED):
        msg = f"model.backbone: {name} has feature maps of one size only, and a detector needs two sizes."
        raise UserError(msg, hint="Choose a network with stages, such as resnet18 or mobilenetv3_small_100.")
    return arguments | {"out_indices": tuple(last[stride] for stride in chosen)}


def _create(name: str, arguments: dict[str, Any]) -> Any:
    try:
        return timm.create_model(name, features_only=True, pretrained=False, **arguments)
    except FAILURES as error:
        msg = f"model.backbone: {name} gives no feature maps ({_line(error)})."
        raise UserError(msg, hint="Choose a convolutional network, such as resnet18.") from error


def _map_sizes(net: Any, name: str, input: InputSpec) -> tuple[MapSize, MapSize]:
    try:
        with torch.device("meta"), torch.no_grad():
            maps = net.eval()(torch.empty(1, *input.shape))
    except FAILURES as error:
        msg = f"model.input_shape: {name} cannot take images of {input.height}x{input.width} pixels ({_line(error)})."
        raise UserError(msg, hint="Multiples of 32 often work.") from error
    channels = net.feature_info.channels()
    if any(one.ndim != MAP_RANK or one.shape[1] != wide for one, wide in zip(maps, channels, strict=True)):
        msg = f"model.backbone: the feature maps of {name} do not have the form (channels, height, width)."
        raise UserError(msg, hint="Choose a convolutional network, such as resnet18.")
    fine, coarse = ((int(one.shape[2]), int(one.shape[3])) for one in maps)
    return fine, coarse


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
