"""Own the reading of YOLOv8's outputs and those of its relatives: decoded boxes and one probability per class.

Ultralytics' export gives one output of shape (N, 4 + C, A) with centre and size in pixels of the input; ST's exports
give shares of the input, and may have the last two axes swapped. Files that are made for quantization have boxes and
probabilities as two outputs, so that the range of the boxes does not crush the probabilities. There is no objectness.

Pixels and shares are told apart by magnitude: the cells of the grids cover the whole image, so the largest centre is
near 1 in shares, and near the side of the input in pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_core.artifacts import InputSpec
from zoo_detection.detections import Detections
from zoo_detection.families.base import Outputs, Shapes

BOX = 4
RANK = 3
STRIDES = (8, 16, 32)
LARGEST_SHARE = 2.0
"""Largest centre, in shares of the input, of a model that gives shares; in pixels centres are far beyond it."""

Array = npt.NDArray[np.float32]


class Yolov8Family:
    """Read models of the types `yolov8n`, `yolov11n` and `yolov5u`."""

    name = "yolov8"

    def __init__(self, input: InputSpec, classes: int) -> None:
        self.input = input
        self.classes = classes

    def candidates(self, outputs: Outputs, threshold: float) -> list[Detections]:
        """Return every pair of a box and a class whose probability is at least the threshold, in pixels of the input.

        Args:
            outputs: (N, 4 + C, A) or (N, A, 4 + C); or boxes with 4 and probabilities with C in place of 4 + C.
            threshold: Smallest probability.
        """
        boxes, scores = self._parts([np.asarray(output, np.float32) for output in outputs])
        factors = self._factors(boxes)
        return [self._image(one, values, factors, threshold) for one, values in zip(boxes, scores, strict=True)]

    def check(self, shapes: Shapes) -> tuple[str, ...]:
        """Return what is wrong with the shapes of a model's outputs, as sentences."""
        if _is_split(shapes, self.classes) or (len(shapes) == 1 and _channel_axis(shapes[0], BOX + self.classes)):
            return ()
        found = ", ".join(_text(shape) for shape in shapes) or "none"
        rows = BOX + self.classes
        advice = ""
        if len(shapes) == 1 and len(shapes[0]) == RANK:
            sizes = [size for size in shapes[0][1:] if size is not None and size > BOX]
            if sizes:
                advice = f" A model with these outputs has {min(sizes) - BOX} classes; dataset.class_names names them."
        text = (
            f"The model's outputs have the shapes {found}. A model of the type {self.name} with {self.classes} classes"
            f" has one output (N, {rows}, boxes) or (N, boxes, {rows}), or two: boxes (N, 4, boxes) and probabilities"
            f" (N, {self.classes}, boxes).{advice}"
        )
        return (text,)

    def describe(self) -> dict[str, Any]:
        """Return the number of boxes, that of the cells of the three grids."""
        cells = sum((self.input.height // stride) * (self.input.width // stride) for stride in STRIDES)
        return {"total_boxes": cells}

    def _parts(self, outputs: list[Array]) -> tuple[Array, Array]:
        """Return boxes of shape (N, 4, A) and probabilities of shape (N, C, A), as views."""
        shapes = [output.shape for output in outputs]
        if len(outputs) == 1:
            whole = _channels_first(outputs[0], BOX + self.classes)
            return whole[:, :BOX], whole[:, BOX:]
        first = 0 if _channel_axis(shapes[0], BOX) and _channel_axis(shapes[1], self.classes) else 1
        return _channels_first(outputs[first], BOX), _channels_first(outputs[1 - first], self.classes)

    def _factors(self, boxes: Array) -> Array:
        """Return what (x, y, width, height) are multiplied with to give pixels, shape (4, 1)."""
        centres = boxes[:, :2]
        largest = centres.max(initial=0.0, where=np.isfinite(centres))
        sides = (self.input.width, self.input.height) * 2 if largest <= LARGEST_SHARE else (1.0,) * BOX
        return np.array(sides, np.float32)[:, None]

    def _image(self, boxes: Array, scores: Array, factors: Array, threshold: float) -> Detections:
        classes, cells = _passing(scores, threshold)
        with np.errstate(over="ignore", invalid="ignore"):
            chosen = boxes[:, cells] * factors
            half = chosen[2:] / 2
            corners = np.concatenate([chosen[:2] - half, chosen[:2] + half]).T
        return Detections(boxes=corners, scores=scores[classes, cells], classes=classes)


def _passing(scores: Array, threshold: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the row and the column of every number that is at least the threshold, found in the order of memory."""
    if scores.strides[0] < scores.strides[1]:
        columns, rows = _passing(scores.T, threshold)
        return rows, columns
    rows, columns = np.divmod(np.flatnonzero(scores >= threshold), scores.shape[1])
    return rows, columns


def _channel_axis(shape: tuple[int | None, ...], channels: int) -> int | None:
    """Return the axis, 1 or 2, that can hold so many channels; nothing when the shape does not fit."""
    if len(shape) != RANK:
        return None
    exact = [axis for axis in (1, 2) if shape[axis] == channels]
    unknown = [axis for axis in (1, 2) if shape[axis] is None]
    return next(iter((*exact, *unknown)), None)


def _channels_first(output: Array, channels: int) -> Array:
    return output if _channel_axis(output.shape, channels) == 1 else output.transpose(0, 2, 1)


def _is_split(shapes: Shapes, classes: int) -> bool:
    """Tell whether two outputs are boxes and probabilities, in either order, of as many cells."""
    if len(shapes) != 2 or any(len(shape) != RANK for shape in shapes):  # noqa: PLR2004 - boxes, probabilities
        return False
    for boxes, scores in ((shapes[0], shapes[1]), (shapes[1], shapes[0])):
        axes = _channel_axis(boxes, BOX), _channel_axis(scores, classes)
        if axes[0] and axes[1]:
            counts = {boxes[RANK - axes[0]], scores[RANK - axes[1]]} - {None}
            if len(counts) <= 1:
                return True
    return False


def _text(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("N" if size is None else str(size) for size in shape) + ")"
