"""Own what happens to one training image and its keypoints: resizing, ST's functions, preprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms.functional import pil_to_tensor

from zoo_core.data.augmentation import OrderedFunctions, PeriodicSizes
from zoo_core.data.preprocessing import PIXEL_MAX, ImagePreprocessing
from zoo_core.protocols import Sample
from zoo_pose.config.augmentation import PoseAugmentationSection
from zoo_pose.labels import PoseLabels

MIDDLE = 0.5
"""Place of the middle of the first pixel in labels; it is 0 where points are moved."""
SMALLEST_BOX = 1.0
"""Pixels that a box must be wide and high for its pose to be still there."""
HIDDEN, SEEN = 1, 2
"""Values of `visible` of labelled keypoints."""


class TrainTransform:
    """Turn a training sample into the model's input and its poses there.

    All random numbers come from the global generators of `random` and torch. Left and right change places in a mirror.
    """

    def __init__(
        self, preprocessing: ImagePreprocessing, section: PoseAugmentationSection | None, partners: Sequence[int]
    ) -> None:
        """Choose the steps.

        Args:
            preprocessing: What makes the model's input.
            section: Functions and sizes; nothing is changed without.
            partners: For each keypoint the one that takes its place in a mirror.

        Raises:
            UserError: When a change is asked for that the colours of the model's input do not allow.
        """
        self._preprocessing = preprocessing
        self._pixels = preprocessing.input.height * preprocessing.input.width
        self._functions: tuple[OrderedFunctions, ...] = ()
        self._sizes: PeriodicSizes | None = None
        if section is None:
            return
        channels = preprocessing.input.channels
        self._functions = tuple(
            OrderedFunctions([function], channels=channels, partners=partners) for function in section.functions
        )
        if section.random_periodic_resizing is not None:
            self._sizes = PeriodicSizes(section.random_periodic_resizing, preprocessing)

    @property
    def growth(self) -> float:
        """Return how many times more memory its results take than one model input."""
        return 1.0 if self._sizes is None else self._sizes.largest / self._pixels

    def set_epoch(self, epoch: int, seed: int) -> None:
        """Take the size that the images of an epoch have."""
        if self._sizes is not None:
            self._preprocessing = self._sizes.at(epoch, seed)

    def __call__(self, sample: Sample) -> tuple[torch.Tensor, PoseLabels]:
        """Return a float32 tensor of shape (C, H, W) and the poses in its pixels.

        Raises:
            UnreadableImageError: When the colours of the image cannot be converted.
        """
        preprocessing = self._preprocessing
        labels: PoseLabels = sample.target.placed(preprocessing)
        image = preprocessing.resize(preprocessing.convert(sample.image))
        if not self._functions:
            return preprocessing.to_tensor(image), inside(labels)
        pixels, moved = self._changed(pil_to_tensor(image).float() / PIXEL_MAX, labels)
        pixels = pixels * PIXEL_MAX
        tensor = preprocessing.normalize(pixels.flip(0) if preprocessing.color_mode == "bgr" else pixels)
        return tensor, inside(moved)

    def _changed(self, image: torch.Tensor, labels: PoseLabels) -> tuple[torch.Tensor, PoseLabels]:
        """Return the changed image of values in [0, 1] and its labels.

        What is not labelled travels as points that are no numbers, so that it changes places with its partner too.
        """
        canvas = labels.height, labels.width
        places = torch.from_numpy(labels.points - MIDDLE)
        pixels = tv_tensors.Image(image)
        shown, hidden = (
            tv_tensors.KeyPoints(torch.where(torch.from_numpy(mask)[..., None], places, torch.nan), canvas_size=canvas)
            for mask in (labels.labelled, labels.visible == HIDDEN)
        )
        boxes = tv_tensors.BoundingBoxes(torch.from_numpy(labels.boxes), format="XYXY", canvas_size=canvas)
        corners, present = labels.boxes, np.ones(len(labels), bool)
        for function in self._functions:
            if len(labels):
                pixels, shown, hidden, boxes = function(pixels, _within(shown), _within(hidden), boxes)
                corners = boxes.as_subclass(torch.Tensor).numpy().astype(np.float64)
                present &= _large(corners)
            else:
                pixels = function(pixels)
        points, covered = (one.as_subclass(torch.Tensor).numpy() + MIDDLE for one in (shown, hidden))
        labelled, covered = (np.isfinite(one).all(axis=-1) for one in (points, covered))
        moved = replace(
            labels,
            points=np.where(labelled[..., None], points, 0.0),
            visible=np.where(labelled, np.where(covered, HIDDEN, SEEN), 0),
            boxes=corners,
            areas=labels.areas * _grown(labels.boxes, corners),
        )
        return pixels.as_subclass(torch.Tensor), moved.chosen(present)


def inside(labels: PoseLabels) -> PoseLabels:
    """Return the labels without the keypoints outside of the image, and without poses whose box has left it."""
    ends = np.array(labels.size, np.float64)
    kept = labels.labelled & ((labels.points >= 0) & (labels.points <= ends)).all(axis=-1)
    labels = replace(
        labels, points=np.where(kept[..., None], labels.points, 0.0), visible=np.where(kept, labels.visible, 0)
    )
    return labels.chosen(_large(labels.boxes))


def _large(boxes: np.ndarray) -> np.ndarray:
    """Return which boxes of shape (M, 4) show something, shape (M,)."""
    return np.asarray((boxes[:, 2:] - boxes[:, :2] >= SMALLEST_BOX).all(axis=1))


def _within(points: tv_tensors.KeyPoints) -> tv_tensors.KeyPoints:
    """Return points, those outside of the image as no numbers: no later function brings their pixels back."""
    plain = points.as_subclass(torch.Tensor)
    height, width = points.canvas_size
    kept = ((plain >= -MIDDLE) & (plain <= torch.tensor([width, height]) - MIDDLE)).all(dim=-1, keepdim=True)
    return tv_tensors.wrap(torch.where(kept, plain, torch.nan), like=points)


def _grown(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return by how much the areas of boxes of shape (M, 4) have grown, shape (M,)."""
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1) for boxes in (before, after)]
    grown: np.ndarray = np.divide(areas[1], areas[0], out=np.ones(len(before)), where=areas[0] > 0)
    return grown
