"""Own what a family of pose estimators is: how the outputs of its models are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from zoo_core.artifacts import InputSpec
from zoo_pose.poses import Poses

Outputs = Sequence[npt.NDArray[np.float32]]
"""Every output of a model for N images, each with N rows."""
Shapes = Sequence[tuple[int | None, ...]]
"""Shape of every output, N first; sizes that the file leaves open are `None`."""


class Family(Protocol):
    """Read the outputs of models that share a form; holds the input size and number of keypoints it was made for."""

    name: str
    """Name that `model.model_type` and the metadata of exported models give."""
    multiple: bool
    """Whether there may be several poses on an image, or none; otherwise there is always one."""
    input: InputSpec
    keypoints: int

    def poses(self, outputs: Outputs, *, confidence: float, overlap: float, limit: int) -> list[Poses]:
        """Return the poses of each image in pixels of the model's input, best first.

        Args:
            outputs: What the model gave.
            confidence: Smallest score of a pose. Families of one pose give it whatever its score is.
            overlap: Overlap of boxes above which the weaker of two poses is dropped.
            limit: Largest number of poses on an image.
        """
        ...

    def check(self, shapes: Shapes) -> tuple[str, ...]:
        """Return what is wrong with the shapes of a model's outputs, as sentences."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return the JSON-able facts that decoders on devices need, such as the sizes of heat maps."""
        ...


def single_pose(
    points: npt.NDArray[np.floating[Any]],
    confidences: npt.NDArray[np.floating[Any]],
    scores: npt.NDArray[np.floating[Any]] | None = None,
) -> list[Poses]:
    """Return one pose for each image; its score is the mean of its keypoints' confidences unless it is given.

    Args:
        points: Shape (N, K, 2), in pixels of the model's input.
        confidences: Shape (N, K); brought to the range of 0 to 1.
        scores: Shape (N,).
    """
    sure = np.clip(np.nan_to_num(confidences, nan=0.0), 0, 1).astype(np.float32)
    means = sure.mean(axis=1) if scores is None else np.clip(scores, 0, 1).astype(np.float32)
    placed = np.nan_to_num(points, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)
    return [
        Poses(points=one[None], confidences=known[None], scores=mean[None])
        for one, known, mean in zip(placed, sure, means, strict=True)
    ]


def shape_text(shapes: Shapes) -> str:
    """Return shapes as text, such as `(N, 17, 48, 48)`."""
    return ", ".join("(" + ", ".join("N" if size is None else str(size) for size in shape) + ")" for shape in shapes)
