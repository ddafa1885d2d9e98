"""Own which prior box of an SSD is responsible for which true box of a batch."""

from __future__ import annotations

import torch

NOBODY = -1
TIE_WEIGHT = 1e-3
"""How far a distance of the whole image counts against an overlap of 1."""


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


def match(
    overlaps: torch.Tensor, valid: torch.Tensor, threshold: float, ties: torch.Tensor | None = None
) -> torch.Tensor:
    """Return, for each prior box, the true box it is responsible for.

    Every true box has one prior of its own in any case: of all pairs the one that overlaps most is joined first, then
    the next one of what is left. Every other prior takes the true box it overlaps most when that is at least the
    threshold. W. Liu et al., "SSD: Single Shot MultiBox Detector", 2016, section 2.2.

    Args:
        overlaps: Of priors with true boxes, shape (N, A, M).
        valid: Which true boxes are there, bool of shape (N, M).
        threshold: Smallest overlap.
        ties: Small numbers of the shape of `overlaps`; of pairs that overlap alike, the one with the smallest goes
            first. Tiny boxes overlap alike with every prior around them.

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
    ranks = overlaps if ties is None else overlaps - TIE_WEIGHT * ties
    forced = _pairs(ranks.masked_fill(overlaps <= 0, -torch.inf), nobody)
    return torch.where(forced >= 0, forced, taken)


def _pairs(ranks: torch.Tensor, nobody: torch.Tensor) -> torch.Tensor:
    """Return the true box of each prior when each true box has one prior, best pairs first; -1 for none, shape (N, A).

    Pairs of a rank of minus infinity are none.
    """
    chosen, left = nobody.clone(), ranks.clone()
    boxes = ranks.shape[2]
    for _ in range(boxes):
        rank, place = left.flatten(1).max(dim=1)
        image = torch.nonzero(rank.isfinite())[:, 0]
        if not len(image):
            break
        prior, box = place[image] // boxes, place[image] % boxes
        chosen[image, prior] = box
        left[image, prior, :] = -torch.inf
        left[image, :, box] = -torch.inf
    return chosen
