"""Own the numbers by which SSD writes a box relative to its prior box, for tensors."""

from __future__ import annotations

import torch

from zoo_detection.models.priors import CENTRE_VARIANCE, SIZE_VARIANCE


def corners(boxes: torch.Tensor) -> torch.Tensor:
    """Return boxes (..., 4) given as centre x, centre y, width, height as left, top, right, bottom."""
    half = boxes[..., 2:] / 2
    return torch.cat((boxes[..., :2] - half, boxes[..., :2] + half), dim=-1)


def encode(boxes: torch.Tensor, priors: torch.Tensor) -> torch.Tensor:
    """Return boxes as the numbers that a network gives for them.

    Args:
        boxes: Left, top, right, bottom in shares of the image, shape (..., A, 4), with sides above 0.
        priors: Centre x, centre y, width, height in shares of the image, shape (A, 4).
    """
    sides = boxes[..., 2:] - boxes[..., :2]
    centres = boxes[..., :2] + sides / 2
    shifts = (centres - priors[:, :2]) / priors[:, 2:] / CENTRE_VARIANCE
    return torch.cat((shifts, torch.log(sides / priors[:, 2:]) / SIZE_VARIANCE), dim=-1)


def decode(deltas: torch.Tensor, priors: torch.Tensor) -> torch.Tensor:
    """Return the boxes that a network's numbers mean: left, top, right, bottom in shares of the image.

    Args:
        deltas: Shape (..., A, 4).
        priors: Centre x, centre y, width, height in shares of the image, shape (A, 4).
    """
    centres = priors[:, :2] + deltas[..., :2] * CENTRE_VARIANCE * priors[:, 2:]
    sides = priors[:, 2:] * torch.exp(deltas[..., 2:] * SIZE_VARIANCE)
    return corners(torch.cat((centres, sides), dim=-1))
