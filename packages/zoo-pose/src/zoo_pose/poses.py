"""Own what a model finds on one image: poses with their keypoints, in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from zoo_core.data.preprocessing import ImagePreprocessing

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Poses:
    """Hold P poses of K keypoints each, best first."""

    points: Floats
    """Shape (P, K, 2): x, y in pixels; (0.5, 0.5) is the middle of the first pixel."""
    confidences: Floats
    """Shape (P, K): how sure the model is of each keypoint, 0 to 1."""
    scores: Floats
    """Shape (P,): how sure it is of each pose, 0 to 1."""
    boxes: Floats | None = None
    """Shape (P, 4): left, top, right, bottom in pixels, of models that find boxes."""

    def __len__(self) -> int:
        """Return the number of poses."""
        return len(self.points)

    def chosen(self, keep: npt.NDArray[np.bool_] | npt.NDArray[np.int64] | Sequence[int]) -> Poses:
        """Return the poses that a mask or indices choose."""
        boxes = None if self.boxes is None else self.boxes[keep]
        return Poses(
            points=self.points[keep], confidences=self.confidences[keep], scores=self.scores[keep], boxes=boxes
        )

    def on_original(self, preprocessing: ImagePreprocessing, size: tuple[int, int]) -> Poses:
        """Return poses in pixels of the model's input as those of its original of (width, height) in pixels."""
        place = preprocessing.placement(*size)
        scale = np.array([place.scale_x, place.scale_y], np.float32)
        shift = np.array([place.left, place.top], np.float32)
        boxes = self.boxes
        if boxes is not None:
            ends = (boxes - np.tile(shift, 2)) / np.tile(scale, 2)
            boxes = np.clip(ends, 0, np.array(size * 2, np.float32)).astype(np.float32)
        return replace(self, points=((self.points - shift) / scale).astype(np.float32), boxes=boxes)
