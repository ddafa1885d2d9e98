"""Own the overlap of boxes as tensors, with gradients."""

from __future__ import annotations

import torch

SMALLEST_AREA = 1e-9
"""Square pixels; keeps the overlap of empty boxes finite."""


def overlap(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return the intersection over union of boxes.

    Args:
        left: Shape (..., 4): left, top, right, bottom.
        right: The same, of a shape that goes with it by broadcasting.

    Returns:
        The common shape without its last dimension.
    """
    corner = torch.maximum(left[..., :2], right[..., :2])
    sides = (torch.minimum(left[..., 2:], right[..., 2:]) - corner).clamp(min=0)
    common = sides[..., 0] * sides[..., 1]
    return common / (_area(left) + _area(right) - common).clamp(min=SMALLEST_AREA)


def _area(boxes: torch.Tensor) -> torch.Tensor:
    sides = boxes[..., 2:] - boxes[..., :2]
    return sides[..., 0] * sides[..., 1]
