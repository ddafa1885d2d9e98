"""Own the training loss of models that find several persons: boxes, scores and keypoints of the assigned cells.

Maji et al., "YOLO-Pose: Enhancing YOLO for Multi Person Pose Estimation Using Object Keypoint Similarity Loss", 2022
(arXiv 2204.06806), with the cells and the losses of boxes and scores of YOLOX (arXiv 2107.08430). Tensor letters:
N images, M rows of persons, A cells, P cells that have to predict a person, K keypoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from zoo_core.networks.box_overlap import overlap
from zoo_core.networks.simota import Assignment
from zoo_core.networks.st_yolod_cells import Cells
from zoo_core.networks.st_yolod_neck import STRIDES
from zoo_pose.labels import PoseTargets
from zoo_pose.loss.assignment import Found, assign_persons, similarity, spread_distances
from zoo_pose.models.yolo_head import PLACE, decode_points

OVERLAP_WEIGHT = 5.0
SIMILARITY_WEIGHT = 10.0
DISTANCE_WEIGHT = 1.0
VISIBILITY_WEIGHT = 1.0


@dataclass(frozen=True, slots=True)
class Pairs:
    """Hold the P cells that have to predict a person beside what is known of it."""

    boxes: torch.Tensor
    """Predicted, shape (P, 4): left, top, right, bottom in pixels."""
    true_boxes: torch.Tensor
    """Shape (P, 4)."""
    distances: torch.Tensor
    """Shape (P, K): how far each keypoint is off, as `spread_distances` gives it."""
    confidences: torch.Tensor
    """Logits, shape (P, K)."""
    labelled: torch.Tensor
    """Bool, shape (P, K)."""

    @property
    def known(self) -> torch.Tensor:
        """Return which of the persons have a labelled keypoint: bool, shape (P,)."""
        return self.labelled.any(dim=1)


class YoloPoseLoss(nn.Module):
    """Sum five parts, each over the batch and divided by its number of assigned cells.

    `box_loss` is 5 (1 - IoU^2). `oks_loss` is 10 (1 - OKS) over the labelled keypoints; where a keypoint is far off,
    that has no slope, so `distance_loss` adds the mean of ln(1 + d), with d the exponent in the similarity (the loss of
    a Cauchy distribution). `objectness_loss` is the cross-entropy of all cells' scores to how well box and keypoints
    fit, 0 where there is nobody, and `visibility_loss` that of the keypoints' confidences, of persons with any labelled
    keypoint, to whether each is labelled.
    """

    sigmas: torch.Tensor

    def __init__(self, sigmas: Sequence[float], strides: Sequence[int] = STRIDES) -> None:
        """Take the spread of each keypoint, as COCO defines it, and the model's strides in pixels."""
        super().__init__()
        self.strides = tuple(strides)
        self.register_buffer("sigmas", torch.tensor(sigmas, dtype=torch.float32), persistent=False)

    def forward(self, outputs: tuple[torch.Tensor, ...], targets: PoseTargets) -> dict[str, torch.Tensor]:
        """Return the loss and its parts, all scalars, computed in float32.

        Args:
            outputs: Raw boxes (N, A, 4), objectness (N, A, 1) and keypoints (N, A, K, 3).
            targets: Persons of the same images, in pixels of the model's input.

        Raises:
            ValueError: When the outputs are not those of images of the targets' size.
        """
        with torch.autocast(outputs[0].device.type, enabled=False):
            raw, objectness, keypoints = (output.float() for output in outputs)
            cells = Cells.of(targets.size, self.strides, raw.device)
            if len(cells) != raw.shape[1]:
                raise ValueError(f"{raw.shape[1]} cells of outputs, but {len(cells)} for images of {targets.size}")
            boxes, points = cells.decode(raw), decode_points(keypoints[..., :PLACE], cells)
            found = Found(boxes.detach(), objectness.detach(), points.detach())
            matches = assign_persons(found, targets, cells, self.sigmas)
            pairs = self._pairs(boxes, points, keypoints[..., PLACE], targets, matches)
            parts = {**_fit(pairs), "objectness_loss": _objectness(objectness, pairs, matches)}
            parts = {name: part / max(len(matches), 1) for name, part in parts.items()}
        return {"loss": torch.stack(list(parts.values())).sum(), **parts}

    def _pairs(
        self,
        boxes: torch.Tensor,
        points: torch.Tensor,
        confidences: torch.Tensor,
        targets: PoseTargets,
        matches: Assignment,
    ) -> Pairs:
        place, person = (matches.images, matches.cells), (matches.images, matches.rows)
        areas, true = targets.areas[person].float(), targets.points[person].float()
        return Pairs(
            boxes=boxes[place],
            true_boxes=targets.boxes[person].float(),
            distances=spread_distances(points[place], true, areas, self.sigmas),
            confidences=confidences[place],
            labelled=targets.visible[person] > 0,
        )


def _fit(pairs: Pairs) -> dict[str, torch.Tensor]:
    """Return how far boxes, points and confidences are off, each summed over the pairs."""
    counts = pairs.labelled.sum(dim=1).clamp(min=1)
    far = (pairs.distances.log1p() * pairs.labelled).sum(dim=1) / counts
    unlike = (1 - similarity(pairs.distances, pairs.labelled)) * pairs.known
    wrong = functional.binary_cross_entropy_with_logits(
        pairs.confidences, pairs.labelled.to(pairs.confidences.dtype), reduction="none"
    )
    return {
        "box_loss": OVERLAP_WEIGHT * (1 - overlap(pairs.boxes, pairs.true_boxes).square()).sum(),
        "oks_loss": SIMILARITY_WEIGHT * unlike.sum(),
        "distance_loss": DISTANCE_WEIGHT * far.sum(),
        "visibility_loss": VISIBILITY_WEIGHT * (wrong.mean(dim=1) * pairs.known).sum(),
    }


def _objectness(objectness: torch.Tensor, pairs: Pairs, matches: Assignment) -> torch.Tensor:
    """Return the cross-entropy of the scores (N, A, 1) to how well each cell fits its person, summed over all cells."""
    wanted = torch.zeros_like(objectness)
    wanted[matches.images, matches.cells, 0] = _quality(pairs)
    return functional.binary_cross_entropy_with_logits(objectness, wanted, reduction="sum")


@torch.no_grad()
def _quality(pairs: Pairs) -> torch.Tensor:
    """Return how well each cell fits its person, 0 to 1, shape (P,): halfway between 1 and the mean of both fits."""
    fit = overlap(pairs.boxes, pairs.true_boxes)
    alike = similarity(pairs.distances, pairs.labelled)
    return (1 + torch.where(pairs.known, (fit + alike) / 2, fit)) / 2
