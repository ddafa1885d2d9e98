"""Own what was found on one image: boxes, scores, classes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from zoo_core.data.preprocessing import ImagePreprocessing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detections:
    """Hold K boxes of one image with a score and a class each."""

    boxes: npt.NDArray[np.float32]
    """Shape (K, 4): left, top, right, bottom in pixels."""
    scores: npt.NDArray[np.float32]
    """Shape (K,): between 0 and 1."""
    classes: npt.NDArray[np.int64]
    """Shape (K,): indices into the class names."""

    def __len__(self) -> int:
        """Return the number of boxes."""
        return len(self.boxes)

    def chosen(self, keep: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Detections:
        """Return the boxes that a mask or indices choose, in their order."""
        return Detections(boxes=self.boxes[keep], scores=self.scores[keep], classes=self.classes[keep])

    def on_original(self, preprocessing: ImagePreprocessing, size: tuple[int, int]) -> Detections:
        """Return boxes on the model's input as boxes on the original of (width, height), cut at its borders."""
        place = preprocessing.placement(*size)
        shift = np.array([place.left, place.top] * 2, np.float32)
        scale = np.array([place.scale_x, place.scale_y] * 2, np.float32)
        boxes = np.clip((self.boxes - shift) / scale, 0, np.array(size * 2, np.float32))
        return replace(self, boxes=boxes.astype(np.float32))
