"""Own the feature maps of any timm network as the backbone of a pose estimator."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_core.names import did_you_mean
from zoo_core.networks.input_size import Size, refuse_size
from zoo_pose.models.heatmaps import STRIDES

USUAL = (192, 192)
FAILURES = (RuntimeError, AssertionError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError)


class TimmFeatures(nn.Module):
    """Compute the maps of a timm network that are 4, 8 and 16 pixels a cell."""

    def __init__(self, name: str, input: InputSpec) -> None:
        """Build with new weights.

        Raises:
            UserError: When timm has no such network, or it does not give these maps for this input.
        """
        super().__init__()
        self.name = name
        self.arguments = _arguments(name, input)
        refuse_size(partial(_sized, name, self.arguments), name, input, USUAL)
        with torch.device("meta"):
            probe = _create(name, self.arguments)
        _check_maps(probe, name, input)
        self.channels = tuple(probe.feature_info.channels())
        self.net = _create(name, self.arguments)
        _cut(self.net)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the maps, fine to coarse."""
        return tuple(self.net(images))

    def published_state(self, cache_dir: Path | None) -> dict[str, torch.Tensor]:
        """Return the weights that timm publishes for the network, under the names here."""
        net = timm.create_model(self.name, features_only=True, pretrained=True, cache_dir=cache_dir, **self.arguments)
        _cut(net)
        return {f"net.{key}": value for key, value in net.state_dict().items()}


def _arguments(name: str, input: InputSpec) -> dict[str, Any]:
    """Return what a timm network is built with for three maps of an input.

    Raises:
        UserError: When timm has no such network, or it has no such maps.
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
    if any(stride not in last for stride in STRIDES):
        there, wanted = (", ".join(map(str, sorted(set(each)))) for each in (strides, STRIDES))
        msg = f"model.backbone: heat maps need features at {wanted} pixels a cell, and {name} has them at {there}."
        raise UserError(msg, hint="Choose a convolutional network, such as resnet18 or mobilenetv3_small_100.")
    return arguments | {"out_indices": tuple(last[stride] for stride in STRIDES)}


def _create(name: str, arguments: dict[str, Any]) -> Any:
    try:
        return timm.create_model(name, features_only=True, pretrained=False, **arguments)
    except FAILURES as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        msg = f"model.backbone: {name} gives no feature maps ({reason})."
        raise UserError(msg, hint="Choose a convolutional network, such as resnet18.") from error


def _cut(net: Any) -> None:
    """Remove the blocks behind the last map, which some networks of timm compute although nothing needs them."""
    last = re.match(r"blocks\.(\d+)", net.feature_info.module_name()[-1])
    blocks = getattr(net, "blocks", None)
    if last is not None and isinstance(blocks, nn.Sequential):
        del blocks[int(last[1]) + 1 :]


def _sized(name: str, arguments: dict[str, Any], size: Size) -> nn.Module:
    network: nn.Module = _create(name, arguments | ({"img_size": size} if "img_size" in arguments else {}))
    return network


def _check_maps(net: Any, name: str, input: InputSpec) -> None:
    with torch.device("meta"), torch.no_grad():
        maps = net.eval()(torch.empty(1, *input.shape))
    wide = net.feature_info.channels()
    wanted = [
        (1, channels, input.height // stride, input.width // stride)
        for channels, stride in zip(wide, STRIDES, strict=True)
    ]
    found = [tuple(one.shape) for one in maps]
    if found != wanted:
        msg = f"model.backbone: {name} does not give maps of a quarter, an eighth and a sixteenth of the image."
        raise UserError(msg, hint="Choose a convolutional network, such as resnet18, and sides of multiples of 32.")
