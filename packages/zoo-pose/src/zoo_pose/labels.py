"""Own the labels of one image: the keypoints of every pose on it, and what evaluation needs to know of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from zoo_core.data.preprocessing import ImagePreprocessing

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseLabels:
    """Hold the M poses of one image with K keypoints each, in pixels of an image of `width` x `height`.

    Points are (x, y); (0, 0) is the left top corner of the image and (0.5, 0.5) the middle of its first pixel.
    """

    points: Floats
    """Shape (M, K, 2): x, y; zero where a keypoint is not labelled."""
    visible: npt.NDArray[np.int64]
    """Shape (M, K): 0 not labelled, 1 labelled but hidden, 2 labelled (files without the difference have 1)."""
    boxes: Floats
    """Shape (M, 4): left, top, right, bottom."""
    areas: Floats
    """Shape (M,): square pixels of the persons themselves, or of 0.53 of their boxes where files do not say."""
    crowd: npt.NDArray[np.bool_]
    """Shape (M,): COCO's crowds, which count neither as found nor as missed."""
    width: int
    height: int
    image_id: int = 0
    """Number of the image in the data set's own files, for result files."""
    in_input: bool = False
    """Whether the image is a model's input already, which may have another size in training."""

    def __len__(self) -> int:
        """Return the number of poses."""
        return len(self.points)

    @property
    def size(self) -> tuple[int, int]:
        """Return (width, height) of the image in pixels."""
        return self.width, self.height

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        """Return which keypoints are labelled, shape (M, K)."""
        return np.asarray(self.visible > 0)

    def chosen(self, keep: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> PoseLabels:
        """Return the poses that a mask or indices choose."""
        return replace(
            self,
            points=self.points[keep],
            visible=self.visible[keep],
            boxes=self.boxes[keep],
            areas=self.areas[keep],
            crowd=self.crowd[keep],
        )

    def placed(self, preprocessing: ImagePreprocessing) -> PoseLabels:
        """Return the labels in the pixels of the model's input; those of an image that is one stay as they are."""
        if self.in_input:
            return self
        place = preprocessing.placement(self.width, self.height)
        scale = np.array([place.scale_x, place.scale_y])
        shift = np.array([place.left, place.top])
        size = preprocessing.input.width, preprocessing.input.height
        boxes = np.clip(self.boxes * np.tile(scale, 2) + np.tile(shift, 2), 0, np.array(size * 2))
        return replace(
            self,
            points=np.where(self.labelled[..., None], self.points * scale + shift, 0.0),
            boxes=boxes,
            areas=self.areas * place.scale_x * place.scale_y,
            width=size[0],
            height=size[1],
            in_input=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseTargets:
    """Hold the poses of N images, M rows each, K keypoints, in pixels of the model's input."""

    points: torch.Tensor
    """Float32, shape (N, M, K, 2)."""
    visible: torch.Tensor
    """Int64, shape (N, M, K): 0 where a keypoint is not labelled, and in rows that only fill up the batch."""
    boxes: torch.Tensor
    """Float32, shape (N, M, 4): left, top, right, bottom."""
    areas: torch.Tensor
    """Float32, shape (N, M): square pixels."""
    valid: torch.Tensor
    """Bool, shape (N, M): rows that hold a pose; the others come last."""
    size: tuple[int, int]
    """(height, width) of the model's input in pixels."""
    labels: tuple[PoseLabels, ...]
    """Labels of each image as the data set gives them, crowds included."""

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def to(self, device: Any, **options: Any) -> PoseTargets:
        """Return the same with its tensors on a device."""
        names = ("points", "visible", "boxes", "areas", "valid")
        return replace(self, **{name: getattr(self, name).to(device, **options) for name in names})


def collate_poses(labels: Sequence[PoseLabels], preprocessing: ImagePreprocessing, keypoints: int) -> PoseTargets:
    """Return the targets of one batch from labels in the pixels of their own images; crowds are left out."""
    placed = [one.placed(preprocessing) for one in labels]
    placed = [one.chosen(~one.crowd) for one in placed]
    count, rows = len(placed), max((len(one) for one in placed), default=0)
    points = torch.zeros(count, rows, keypoints, 2)
    visible = torch.zeros(count, rows, keypoints, dtype=torch.int64)
    boxes, areas = torch.zeros(count, rows, 4), torch.zeros(count, rows)
    valid = torch.zeros(count, rows, dtype=torch.bool)
    for number, one in enumerate(placed):
        kept = len(one)
        points[number, :kept] = torch.from_numpy(one.points).float()
        visible[number, :kept] = torch.from_numpy(one.visible)
        boxes[number, :kept] = torch.from_numpy(one.boxes).float()
        areas[number, :kept] = torch.from_numpy(one.areas).float()
        valid[number, :kept] = True
    size = placed[0].size[::-1] if placed else (preprocessing.input.height, preprocessing.input.width)
    return PoseTargets(
        points=points, visible=visible, boxes=boxes, areas=areas, valid=valid, size=size, labels=tuple(labels)
    )
