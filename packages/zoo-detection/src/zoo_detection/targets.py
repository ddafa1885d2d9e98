"""Own the labels of a batch, in the form that losses and evaluators take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_detection.labels import BoxLabels

NO_BOX = -1
"""Class of the rows that only fill up a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxTargets:
    """Hold the boxes of N images, M rows each."""

    boxes: torch.Tensor
    """Float32, shape (N, M, 4): left, top, right, bottom in pixels of the model's input; crowds are left out."""
    classes: torch.Tensor
    """Int64, shape (N, M); -1 in rows without a box, which come last."""
    size: tuple[int, int]
    """(height, width) of the model's input in pixels."""
    labels: tuple[BoxLabels, ...]
    """Labels of each image as the data set gives them, crowds included."""

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    @property
    def valid(self) -> torch.Tensor:
        """Return which rows hold a box: bool, shape (N, M)."""
        return self.classes != NO_BOX

    def to(self, device: Any, **options: Any) -> BoxTargets:
        """Return the same with its tensors on a device."""
        return replace(self, boxes=self.boxes.to(device, **options), classes=self.classes.to(device, **options))

    def resized(self, size: tuple[int, int]) -> BoxTargets:
        """Return the boxes for images that were stretched to (height, width) in pixels."""
        factors = (size[1] / self.size[1], size[0] / self.size[0])
        scale = torch.tensor(factors * 2, dtype=self.boxes.dtype, device=self.boxes.device)
        return replace(self, boxes=self.boxes * scale, size=size)


def collate_boxes(labels: Sequence[BoxLabels], preprocessing: ImagePreprocessing) -> BoxTargets:
    """Return the targets of one batch from labels in the pixels of their own images."""
    placed = [one.placed(preprocessing) for one in labels]
    placed = [one.chosen(one.trained & (one.boxes[:, 2:] > one.boxes[:, :2]).all(axis=1)) for one in placed]
    rows = max((len(one) for one in placed), default=0)
    boxes = torch.zeros(len(placed), rows, 4)
    classes = torch.full((len(placed), rows), NO_BOX, dtype=torch.int64)
    for number, one in enumerate(placed):
        boxes[number, : len(one)] = torch.from_numpy(one.boxes).float()
        classes[number, : len(one)] = torch.from_numpy(one.classes)
    size = preprocessing.input.height, preprocessing.input.width
    return BoxTargets(boxes=boxes, classes=classes, size=size, labels=tuple(labels))
