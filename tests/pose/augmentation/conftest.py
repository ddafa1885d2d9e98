"""Dark pictures with a bright dot of its own colour at every keypoint, so that pixels say where keypoints are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.protocols import Sample
from zoo_pose.augmentation.transform import TrainTransform
from zoo_pose.config import PoseAugmentationSection
from zoo_pose.labels import PoseLabels

COLOURS = np.array([(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1)])
PARTNERS = (0, 2, 1, 4, 3, 5)
HEIGHT, WIDTH = 96, 128
RADIUS = 2
"""A dot has 5 x 5 pixels around that of its keypoint."""
APART = 16
"""Least distance of two dots in pixels along one axis."""


@dataclass(frozen=True)
class Dotted:
    """Hold the settings of the dotted pictures and what looks at them."""

    size: tuple[int, int] = (WIDTH, HEIGHT)
    partners: tuple[int, ...] = PARTNERS
    radius: int = RADIUS

    def labels(self, seed: int = 0, *, poses: int = 1, size: tuple[int, int] | None = None) -> PoseLabels:
        """Return six keypoints of each pose, far from each other, with visibilities 0, 1 and 2."""
        rng = np.random.default_rng(seed)
        width, height = size or self.size
        cells = [(x, y) for x in range(4, width - APART, APART) for y in range(4, height - APART, APART)]
        chosen = rng.choice(len(cells), 6 * poses, replace=False)
        corners = np.array([cells[number] for number in chosen]) + rng.integers(0, 8, (6 * poses, 2))
        points = (corners + 0.5).reshape(poses, 6, 2).astype(np.float64)
        visible = np.stack([rng.permutation([0, 1, 1, 2, 2, 2]) for _ in range(poses)])
        boxes = np.concatenate([points.min(axis=1) - 3, points.max(axis=1) + 3], axis=1)
        return PoseLabels(
            points=np.where(visible[..., None] > 0, points, 0.0),
            visible=visible,
            boxes=boxes,
            areas=0.53 * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1),
            crowd=np.zeros(poses, bool),
            width=width,
            height=height,
        )

    def picture(self, labels: PoseLabels, level: int = 255) -> Image.Image:
        """Return black with the labelled keypoints of the first pose as dots."""
        pixels = np.zeros((labels.height, labels.width, 3), np.uint8)
        for colour, (x, y), visible in zip(COLOURS, labels.points[0], labels.visible[0], strict=True):
            column, row = int(x), int(y)
            if visible:
                rows, columns = (slice(max(0, at - RADIUS), at + RADIUS + 1) for at in (row, column))
                pixels[rows, columns] = level * colour
        return Image.fromarray(pixels)

    def sample(self, labels: PoseLabels, level: int = 255) -> Sample:
        return Sample(self.picture(labels, level), labels, "dots.png")

    def find(self, tensor: torch.Tensor) -> dict[int, np.ndarray]:
        """Return {colour: middle (x, y)} of the dots on a tensor (3, H, W); (0.5, 0.5) is the first pixel's middle."""
        pixels = tensor.permute(1, 2, 0).numpy().astype(np.float64)
        strength = pixels.max(axis=2)
        pure = pixels > 0.5 * strength[..., None]
        rows, columns = np.indices(strength.shape) + 0.5
        found = {}
        for number, colour in enumerate(COLOURS):
            weights = strength * ((strength > 8) & (pure == colour.astype(bool)).all(axis=2))
            if weights.sum() > 0:
                found[number] = np.array([(columns * weights).sum(), (rows * weights).sum()]) / weights.sum()
        return found

    def prepare(self, height: int = HEIGHT, width: int = WIDTH, **options: object) -> ImagePreprocessing:
        """Return a preprocessing that leaves pixels as they are, 0 to 255."""
        values = {"scale": 1.0, "interpolation": "nearest", **options}
        return ImagePreprocessing(input=InputSpec(3, height, width), **values)  # type: ignore[arg-type]

    def transform(self, functions: dict[str, object], **options: object) -> TrainTransform:
        """Return a transform by functions."""
        section = PoseAugmentationSection.model_validate(functions)
        return TrainTransform(self.prepare(**options), section, self.partners)  # type: ignore[arg-type]

    def middle(self, place: np.ndarray, size: tuple[int, int], margin: float = 10.0) -> bool:
        """Tell whether a dot around a place is surely whole on a picture of (width, height)."""
        return bool((place > margin).all() and (place < np.array(size) - margin).all())


@pytest.fixture(scope="session")
def dotted() -> Dotted:
    return Dotted()
