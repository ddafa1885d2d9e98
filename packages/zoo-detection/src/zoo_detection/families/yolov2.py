"""Own the reading of grids with anchors, as YOLOv2 gives them, and the models of that type.

Redmon and Farhadi 2016, "YOLO9000: Better, Faster, Stronger": each cell of a grid gives, for each anchor, tx, ty, tw,
th, an objectness and one number per class. Centre = cell + sigmoid(tx, ty), size = anchor * exp(tw, th), both in cells;
score = sigmoid(objectness) * softmax(classes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_detection.detections import Detections
from zoo_detection.families.base import Outputs, Shapes

NUMBERS = 5
"""Numbers of an anchor before those of its classes: tx, ty, tw, th, objectness."""
PAIR = 2
GRID_RANK = 4
FLAT_RANK = 3
STRIDE = 32
ANCHORS = (0.076023, 0.258508, 0.163031, 0.413531, 0.234769, 0.702585, 0.427054, 0.715892, 0.748154, 0.857092)
"""Widths and heights in cells, in turn, that ST's services take when `yolo_anchors` is absent."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Read one grid of cells with B anchors."""

    rows: int
    columns: int
    anchors: Array
    """Shape (B, 2): width and height in cells."""
    classes: int

    @property
    def numbers(self) -> int:
        """Return the numbers of one anchor in one cell."""
        return NUMBERS + self.classes

    @property
    def boxes(self) -> int:
        """Return the number of boxes that the grid gives."""
        return self.rows * self.columns * len(self.anchors)

    def layout(self, shape: Sequence[int | None]) -> str:
        """Return `last` or `first`, where the channels of an output of rank 4 stand; empty when it does not fit."""
        channels = len(self.anchors) * self.numbers
        orders = {"last": (self.rows, self.columns, channels), "first": (channels, self.rows, self.columns)}
        return next((name for name, wanted in orders.items() if fits(shape[1:], wanted)), "")

    def as_rows(self, output: Array) -> Array:
        """Return an output of rank 4 as (N, boxes, numbers): cells row by row, the anchors of a cell in turn."""
        if self.layout(output.shape) == "first":
            output = output.transpose(0, 2, 3, 1)
        return output.reshape(len(output), self.boxes, self.numbers)

    def candidates(self, rows: Array, threshold: float, stride: Array) -> Detections:
        """Return what passes the threshold, of numbers of shape (boxes, 5 + C).

        Args:
            rows: The numbers of one image.
            threshold: Smallest score.
            stride: (width, height) of a cell in pixels.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            objectness = 1 / (1 + np.exp(-rows[:, NUMBERS - 1]))
            passing = np.flatnonzero(objectness >= threshold)
            chosen = rows[passing]
            scores = objectness[passing, None] * _softmax(chosen[:, NUMBERS:])
            cells, anchors = np.divmod(passing, len(self.anchors))
            corner = np.stack([cells % self.columns, cells // self.columns], axis=1)
            centres = (corner + 1 / (1 + np.exp(-chosen[:, :PAIR]))) * stride
            half = self.anchors[anchors] * np.exp(chosen[:, PAIR : 2 * PAIR]) * stride / 2
            boxes = np.concatenate([centres - half, centres + half], axis=1).astype(np.float32)
        index, classes = np.nonzero(scores >= threshold)
        return Detections(boxes=boxes[index], scores=scores[index, classes].astype(np.float32), classes=classes)


class Yolov2Family:
    """Read models of the types `yolov2t` and `st_yololcv1`: one grid, channels last, first, or all boxes in a row."""

    name = "yolov2"

    def __init__(
        self,
        input: InputSpec,
        classes: int,
        *,
        anchors: Sequence[float] = ANCHORS,
        stride: int = STRIDE,
    ) -> None:
        """Take anchors as widths and heights in cells, in turn.

        Raises:
            UserError: When the anchors are no pairs of sizes.
        """
        self.input = input
        self.classes = classes
        self.stride = stride
        self.grid = Grid(
            rows=input.height // stride, columns=input.width // stride, anchors=pairs(anchors), classes=classes
        )

    def candidates(self, outputs: Outputs, threshold: float) -> list[Detections]:
        """Return every box and class with a score of at least the threshold, in pixels of the input.

        Args:
            outputs: One of (N, H, W, B * (5 + C)), (N, B * (5 + C), H, W), (N, H * W * B, 5 + C).
            threshold: Smallest score.
        """
        output = np.asarray(outputs[0], np.float32)
        rows = self.grid.as_rows(output) if output.ndim == GRID_RANK else output
        stride = np.array([self.stride, self.stride], np.float32)
        return [self.grid.candidates(one, threshold, stride) for one in rows]

    def check(self, shapes: Shapes) -> tuple[str, ...]:
        """Return what is wrong with the shapes of a model's outputs, as sentences."""
        flat = (self.grid.boxes, self.grid.numbers)
        if len(shapes) == 1:
            shape = shapes[0]
            if len(shape) == GRID_RANK and self.grid.layout(shape):
                return ()
            if len(shape) == FLAT_RANK and fits(shape[1:], flat):
                return ()
        channels = len(self.grid.anchors) * self.grid.numbers
        text = (
            f"The model's outputs have the shapes {shapes_text(shapes)}. A model of the type {self.name} with"
            f" {len(self.grid.anchors)} anchors and {self.classes} classes has one output"
            f" (N, {self.grid.rows}, {self.grid.columns}, {channels}), or with the {channels} channels first,"
            f" for an input of {self.input.width} x {self.input.height} pixels and a stride of {self.stride}."
            f"{channel_advice(shapes, len(self.grid.anchors), self.classes)}"
        )
        return (text,)

    def describe(self) -> dict[str, Any]:
        """Return the grid and the anchors in cells."""
        return {
            "grid_height": self.grid.rows,
            "grid_width": self.grid.columns,
            "anchor_sizes": [[round(float(size), 6) for size in pair] for pair in self.grid.anchors],
        }


def pairs(anchors: Sequence[float]) -> Array:
    """Return anchors, widths and heights in turn, as an array of shape (B, 2).

    Raises:
        UserError: When they are none, an odd number, or not all above 0.
    """
    if not anchors or len(anchors) % PAIR or not all(np.isfinite(size) and size > 0 for size in anchors):
        raise UserError(
            f"postprocessing.yolo_anchors has {len(anchors)} numbers: {', '.join(map(str, anchors)) or 'none'}.",
            hint="Give a width and a height for each anchor, in turn, all above 0.",
        )
    return np.asarray(anchors, np.float32).reshape(-1, PAIR)


def fits(found: Sequence[int | None], wanted: Sequence[int]) -> bool:
    """Tell whether sizes are those wanted; a size that the file leaves open fits."""
    return len(found) == len(wanted) and all(one in (None, other) for one, other in zip(found, wanted, strict=True))


def shapes_text(shapes: Shapes) -> str:
    """Return shapes as a user reads them."""
    texts = ("(" + ", ".join("N" if size is None else str(size) for size in shape) + ")" for shape in shapes)
    return ", ".join(texts) or "of no output at all"


def channel_advice(shapes: Shapes, anchors: int, classes: int) -> str:
    """Return what the numbers of channels say about the classes, or nothing."""
    for shape in shapes:
        if len(shape) != GRID_RANK:
            continue
        for channels in (shape[-1], shape[1]):
            if channels is None or channels % anchors:
                continue
            found = channels // anchors - NUMBERS
            if found > 0 and found != classes:
                return (
                    f" With {anchors} anchors, {channels} channels mean {found} classes: check dataset.class_names"
                    f" and postprocessing.yolo_anchors."
                )
    return " Check model.input_shape, dataset.class_names and postprocessing.yolo_anchors."


def _softmax(numbers: Array) -> Array:
    """Return probabilities of shape (K, C)."""
    exponentials = np.exp(numbers - numbers.max(axis=1, keepdims=True, initial=-np.inf))
    result: Array = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result
