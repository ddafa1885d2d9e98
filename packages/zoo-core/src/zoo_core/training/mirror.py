"""Own test-time augmentation: the outputs for an image and for its mirror image, averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from zoo_core.errors import UserError
from zoo_core.protocols import Task

WIDTH_AXIS = -1


def require_mirroring(task: Task, key: str) -> None:
    """Refuse to average mirrored images for a use case whose outputs depend on the side, such as boxes.

    Raises:
        UserError: When the task does not say `mirror_averaging = True`.
    """
    if not getattr(task, "mirror_averaging", False):
        msg = f"{key}: the outputs of this use case cannot be averaged over mirrored images."
        raise UserError(msg, hint=f"Set {key} to 0.")


class MirrorAveraged(torch.nn.Module):
    """Average a model's outputs for images of shape (N, C, H, W) and for their mirror images."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> Any:
        """Return the mean of both outputs, in the structure of one."""
        return _mean(self.model(images), self.model(images.flip(WIDTH_AXIS)))


def _mean(one: Any, other: Any) -> Any:
    if isinstance(one, torch.Tensor):
        return (one + other) / 2
    if isinstance(one, Mapping):
        return {name: _mean(part, other[name]) for name, part in one.items()}
    if isinstance(one, Sequence) and not isinstance(one, str):
        return type(one)(_mean(part, rest) for part, rest in zip(one, other, strict=True))  # type: ignore[call-arg]
    return one
