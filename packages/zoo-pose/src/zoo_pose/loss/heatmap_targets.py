"""Own what heat maps are trained to show: a hill, or one pixel, at every labelled keypoint.

Tensor letters: N images, M poses, K keypoints, H and W height and width of a heat map.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from zoo_pose.labels import PoseTargets

GAUSSIAN, ONE_PIXEL = "gaussian", "one_pixel"


@dataclass(frozen=True, slots=True)
class HeatmapTargets:
    """Hold the maps of one batch; those of several poses on an image are laid over each other."""

    maps: torch.Tensor
    """Float32, shape (N, K, H, W): 0 to 1."""
    peaks: torch.Tensor
    """Bool, shape (N, K, H, W): the pixels that keypoints lie in."""
    shown: torch.Tensor
    """Bool, shape (N, K): maps that show a keypoint; of the others nothing is known."""


def make_targets(targets: PoseTargets, size: tuple[int, int], kind: str, sigma: float) -> HeatmapTargets:
    """Draw the maps of a batch.

    Args:
        targets: Poses in pixels of the model's input. Keypoints that are not labelled, or lie outside, show nothing.
        size: (H, W).
        kind: `gaussian` for hills of height 1 around the exact places, `one_pixel` for 1 at the pixel and 0 elsewhere.
        sigma: Standard deviation of hills in pixels of the heat map.
    """
    scale = targets.points.new_tensor([size[1] / targets.size[1], size[0] / targets.size[0]])
    places = targets.points.float() * scale
    cells = places.floor().long()
    limits = cells.new_tensor([size[1], size[0]])
    known = (targets.visible > 0) & targets.valid[..., None] & ((cells >= 0) & (cells < limits)).all(dim=-1)
    peaks = _peaks(cells, known, size)
    maps = _hills(places - 0.5, known, size, sigma) if kind == GAUSSIAN else peaks.float()
    return HeatmapTargets(maps, peaks, known.any(dim=1))


def _peaks(cells: torch.Tensor, known: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return the pixels of cells (N, M, K, 2), given as column and row, that are known."""
    images, _, keypoints = known.shape
    found = torch.zeros(images, keypoints, *size, dtype=torch.bool, device=known.device)
    image, row, keypoint = known.nonzero(as_tuple=True)
    column, line = cells[image, row, keypoint].unbind(dim=-1)
    found[image, keypoint, line, column] = True
    return found


def _hills(places: torch.Tensor, known: torch.Tensor, size: tuple[int, int], sigma: float) -> torch.Tensor:
    """Return the highest of all hills at every pixel, for places (N, M, K, 2) from the middle of the first pixel."""
    images, rows, keypoints = known.shape
    found = places.new_zeros(images, keypoints, *size)
    for row in range(rows):  # one pose after the other keeps memory small where an image has many
        across, down = (
            torch.exp(
                -((torch.arange(length, device=places.device) - places[:, row, :, axis, None]) ** 2) / (2 * sigma**2)
            )
            for axis, length in ((0, size[1]), (1, size[0]))
        )
        hill = down[..., :, None] * across[..., None, :] * known[:, row, :, None, None]
        found = torch.maximum(found, hill)
    return found
