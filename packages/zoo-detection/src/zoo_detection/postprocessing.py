"""Own the way from a model's outputs to what counts as found: decoding, suppression, the original's pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UserError
from zoo_detection.detections import Detections
from zoo_detection.families.base import Family, Outputs
from zoo_detection.suppression import suppress


class PostProcessing:
    """Turn outputs into detections; the same for torch, ONNX, devices, evaluation and prediction."""

    def __init__(self, family: Family, *, confidence: float, overlap: float, limit: int) -> None:
        self.family = family
        self.confidence = confidence
        """Smallest score of a detection."""
        self.overlap = overlap
        """IoU above which the weaker of two boxes of a class is dropped."""
        self.limit = limit
        """Largest number of detections of an image."""

    def __call__(self, outputs: Outputs) -> list[Detections]:
        """Return the detections of each image in pixels of the model's input, best first.

        Boxes may reach over the borders of the input. What is not a finite number, or has no area, is no detection.

        Raises:
            UserError: When the outputs do not have the form that the family reads.
        """
        problems = self.family.check([np.shape(output) for output in outputs])
        if problems:
            raise UserError("\n".join(problems), hint="Set model.model_type to the type of the model.")
        found = self.family.candidates(outputs, self.confidence)
        return [_capped(suppress(_sound(one), overlap=self.overlap, limit=self.limit)) for one in found]

    def on_originals(
        self, outputs: Outputs, sizes: Sequence[tuple[int, int]], preprocessing: ImagePreprocessing
    ) -> list[Detections]:
        """Return the detections of each image in pixels of the originals, cut at their borders.

        Detections that lie outside of the original, such as on the borders that padding adds, are dropped.

        Args:
            outputs: Every output of the model, each with N rows.
            sizes: (width, height) of the N originals in pixels.
            preprocessing: What made the model's input of the originals.
        """
        placed = (one.on_original(preprocessing, size) for one, size in zip(self(outputs), sizes, strict=True))
        return [one.chosen(_with_area(one.boxes)) for one in placed]

    def describe(self) -> dict[str, Any]:
        """Return the JSON-able description for the metadata of exported models."""
        return {
            "family": self.family.name,
            "confidence_threshold": self.confidence,
            "iou_threshold": self.overlap,
            "max_boxes": self.limit,
            **self.family.describe(),
        }


def _sound(candidates: Detections) -> Detections:
    """Return the candidates of which every number is finite and that have an area."""
    keep = np.isfinite(candidates.boxes).all(axis=1) & np.isfinite(candidates.scores) & _with_area(candidates.boxes)
    return candidates if keep.all() else candidates.chosen(keep)


def _capped(found: Detections) -> Detections:
    """Return detections with scores up to 1, which the rounding of quantized outputs may exceed."""
    return replace(found, scores=np.minimum(found.scores, np.float32(1)))


def _with_area(boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Tell which boxes of shape (K, 4) are wider and higher than nothing."""
    return np.asarray((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]), np.bool_)
