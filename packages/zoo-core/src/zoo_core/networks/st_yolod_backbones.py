"""Own the backbones of ST_YOLOD: the compressed ResNet-18, and any network of timm with features at its strides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_core.names import did_you_mean
from zoo_core.networks.st_resnet import RANKS, compress
from zoo_core.networks.st_yolod_neck import STRIDES

RESNET_LEVELS = (2, 3, 4)
"""Levels of timm's ResNet-18 at strides 8, 16 and 32."""
FAILURES = (
    RuntimeError,
    AssertionError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    LookupError,
    NotImplementedError,
)


def compressed_resnet(size: str, input: InputSpec) -> tuple[nn.Module, tuple[int, ...]]:
    """Return the features of STResNet in one of its sizes, with new weights, and the channels of each level."""
    network = timm.create_model("resnet18", features_only=True, out_indices=RESNET_LEVELS, in_chans=input.channels)
    channels = tuple(network.feature_info.channels())
    compress(network, RANKS[size])
    return network, channels


class TimmFeatures(nn.Module):
    """Compute the features of a timm network at strides 8, 16 and 32."""

    def __init__(self, name: str, input: InputSpec) -> None:
        """Build with new weights.

        Raises:
            UserError: When timm has no such network, or it has no such features for this input.
        """
        super().__init__()
        self.pretrained = name
        try:
            self.arguments = _arguments(name, input)
            self.net: Any = timm.create_model(name, **self.arguments)
            self.channels: tuple[int, ...] = tuple(self.net.feature_info.channels())
            self.channels_last = str(getattr(self.net, "output_fmt", "")).endswith("NHWC")
            self._try(input)
        except FAILURES as error:
            raise _refused(name, input, error) from error

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the levels, each (N, channels, H / stride, W / stride)."""
        levels: list[torch.Tensor] = self.net(images)
        return [level.permute(0, 3, 1, 2) for level in levels] if self.channels_last else levels

    def published_state(self, cache_dir: Path | None) -> dict[str, torch.Tensor]:
        """Return the weights that timm publishes for the network, under the names here."""
        net = timm.create_model(self.pretrained, pretrained=True, cache_dir=cache_dir, **self.arguments)
        return {f"net.{key}": value for key, value in net.state_dict().items()}

    def _try(self, input: InputSpec) -> None:
        """Run one image through; a network whose levels have other sizes than its strides say fails here."""
        with torch.no_grad():
            levels = self.eval()(torch.zeros(1, *input.shape))
        self.train()
        found = [tuple(level.shape[1:]) for level in levels]
        sizes = [(input.height // stride, input.width // stride) for stride in STRIDES]
        wanted = [(channels, *size) for channels, size in zip(self.channels, sizes, strict=True)]
        if found != wanted:
            raise ValueError(f"its features have the shapes {found}, expected {wanted}")


def _arguments(name: str, input: InputSpec) -> dict[str, Any]:
    """Return what a timm network is built with for three levels of features.

    Raises:
        UserError: When timm has no such network, or it has no features at the three strides.
    """
    if not timm.is_model(name):
        near = did_you_mean(name, timm.list_models())
        raise UserError(f'model.backbone: timm has no model "{name}".', hint=near or "Names: timm.list_models().")
    arguments: dict[str, Any] = {"features_only": True, "in_chans": input.channels}
    settings = timm.get_pretrained_cfg(name)
    if settings is not None and settings.fixed_input_size:
        arguments["img_size"] = (input.height, input.width)
    last = {stride: level for level, stride in enumerate(timm.create_model(name, **arguments).feature_info.reduction())}
    if any(stride not in last for stride in STRIDES):
        given = ", ".join(str(stride) for stride in last)
        msg = f"model.backbone: {name} has features at strides {given}; ST_YOLOD needs 8, 16 and 32."
        raise UserError(msg, hint="Choose a network with stages, such as resnet18 or mobilenetv3_small_100.")
    return arguments | {"out_indices": tuple(last[stride] for stride in STRIDES)}


def _refused(name: str, input: InputSpec, error: Exception) -> UserError:
    reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
    msg = f"model.backbone: {name} gives no features for an input of {input} ({reason})."
    return UserError(msg, hint="Choose another model of timm, or change model.input_shape.")
