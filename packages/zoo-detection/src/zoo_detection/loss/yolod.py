"""Own the loss of ST_YOLOD: boxes, objectness and classes of the cells that SimOTA chooses.

Ge et al., "YOLOX: Exceeding YOLO Series in 2021", 2021 (arXiv 2107.08430).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from zoo_core.networks.box_overlap import overlap
from zoo_core.networks.simota import Assignment, Predictions, assign
from zoo_core.networks.st_yolod_cells import Cells
from zoo_detection.targets import BoxTargets

OVERLAP_WEIGHT = 5.0


class YolodLoss(nn.Module):
    """Sum four parts, each over the batch and divided by its number of assigned cells.

    `iou_loss` is 5 (1 - IoU^2), `conf_loss` the cross-entropy of all cells' objectness, `cls_loss` that of the classes
    to a one-hot target scaled by the IoU, `l1_loss` the distance of the raw box numbers in the last epochs, else 0.
    """

    def __init__(self, strides: Sequence[int], classes: int, no_aug_epochs: int) -> None:
        """Take the network's strides in pixels, the number of classes, and how many last epochs have `l1_loss`."""
        super().__init__()
        self.strides = tuple(strides)
        self.classes = classes
        self.no_aug_epochs = no_aug_epochs
        self.exact = False

    def set_epoch(self, epoch: int, epochs: int) -> None:
        """Begin an epoch, counted from 0, of `epochs`."""
        self.exact = epoch >= epochs - self.no_aug_epochs

    def forward(self, outputs: tuple[torch.Tensor, ...], targets: BoxTargets) -> dict[str, torch.Tensor]:
        """Return the loss and its parts, computed in float32.

        Args:
            outputs: Raw boxes (N, A, 4), objectness (N, A, 1) and classes (N, A, C).
            targets: Boxes of the same images.

        Returns:
            `loss`, the sum of `iou_loss`, `conf_loss`, `cls_loss` and `l1_loss`, all scalars.

        Raises:
            ValueError: When the outputs are not those of images of the targets' size.
        """
        with torch.autocast(outputs[0].device.type, enabled=False):
            raw, objectness, classes = (output.float() for output in outputs)
            cells = Cells.of(targets.size, self.strides, raw.device)
            if len(cells) != raw.shape[1]:
                raise ValueError(f"{raw.shape[1]} cells of outputs, but {len(cells)} for images of {targets.size}")
            boxes = cells.decode(raw)
            predictions = Predictions(boxes.detach(), objectness.detach(), classes.detach())
            matches = assign(predictions, targets.boxes, targets.classes, cells)
            parts = self._boxes(raw, boxes, cells, targets, matches)
            parts |= self._scores(objectness, classes, targets, matches)
            parts = {name: part / max(len(matches), 1) for name, part in parts.items()}
        return {"loss": torch.stack(list(parts.values())).sum(), **parts}

    def _boxes(
        self, raw: torch.Tensor, boxes: torch.Tensor, cells: Cells, targets: BoxTargets, matches: Assignment
    ) -> dict[str, torch.Tensor]:
        place = matches.images, matches.cells
        true = targets.boxes[matches.images, matches.rows]
        parts = {"iou_loss": OVERLAP_WEIGHT * (1 - overlap(boxes[place], true).square()).sum()}
        if not self.exact:
            return {**parts, "l1_loss": raw.new_zeros(())}
        wanted = Cells(cells.places[matches.cells], cells.strides[matches.cells]).encode(true)
        return {**parts, "l1_loss": functional.l1_loss(raw[place], wanted, reduction="sum")}

    def _scores(
        self, objectness: torch.Tensor, classes: torch.Tensor, targets: BoxTargets, matches: Assignment
    ) -> dict[str, torch.Tensor]:
        place = matches.images, matches.cells
        positive = torch.zeros_like(objectness)
        positive[place] = 1.0
        own = functional.one_hot(targets.classes[matches.images, matches.rows], self.classes)
        return {
            "conf_loss": _cross_entropy(objectness, positive),
            "cls_loss": _cross_entropy(classes[place], own * matches.overlaps[:, None]),
        }


def _cross_entropy(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum")
