"""Own the reading of keypoints that a model gives directly, as MoveNet of TensorFlow Hub does.

The output has the shape (1, 1, K, 3), or (N, 1, K, 3), (N, 1, 1, K, 3), (N, K, 3): row, column and score of every
keypoint, rows and columns in shares of the height and width of the input.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo_core.artifacts import InputSpec
from zoo_pose.families.base import Outputs, Shapes, shape_text, single_pose
from zoo_pose.names import SPE
from zoo_pose.poses import Poses

NUMBERS = 3
RANKS = (3, 4, 5)


class SpeFamily:
    """Read models of the type `spe`."""

    name = SPE
    multiple = False

    def __init__(self, input: InputSpec, keypoints: int) -> None:
        self.input = input
        self.keypoints = keypoints

    def poses(self, outputs: Outputs, *, confidence: float, overlap: float, limit: int) -> list[Poses]:
        """Return one pose for each image."""
        del confidence, overlap, limit
        arrays = [np.asarray(output, np.float32) for output in outputs]
        chosen = next(array for array in arrays if _fits(array.shape, self.keypoints))
        rows = chosen.reshape(-1, self.keypoints, NUMBERS)
        points = rows[..., 1::-1] * np.array([self.input.width, self.input.height], np.float32)
        return single_pose(points, rows[..., 2])

    def check(self, shapes: Shapes) -> tuple[str, ...]:
        """Return what is wrong with the shapes of a model's outputs, as sentences."""
        if any(_fits(shape, self.keypoints) for shape in shapes):
            return ()
        text = (
            f"The model's outputs have the shapes {shape_text(shapes) or 'none'}. A model of the type {self.name} with"
            f" {self.keypoints} keypoints has an output (N, 1, {self.keypoints}, 3)."
        )
        return (text,)

    def describe(self) -> dict[str, Any]:
        """Return the number of keypoints."""
        return {"keypoints": self.keypoints}


def _fits(shape: tuple[int | None, ...], keypoints: int) -> bool:
    """Tell whether a shape is (N, ..., K, 3) with nothing but 1 between."""
    if len(shape) not in RANKS:
        return False
    *between, rows, numbers = shape[1:]
    return all(size in (1, None) for size in between) and rows in (keypoints, None) and numbers == NUMBERS
