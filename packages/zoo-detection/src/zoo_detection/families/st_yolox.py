"""Own the reading of ST_YOLOX's outputs: three grids of strides 8, 16 and 32 with anchors.

Cells are read as those of YOLOv2 (`zoo_detection.families.yolov2`); an anchor is a share of the input, the same on each
grid, so that the default of 0.5 x 0.5 means a box of half the input's width and height.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np

from zoo_core.artifacts import InputSpec
from zoo_detection.detections import Detections
from zoo_detection.families.base import Outputs, Shapes
from zoo_detection.families.yolov2 import (
    FLAT_RANK,
    GRID_RANK,
    Array,
    Grid,
    channel_advice,
    fits,
    pairs,
    shapes_text,
)

STRIDES = (8, 16, 32)
ANCHORS = (0.5, 0.5)


class StYoloxFamily:
    """Read models of the type `st_yoloxn`: three grids in any order, channels last or first, or all boxes in a row."""

    name = "st_yolox"

    def __init__(
        self,
        input: InputSpec,
        classes: int,
        *,
        anchors: Sequence[float] = ANCHORS,
    ) -> None:
        """Take anchors as widths and heights in shares of the input, in turn.

        Raises:
            UserError: When the anchors are no pairs of sizes.
        """
        self.input = input
        self.classes = classes
        shares = pairs(anchors)
        sizes = [(input.height // stride, input.width // stride) for stride in STRIDES]
        self.grids = tuple(
            Grid(rows=rows, columns=columns, anchors=shares * np.array([columns, rows], np.float32), classes=classes)
            for rows, columns in sizes
        )

    def candidates(self, outputs: Outputs, threshold: float) -> list[Detections]:
        """Return every box and class with a score of at least the threshold, in pixels of the input.

        Args:
            outputs: Three of (N, H, W, B * (5 + C)) or (N, B * (5 + C), H, W), or one (N, boxes, 5 + C) or
                (N, 5 + C, boxes) with the finest grid first.
            threshold: Smallest score.
        """
        levels = self._levels([np.asarray(output, np.float32) for output in outputs])
        found = []
        for number in range(len(levels[0])):
            parts = [
                grid.candidates(level[number], threshold, np.array([stride, stride], np.float32))
                for grid, level, stride in zip(self.grids, levels, STRIDES, strict=True)
            ]
            found.append(
                Detections(
                    boxes=np.concatenate([part.boxes for part in parts]),
                    scores=np.concatenate([part.scores for part in parts]),
                    classes=np.concatenate([part.classes for part in parts]),
                )
            )
        return found

    def check(self, shapes: Shapes) -> tuple[str, ...]:
        """Return what is wrong with the shapes of a model's outputs, as sentences."""
        if self._order(shapes) or (len(shapes) == 1 and self._flat_axis(shapes[0])):
            return ()
        first = self.grids[0]
        channels = len(first.anchors) * first.numbers
        wanted = ", ".join(f"(N, {grid.rows}, {grid.columns}, {channels})" for grid in self.grids)
        text = (
            f"The model's outputs have the shapes {shapes_text(shapes)}. A model of the type {self.name} with"
            f" {len(first.anchors)} anchors and {self.classes} classes has the outputs {wanted}, or the same with the"
            f" {channels} channels first, or one output (N, {self._boxes}, {first.numbers}), for an input of"
            f" {self.input.width} x {self.input.height} pixels."
            f"{channel_advice(shapes, len(first.anchors), self.classes)}"
        )
        return (text,)

    def describe(self) -> dict[str, Any]:
        """Return the strides and the anchors of each grid in cells, the finest grid first."""
        return {
            "strides": list(STRIDES),
            "level_anchors": [
                [[round(float(size), 6) for size in pair] for pair in grid.anchors] for grid in self.grids
            ],
        }

    @property
    def _boxes(self) -> int:
        return sum(grid.boxes for grid in self.grids)

    def _order(self, shapes: Shapes) -> tuple[int, ...] | None:
        """Return which output belongs to each grid, the finest first; nothing when they do not fit."""
        if len(shapes) != len(self.grids) or any(len(shape) != GRID_RANK for shape in shapes):
            return None
        return next(
            (
                order
                for order in permutations(range(len(shapes)))
                if all(grid.layout(shapes[index]) for grid, index in zip(self.grids, order, strict=True))
            ),
            None,
        )

    def _flat_axis(self, shape: tuple[int | None, ...]) -> int | None:
        """Return the axis of the boxes in an output that holds all of them; nothing when it does not fit."""
        if len(shape) != FLAT_RANK:
            return None
        sizes = self._boxes, self.grids[0].numbers
        return next((axis for axis, wanted in ((1, sizes), (2, sizes[::-1])) if fits(shape[1:], wanted)), None)

    def _levels(self, outputs: list[Array]) -> list[Array]:
        """Return (N, boxes, 5 + C) for each grid, the finest first."""
        order = self._order([output.shape for output in outputs])
        if order is not None:
            return [grid.as_rows(outputs[index]) for grid, index in zip(self.grids, order, strict=True)]
        flat = outputs[0] if self._flat_axis(outputs[0].shape) == 1 else outputs[0].transpose(0, 2, 1)
        ends = np.cumsum([grid.boxes for grid in self.grids])[:-1]
        return np.split(flat, ends, axis=1)
