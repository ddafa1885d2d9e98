"""Own SimOTA: which cells have to predict which true box.

Ge et al., "YOLOX: Exceeding YOLO Series in 2021", 2021 (arXiv 2107.08430), section 2.1: every box takes the cells
around its centre that predict it at the least cost, as many as its best predictions overlap it in sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

from zoo_core.networks.box_overlap import overlap
from zoo_core.networks.st_yolod_cells import Cells

CENTRE_RADIUS = 1.5
"""Half side of the square around a box's centre whose cells may predict it, in cells of each level."""
OVERLAP_WEIGHT = 3.0
FAR_COST = 1e6
"""Added for a cell near the centre of another box only."""
MOST_CELLS = 10
"""Best overlaps that are summed, which is the largest number of cells of a box."""
SMALLEST_OVERLAP = 1e-8
SMALLEST_LOGARITHM = -100.0


@dataclass(frozen=True, slots=True)
class Predictions:
    """Hold what a detector says of N images in float32, without gradients."""

    boxes: torch.Tensor
    """Shape (N, A, 4): left, top, right, bottom in pixels."""
    objectness: torch.Tensor
    """Logits, shape (N, A, 1)."""
    classes: torch.Tensor
    """Logits, shape (N, A, C)."""

    def at(self, cells: torch.Tensor) -> Predictions:
        """Return those of F cells per image, given by indices of shape (N, F)."""
        parts = (self.boxes, self.objectness, self.classes)
        return Predictions(*(part.gather(1, cells[..., None].expand(-1, -1, part.shape[2])) for part in parts))


@dataclass(frozen=True, slots=True)
class Assignment:
    """Hold the P cells of a batch that have to predict a box."""

    images: torch.Tensor
    """Shape (P,): image of each."""
    cells: torch.Tensor
    """Shape (P,): its place among the A cells."""
    rows: torch.Tensor
    """Shape (P,): the box it has to predict, among the M rows of its image."""
    overlaps: torch.Tensor
    """Shape (P,): intersection over union of its present prediction with that box."""

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.cells)


@torch.no_grad()
def assign(
    predictions: Predictions,
    boxes: torch.Tensor,
    classes: torch.Tensor,
    cells: Cells,
    further_cost: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> Assignment:
    """Return which cells have to predict which box.

    Args:
        predictions: Of N images.
        boxes: Shape (N, M, 4): left, top, right, bottom in pixels.
        classes: Shape (N, M), negative in rows without a box.
        cells: The A cells of the images.
        further_cost: Given indices (N, F) of cells, returns what each adds to the cost of each box, shape (N, M, F).
    """
    near = near_centre(boxes, cells) & (classes >= 0)[..., None]
    possible = near.any(dim=1)
    most = int(possible.sum(dim=1).max()) if len(possible) else 0
    if not most:
        nothing = classes.new_zeros(0)
        return Assignment(nothing, nothing, nothing, boxes.new_zeros(0))
    chosen = possible.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :most]
    near = near.gather(2, chosen[:, None].expand(-1, near.shape[1], -1))
    usable = (classes >= 0)[..., None] & possible.gather(1, chosen)[:, None]
    few = predictions.at(chosen)
    overlaps = overlap(boxes[:, :, None], few.boxes[:, None]).masked_fill(~usable, 0.0)
    cost = class_cost(few, classes) - OVERLAP_WEIGHT * (overlaps + SMALLEST_OVERLAP).log()
    if further_cost is not None:
        cost = cost + further_cost(chosen)
    cost = (cost + FAR_COST * ~near).masked_fill(~usable, torch.inf)
    wanted = cheapest(cost, cell_counts(overlaps)) & usable
    rows = cost.masked_fill(~wanted, torch.inf).argmin(dim=1)
    images, places = wanted.any(dim=1).nonzero(as_tuple=True)
    taken = rows[images, places]
    return Assignment(images, chosen[images, places], taken, overlaps[images, taken, places])


def near_centre(boxes: torch.Tensor, cells: Cells) -> torch.Tensor:
    """Return which of the A cells have their middle near the centre of a box: bool, shape (N, M, A)."""
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2
    reach = CENTRE_RADIUS * cells.strides[:, 0]
    across, down = ((cells.centres[:, axis] - centres[..., axis, None]).abs() < reach for axis in (0, 1))
    return across & down


def class_cost(predictions: Predictions, classes: torch.Tensor) -> torch.Tensor:
    """Return the binary cross-entropy of each prediction to the one-hot class of each box, shape (N, M, A).

    The probability of a class is the geometric mean of its own and the objectness.
    """
    present = ((functional.logsigmoid(predictions.classes) + functional.logsigmoid(predictions.objectness)) / 2).clamp(
        min=SMALLEST_LOGARITHM
    )
    absent = torch.log1p(-present.exp()).clamp(min=SMALLEST_LOGARITHM)
    change = (absent - present).transpose(1, 2)
    own = classes.clamp(min=0)[..., None].expand(-1, -1, change.shape[2])
    return change.gather(1, own) - absent.sum(dim=2)[:, None]


def cell_counts(overlaps: torch.Tensor) -> torch.Tensor:
    """Return how many cells each box takes, shape (N, M): the sum of its best overlaps (N, M, A), at least one."""
    best = overlaps.topk(min(MOST_CELLS, overlaps.shape[2]), dim=2).values
    return best.sum(dim=2).long().clamp(min=1)


def cheapest(cost: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Return which cells are among the `counts` (N, M) cheapest of each box: bool, the shape of `cost` (N, M, A)."""
    order = cost.topk(min(MOST_CELLS, cost.shape[2]), dim=2, largest=False).indices
    within = torch.arange(order.shape[2], device=cost.device) < counts[..., None]
    return torch.zeros_like(cost, dtype=torch.bool).scatter_(2, order, within)
