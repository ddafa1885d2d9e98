"""Own how outputs of ST_YOLOD are read: raw numbers of cells, or boxes that the graph decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_core.artifacts import InputSpec
from zoo_detection.detections import Detections
from zoo_detection.families.base import Outputs, Shapes

STRIDES = (8, 16, 32)
RAW_OUTPUTS = 3
DECODED_OUTPUTS = 2
LARGEST_LOGARITHM = 15.0
"""Of a side in cells; keeps wild outputs finite."""
MARGIN = 1e-4
"""By how much the logit of a threshold is lowered, so that rounding drops no box before scores are compared."""

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


class StYolodFamily:
    """Read three outputs, boxes (N, A, 4), objectness (N, A, 1), classes (N, A, C), or two: boxes and scores.

    Each cell gives one box, of its best class (arXiv 2107.08430). Raw scores are the product of the sigmoids of
    objectness and class. Decoded boxes are left, top, right, bottom in shares of the input.
    """

    name = "st_yolod"

    def __init__(self, input: InputSpec, classes: int, *, strides: Sequence[int] = STRIDES) -> None:
        """Take the input, the number of classes, and the sides of the cells of each level in pixels."""
        self.input = input
        self.classes = classes
        self.strides = tuple(strides)
        self._places, self._sides = _cells(input, self.strides)

    def candidates(self, outputs: Outputs, threshold: float) -> list[Detections]:
        """Return, for each image, the box of every cell whose best score is at least the threshold."""
        if len(outputs) == RAW_OUTPUTS:
            return self._of_raw(outputs, threshold)
        boxes, scores = outputs
        images, cells = _reached(scores, threshold)
        rows = scores[images, cells]
        best = rows.argmax(axis=1)
        size = np.array([self.input.width, self.input.height] * 2, np.float32)
        found = Detections(
            boxes=boxes[images, cells] * size, scores=rows[np.arange(len(rows)), best], classes=best.astype(np.int64)
        )
        return _by_image(found, images, len(boxes))

    def _of_raw(self, outputs: Outputs, threshold: float) -> list[Detections]:
        """Look at classes only where the objectness alone reaches the threshold, decode only what is left."""
        boxes, objectness, classes = outputs
        images, cells = np.nonzero(objectness[:, :, 0] >= _logit(threshold) - MARGIN)
        logits = classes[images, cells]
        best = logits.argmax(axis=1)
        scores = _sigmoid(objectness[images, cells, 0]) * _sigmoid(logits[np.arange(len(logits)), best])
        keep = scores >= threshold
        images, cells = images[keep], cells[keep]
        found = Detections(
            boxes=self._decoded(boxes[images, cells], cells), scores=scores[keep], classes=best[keep].astype(np.int64)
        )
        return _by_image(found, images, len(boxes))

    def _decoded(self, raw: Floats, cells: Indices) -> Floats:
        sides = self._sides[cells]
        centre = (raw[:, :2] + self._places[cells]) * sides
        half = np.exp(np.minimum(raw[:, 2:], LARGEST_LOGARITHM)) * (sides / 2)
        return np.concatenate((centre - half, centre + half), axis=1)

    def check(self, shapes: Shapes) -> tuple[str, ...]:
        """Return what is wrong with the shapes of a model's outputs, as sentences."""
        if len(shapes) not in (RAW_OUTPUTS, DECODED_OUTPUTS):
            expected = "three (boxes, objectness, classes), or two where it decodes boxes itself (boxes, scores)"
            return (f"The model has {len(shapes)} outputs; ST_YOLOD has {expected}.",)
        last = {"boxes": 4, "objectness": 1, "classes": self.classes}
        if len(shapes) == DECODED_OUTPUTS:
            last = {"boxes": 4, "scores": self.classes}
        return tuple(
            sentence
            for (name, size), shape in zip(last.items(), shapes, strict=True)
            for sentence in self._faults(name, size, shape)
        )

    def _faults(self, name: str, size: int, shape: tuple[int | None, ...]) -> Iterator[str]:
        wanted = (None, len(self._places), size)
        fits = len(shape) == len(wanted) and all(
            given is None or expected is None or given == expected
            for given, expected in zip(shape, wanted, strict=True)
        )
        if not fits:
            shown = ", ".join("N" if value is None else str(value) for value in shape)
            yield (
                f"Output {name} has the shape ({shown}), expected (N, {wanted[1]}, {size}): "
                f"one row for each cell of an input of {self.input.height}x{self.input.width} pixels"
                f"{f' and {self.classes} classes' if name in ('classes', 'scores') else ''}."
            )

    def describe(self) -> dict[str, Any]:
        """Return strides in pixels and the number of boxes, for decoders on devices."""
        return {"strides": list(self.strides), "boxes": len(self._places)}


def _cells(input: InputSpec, strides: Sequence[int]) -> tuple[Floats, Floats]:
    """Return column and row (A, 2) and side in pixels (A, 1) of all cells, level by level, row by row."""
    places, sides = [], []
    for stride in strides:
        rows, columns = np.mgrid[: input.height // stride, : input.width // stride]
        level = np.stack((columns, rows), axis=-1).reshape(-1, 2)
        places.append(level)
        sides.append(np.full((len(level), 1), stride))
    return np.concatenate(places).astype(np.float32), np.concatenate(sides).astype(np.float32)


def _reached(scores: Floats, threshold: float) -> tuple[Indices, Indices]:
    """Return image and cell of every row of scores (N, A, C) of which one reaches the threshold, in order.

    Most scores do not, so that finding those that do is faster than the maximum of every row.
    """
    _, cells, classes = scores.shape
    hits = np.flatnonzero(scores >= threshold) // classes
    return np.divmod(hits[np.diff(hits, prepend=-1) > 0], cells)


def _by_image(found: Detections, images: Indices, count: int) -> list[Detections]:
    """Divide boxes, ordered by image, among `count` images."""
    ends = np.searchsorted(images, np.arange(count + 1))
    return [found.chosen(np.arange(ends[image], ends[image + 1])) for image in range(count)]


def _sigmoid(logits: Floats) -> Floats:
    return np.exp(-np.logaddexp(np.float32(0), -logits))


def _logit(probability: float) -> float:
    if not 0 < probability < 1:
        return -np.inf
    return float(np.log(probability / (1 - probability)))
