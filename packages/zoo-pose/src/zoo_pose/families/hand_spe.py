"""Own the reading of landmarks of one hand or one head, as MediaPipe's models give them.

The outputs come in any order and are told apart by their size: 3K numbers for each image are x, y and depth of every
landmark, in pixels of the input or in shares of it; a single number is how sure the model is that there is a hand or a
head, the first such output where there are several (the next one tells left from right hands). Of several outputs of 3K
numbers, the one that spreads widest is taken: MediaPipe also gives landmarks in metres around the middle of the hand.

Pixels and shares are told apart by magnitude: landmarks of a hand that fills the image reach far beyond 2 in pixels.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_core.artifacts import InputSpec
from zoo_pose.families.base import Outputs, Shapes, shape_text, single_pose
from zoo_pose.names import HAND_SPE
from zoo_pose.poses import Poses

NUMBERS = 3
LARGEST_SHARE = 2.0
"""Largest coordinate of a landmark in shares of the input."""

Array = npt.NDArray[np.float32]


class LandmarksFamily:
    """Read models of the types `hand_spe` and `head_spe`."""

    multiple = False

    def __init__(self, input: InputSpec, keypoints: int, *, name: str = HAND_SPE) -> None:
        self.name = name
        self.input = input
        self.keypoints = keypoints

    def poses(self, outputs: Outputs, *, confidence: float, overlap: float, limit: int) -> list[Poses]:
        """Return one pose for each image; keypoints are as sure as the whole, 1 where the model is silent."""
        del confidence, overlap, limit
        arrays = [np.asarray(output, np.float32) for output in outputs]
        fitting = [array for array in arrays if prod(array.shape[1:]) == NUMBERS * self.keypoints]
        places = [array.reshape(-1, self.keypoints, NUMBERS)[..., :2] for array in fitting]
        points = max(places, key=lambda place: float(np.abs(place).mean()))
        if np.abs(points).max(initial=0.0) <= LARGEST_SHARE:
            points = points * np.array([self.input.width, self.input.height], np.float32)
        single = next((array.reshape(-1) for array in arrays if prod(array.shape[1:]) == 1), None)
        sure = np.ones(len(points), np.float32) if single is None else _probabilities(single)
        return single_pose(points, np.repeat(sure[:, None], self.keypoints, axis=1), sure)

    def check(self, shapes: Shapes) -> tuple[str, ...]:
        """Return what is wrong with the shapes of a model's outputs, as sentences."""
        if any(size == NUMBERS * self.keypoints for size in map(_numbers, shapes)):
            return ()
        text = (
            f"The model's outputs have the shapes {shape_text(shapes) or 'none'}. A model of the type {self.name} with"
            f" {self.keypoints} keypoints has an output of {NUMBERS * self.keypoints} numbers for each image."
        )
        return (text,)

    def describe(self) -> dict[str, Any]:
        """Return the number of keypoints."""
        return {"keypoints": self.keypoints}


def _numbers(shape: tuple[int | None, ...]) -> int | None:
    sizes = [size for size in shape[1:] if size is not None]
    return prod(sizes) if len(sizes) == len(shape) - 1 else None


def _probabilities(values: Array) -> Array:
    """Return probabilities: as they are, or by a sigmoid where a value shows that they are logits."""
    if np.all((values >= 0) & (values <= 1)):
        return values
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -50, 50))), np.float32)
