"""Own which cells have to predict which person: SimOTA over scores, boxes and keypoints.

Ge et al., "YOLOX: Exceeding YOLO Series in 2021", 2021 (arXiv 2107.08430), section 2.1; a cell whose keypoints are
unlike those of a person costs more. Tensor letters: N images, M rows of persons, A cells, F cells that may predict a
person at all, K keypoints.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from zoo_core.networks.simota import Assignment, Predictions, assign
from zoo_core.networks.st_yolod_cells import Cells
from zoo_pose.labels import PoseTargets

SIMILARITY_WEIGHT = 3.0
"""Cost of keypoints that are nowhere near those of a person."""
SMALLEST_AREA = 1.0
"""Square pixels; keeps the similarity of persons without area finite."""
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Found:
    """Hold what a model finds in the A cells of N images, in float32."""

    boxes: torch.Tensor
    """Shape (N, A, 4): left, top, right, bottom in pixels."""
    objectness: torch.Tensor
    """Logits, shape (N, A, 1)."""
    points: torch.Tensor
    """Shape (N, A, K, 2): x and y in pixels."""


@torch.no_grad()
def assign_persons(found: Found, targets: PoseTargets, cells: Cells, sigmas: torch.Tensor) -> Assignment:
    """Return which cells have to predict which person; persons without labelled keypoints are told by their boxes.

    Args:
        found: Of the images of the targets.
        targets: Persons in pixels of the model's input.
        cells: The A cells of the images.
        sigmas: Spread of each keypoint, shape (K,).
    """
    classes = torch.where(targets.valid, 0, NOBODY)
    labelled = targets.visible > 0
    true = targets.points.float()[:, :, None]
    areas = targets.areas.float()[:, :, None]

    def unlikeness(chosen: torch.Tensor) -> torch.Tensor:
        """Return the cost of F cells, given by indices (N, F), for each person, shape (N, M, F)."""
        places = chosen[..., None, None].expand(-1, -1, *found.points.shape[2:])
        points = found.points.gather(1, places)[:, None]
        alike = similarity(spread_distances(points, true, areas, sigmas), labelled[:, :, None])
        return SIMILARITY_WEIGHT * (1 - alike) * labelled.any(dim=2)[:, :, None]

    predictions = Predictions(found.boxes, found.objectness, found.objectness)
    return assign(predictions, targets.boxes.float(), classes, cells, unlikeness)


def spread_distances(
    points: torch.Tensor, true: torch.Tensor, areas: torch.Tensor, sigmas: torch.Tensor
) -> torch.Tensor:
    """Return d^2 / (2 area (2 sigma)^2), the negative logarithm of COCO's similarity of each keypoint.

    Args:
        points: Predicted x and y in pixels, shape (..., K, 2).
        true: The labelled ones, of a shape that goes with it by broadcasting.
        areas: Square pixels of the persons, the common shape without its last two dimensions.
        sigmas: Spread of each keypoint, shape (K,).

    Returns:
        The common shape without its last dimension.
    """
    spread = 2 * areas.clamp(min=SMALLEST_AREA)[..., None] * (2 * sigmas).square()
    return (points - true).square().sum(dim=-1) / spread


def similarity(distances: torch.Tensor, labelled: torch.Tensor) -> torch.Tensor:
    """Return the mean similarity of the labelled keypoints (..., K), 0 where none is: the shape without K."""
    known = labelled.to(distances.dtype)
    return ((-distances).exp() * known).sum(dim=-1) / known.sum(dim=-1).clamp(min=1)
