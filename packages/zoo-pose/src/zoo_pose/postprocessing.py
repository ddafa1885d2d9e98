"""Own the way from a model's outputs to what counts as found: reading, sound poses, the original's pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UserError
from zoo_pose.poses import Poses

if TYPE_CHECKING:
    from zoo_pose.families.base import Family

Outputs = Sequence[npt.NDArray[np.float32]]


class PosePostProcessing:
    """Turn outputs into poses; the same for torch, ONNX, devices, evaluation and prediction."""

    def __init__(self, family: Family, *, confidence: float, overlap: float, limit: int) -> None:
        self.family = family
        self.confidence = confidence
        """Smallest score of a pose, for families that find several."""
        self.overlap = overlap
        """IoU of boxes above which the weaker of two poses is dropped."""
        self.limit = limit
        """Largest number of poses of an image."""

    def __call__(self, outputs: Outputs) -> list[Poses]:
        """Return the poses of each image in pixels of the model's input, best first.

        Poses may reach over the borders of the input. What is not a finite number is no pose.

        Raises:
            UserError: When the outputs do not have the form that the family reads.
        """
        problems = self.family.check([np.shape(output) for output in outputs])
        if problems:
            raise UserError("\n".join(problems), hint="Set model.model_type to the type of the model.")
        found = self.family.poses(outputs, confidence=self.confidence, overlap=self.overlap, limit=self.limit)
        return [_capped(_sound(poses)) for poses in found]

    def on_originals(
        self, outputs: Outputs, sizes: Sequence[tuple[int, int]], preprocessing: ImagePreprocessing
    ) -> list[Poses]:
        """Return the poses of each image in pixels of the originals, boxes cut at their borders.

        Poses whose boxes lie outside of the original, such as on the borders that padding adds, are dropped.

        Args:
            outputs: Every output of the model, each with N rows.
            sizes: (width, height) of the N originals in pixels.
            preprocessing: What made the model's input of the originals.
        """
        placed = (one.on_original(preprocessing, size) for one, size in zip(self(outputs), sizes, strict=True))
        return [_inside(one) for one in placed]

    def describe(self) -> dict[str, Any]:
        """Return the JSON-able description for the metadata of exported models."""
        return {
            "family": self.family.name,
            "confidence_threshold": self.confidence,
            "iou_threshold": self.overlap,
            "max_boxes": self.limit,
            **self.family.describe(),
        }


def _sound(poses: Poses) -> Poses:
    """Return the poses of which every number is finite."""
    keep = (
        np.isfinite(poses.points).all(axis=(1, 2))
        & np.isfinite(poses.confidences).all(axis=1)
        & np.isfinite(poses.scores)
    )
    if poses.boxes is not None:
        keep &= np.isfinite(poses.boxes).all(axis=1)
    return poses if keep.all() else poses.chosen(keep)


def _capped(poses: Poses) -> Poses:
    """Return poses with scores from 0 to 1, which heat maps without activation and quantized outputs may leave."""
    return replace(
        poses,
        scores=np.clip(poses.scores, 0, 1).astype(np.float32),
        confidences=np.clip(poses.confidences, 0, 1).astype(np.float32),
    )


def _inside(poses: Poses) -> Poses:
    """Return the poses whose boxes have an area; those of models without boxes all stay."""
    if poses.boxes is None:
        return poses
    return poses.chosen((poses.boxes[:, 2] > poses.boxes[:, 0]) & (poses.boxes[:, 3] > poses.boxes[:, 1]))
