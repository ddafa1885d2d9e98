"""Own which prior box of an SSD is responsible for which true box of a batch."""

from __future__ import annotations

import torch

NOBODY = -1


def pairwise_iou(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the overlap (intersection over union) of every box with every other, shape (..., A, M).

    Args:
        first: Left, top, right, bottom, shape (..., A, 4).
        second: The same, shape (..., M, 4).
    """
    left_top = torch.maximum(first[..., :, None, :2], second[..., None, :, :2])
    right_bottom = torch.minimum(first[..., :, None, 2:], second[..., None, :, 2:])
    shared = (right_bottom - left_top).clamp(min=0).prod(dim=-1)
    areas = (first[..., 2:] - first[..., :2]).prod(dim=-1)[..., :, None]
    others = (second[..., 2:] - second[..., :2]).prod(dim=-1)[..., None, :]
    return shared / (areas + others - shared).clamp(min=torch.finfo(shared.dtype).tiny)


def match(overlaps: torch.Tensor, valid: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return, for each prior box, the true box it is responsible for.

    A prior takes the true box it overlaps most when that is at least the threshold. The prior that a true box overlaps
    most takes it in any case; where several true boxes share that prior, the last of them has it.
    W. Liu et al., "SSD: Single Shot MultiBox Detector", 2016, section 2.2.

    Args:
        overlaps: Of priors with true boxes, shape (N, A, M).
        valid: Which true boxes are there, bool of shape (N, M).
        threshold: Smallest overlap.

    Returns:
        Indices of true boxes, -1 for none, shape (N, A).
    """
    images, priors, boxes = overlaps.shape
    nobody = torch.full((images, priors), NOBODY, dtype=torch.int64, device=overlaps.device)
    if boxes == 0:
        return nobody
    overlaps = overlaps.masked_fill(~valid[:, None, :], -1.0)
    best, box = overlaps.max(dim=2)
    taken = torch.where(best >= threshold, box, nobody)
    reach, prior = overlaps.max(dim=1)
    numbers = torch.arange(boxes, device=overlaps.device).expand(images, boxes)
    numbers = torch.where(valid & (reach > 0), numbers, NOBODY)
    forced = nobody.scatter_reduce(1, prior, numbers, "amax")
    return torch.where(forced >= 0, forced, taken)
