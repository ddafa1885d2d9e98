"""Own the reading of outputs of the SSD family: encoded or decoded boxes, logits or probabilities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_core.artifacts import InputSpec
from zoo_detection.detections import Detections
from zoo_detection.families.base import Outputs, Shapes
from zoo_detection.models.priors import CENTRE_VARIANCE, SIZE_VARIANCE

Array = npt.NDArray[np.float32]

BOX = 4
RANK = 3
OUTPUTS = 2
SUM_TOLERANCE = 0.2
"""How far the probabilities of a box may be from a sum of 1 on average; 8-bit outputs lose the small ones."""
ORDERED_SHARE = 0.9
"""Share of boxes whose right and bottom lie beyond left and top, from which on boxes count as decoded."""
NEAR = 0.25
"""Mean distance of decoded boxes from their priors that is believed, in shares of the image."""
SLACK = 1e-3
"""Rounding that a comparison of logits allows for."""
MOST = 16.0
"""Largest exponent of a side: far beyond any image, and far from what float32 cannot hold."""


class SsdFamily:
    """Read SSD detectors, ours and others': two outputs in either order, boxes (N, A, 4) and scores.

    Scores of `classes` + 1 columns have the background first, as logits or as probabilities; those of `classes` columns
    are probabilities without it, and their boxes are decoded: left, top, right, bottom in shares of the input. Whether
    other boxes are decoded shows in their numbers.
    """

    name = "ssd"

    def __init__(self, input: InputSpec, classes: int, *, priors: npt.NDArray[np.float32]) -> None:
        """Take what outputs are read with.

        Args:
            input: Size of the model's input.
            classes: Number of classes without the background.
            priors: Prior boxes, centre x, centre y, width, height in shares of the input, shape (A, 4).
        """
        self.input = input
        self.classes = classes
        self.priors = np.asarray(priors, np.float32)

    def candidates(self, outputs: Outputs, threshold: float) -> list[Detections]:
        """Return, for each image, every class of every box whose probability is at least the threshold."""
        boxes, scores = self._sorted(outputs)
        without_background = scores.shape[-1] == self.classes
        probable = without_background or _are_probabilities(scores)
        decoded = without_background or self._are_decoded(boxes)
        return [
            self._of_image(*pair, threshold, probable=probable, skip=0 if without_background else 1, decoded=decoded)
            for pair in zip(boxes, scores, strict=True)
        ]

    def check(self, shapes: Shapes) -> tuple[str, ...]:
        """Return what is wrong with the shapes of a model's outputs, as sentences."""
        legal = (self.classes, self.classes + 1)
        wanted = f"boxes (N, A, 4) and scores (N, A, {legal[1]}) or (N, A, {legal[0]})"
        if len(shapes) != OUTPUTS or any(len(shape) != RANK for shape in shapes):
            told = ", ".join(str(shape) for shape in shapes)
            return (f"An SSD has two outputs, {wanted}; this model has {told or 'none'}.",)
        pairs = [pair for pair in (shapes, shapes[::-1]) if pair[0][2] in (BOX, None) and pair[1][2] in (*legal, None)]
        if not pairs:
            found = " and ".join(str(shape) for shape in shapes)
            return (f"The outputs {found} are not {wanted} for {self.classes} classes.",)
        boxes, scores = pairs[0]
        problems = []
        if None not in (boxes[1], scores[1]) and boxes[1] != scores[1]:
            problems.append(f"The model gives {boxes[1]} boxes and the scores of {scores[1]}.")
        raw = scores[2] == legal[1]
        if raw and boxes[1] not in (None, len(self.priors)):
            size = f"{self.input.height}x{self.input.width}"
            problems.append(f"The model gives {boxes[1]} boxes; with an input of {size} there are {len(self.priors)}.")
        return tuple(problems)

    def describe(self) -> dict[str, Any]:
        """Return the facts that decoders on devices need, anchors as (centre x, centre y, width, height) in shares."""
        return {
            "xy_variance": CENTRE_VARIANCE,
            "wh_variance": SIZE_VARIANCE,
            "total_boxes": len(self.priors),
            "anchor_boxes": [[float(value) for value in row] for row in self.priors],
        }

    def _sorted(self, outputs: Outputs) -> tuple[Array, Array]:
        """Return boxes and scores, whichever came first."""
        first, second = (np.asarray(output, np.float32) for output in outputs)
        legal = (self.classes, self.classes + 1)
        may_stay = first.shape[-1] == BOX and second.shape[-1] in legal
        may_swap = second.shape[-1] == BOX and first.shape[-1] in legal
        if may_stay and may_swap:
            may_stay = not self._look_like_scores(first) or self._look_like_scores(second)
        return (first, second) if may_stay else (second, first)

    def _look_like_scores(self, values: Array) -> bool:
        if values.shape[-1] == self.classes + 1:
            return _are_probabilities(values)
        return not _ordered(values) and bool(values.min(initial=0.0) >= 0 and values.max(initial=0.0) <= 1)

    def _are_decoded(self, boxes: Array) -> bool:
        """Tell whether boxes are corners near their priors, which encoded ones cannot be by chance."""
        if boxes.shape[1] != len(self.priors):
            return True
        if not _ordered(boxes):
            return False
        centres = (boxes[..., :2] + boxes[..., 2:]) / 2
        return bool(np.abs(centres - self.priors[:, :2]).mean() < NEAR)

    def _of_image(
        self, boxes: Array, scores: Array, threshold: float, *, probable: bool, skip: int, decoded: bool
    ) -> Detections:
        place, label, score = _above(scores, threshold, probable=probable, skip=skip)
        used, back = np.unique(place, return_inverse=True)
        found = boxes[used] if decoded else self._decode(boxes[used], self.priors[used])
        scale = np.array([self.input.width, self.input.height] * 2, np.float32)
        return Detections(boxes=(found * scale)[back], scores=score, classes=label)

    @staticmethod
    def _decode(deltas: Array, priors: Array) -> Array:
        centres = priors[:, :2] + deltas[:, :2] * np.float32(CENTRE_VARIANCE) * priors[:, 2:]
        half = priors[:, 2:] * np.exp(np.minimum(deltas[:, 2:] * np.float32(SIZE_VARIANCE), MOST)) / 2
        return np.concatenate((centres - half, centres + half), axis=1)


def _above(
    scores: Array, threshold: float, *, probable: bool, skip: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Array]:
    """Return box, class and probability of all scores of one image (A, columns) that reach the threshold.

    A class that is that probable beats the background alone already, so logits of other boxes are left alone.
    """
    if probable:
        place, label = np.nonzero(scores[:, skip:] >= threshold)
        return place, label, np.ascontiguousarray(scores[place, label + skip])
    lead = scores[:, 1:].max(axis=1) - scores[:, 0]
    some = np.flatnonzero(lead >= (math.log(threshold / (1 - threshold)) - SLACK if 0 < threshold < 1 else -np.inf))
    kept = scores[some]
    exponents = np.exp(kept - kept.max(axis=1, keepdims=True, initial=-np.inf))
    shares = exponents / exponents.sum(axis=1, keepdims=True)
    place, label = np.nonzero(shares[:, 1:] >= threshold)
    return some[place], label, shares[place, label + 1]


def _are_probabilities(scores: Array) -> bool:
    """Tell whether all numbers are at least 0 and those of a box sum to 1."""
    if scores.size == 0 or scores.min() < 0:
        return False
    return bool(np.abs(scores.sum(axis=-1) - 1).mean() < SUM_TOLERANCE)


def _ordered(boxes: Array) -> bool:
    return bool((boxes[..., 2:] > boxes[..., :2]).all(axis=-1).mean() > ORDERED_SHARE) if boxes.size else True
