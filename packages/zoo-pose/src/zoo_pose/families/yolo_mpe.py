"""Own the reading of models that find several persons: YOLOv8-pose and its relatives, and what is trained here.

Exported models give one output of shape (N, 5 + 3K, A): centre, size and score of A boxes, then x, y and confidence of
K keypoints; the last two axes may be swapped. Ultralytics' files have pixels of the input, ST's and ours shares of it;
files exist that have boxes in one and keypoints in the other, so both are looked at apart. Cells cover the whole image,
so that their median place is near 0.5 in shares, and near half a side of the input in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_core.artifacts import InputSpec
from zoo_core.inference.suppression import best_boxes
from zoo_pose.families.base import Outputs, Shapes, shape_text
from zoo_pose.names import YOLO_MPE
from zoo_pose.poses import Poses

BOX = 5
"""Numbers before the keypoints: centre, size, score."""
POINT = 3
"""Numbers of a keypoint: x, y, confidence."""
RANK = 3
STRIDES = (8, 16, 32)
RAW_OUTPUTS = 3
POINT_SCALE = 2.0
"""Sides of a cell by which a raw coordinate of 1 lies away from the middle of its cell."""
LARGEST_SHARE = 2.0
"""Largest median place in shares of the input; in pixels it is far beyond."""
LOOKED_AT = 4096
"""Numbers of which the median is taken."""

Array = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


class YoloMpeFamily:
    """Read models of the type `yolo_mpe`."""

    name = YOLO_MPE
    multiple = True

    def __init__(self, input: InputSpec, keypoints: int, *, strides: Sequence[int] = STRIDES) -> None:
        """Take the input, the number of keypoints, and the sides of the cells of each level in pixels."""
        self.input = input
        self.keypoints = keypoints
        self.strides = tuple(strides)
        self._places, self._sides = _cells(input, self.strides)

    def poses(self, outputs: Outputs, *, confidence: float, overlap: float, limit: int) -> list[Poses]:
        """Return the poses of each image in pixels of the model's input, best first.

        Args:
            outputs: One of (N, 5 + 3K, A) or (N, A, 5 + 3K), or raw boxes (N, A, 4), objectness (N, A, 1) and keypoints
                (N, A, K, 3).
            confidence: Smallest score of a pose.
            overlap: Intersection over union of boxes above which the weaker of two poses is dropped.
            limit: Largest number of poses of an image.
        """
        given = [np.asarray(output, np.float32) for output in outputs]
        found = self._of_raw(given, confidence) if len(given) == RAW_OUTPUTS else self._of_whole(given[0], confidence)
        return [_best(one, overlap, limit) for one in found]

    def check(self, shapes: Shapes) -> tuple[str, ...]:
        """Return what is wrong with the shapes of a model's outputs, as sentences."""
        rows, cells = BOX + POINT * self.keypoints, len(self._places)
        raw = ((None, cells, 4), (None, cells, 1), (None, cells, self.keypoints, POINT))
        if len(shapes) == 1 and _row_axis(shapes[0], rows):
            return ()
        if len(shapes) == RAW_OUTPUTS and all(_fits(one, wanted) for one, wanted in zip(shapes, raw, strict=True)):
            return ()
        text = (
            f"The model's outputs have the shapes {shape_text(shapes) or 'none'}. A model of the type {self.name} with"
            f" {self.keypoints} keypoints has one output (N, {rows}, boxes) or (N, boxes, {rows}); one that is trained"
            f" here has {shape_text(raw)} before it is exported.{_advice(shapes)}"
        )
        return (text,)

    def describe(self) -> dict[str, Any]:
        """Return the numbers of boxes, that of the cells of all levels, and of keypoints."""
        return {"total_boxes": len(self._places), "keypoints": self.keypoints}

    def _of_whole(self, output: Array, confidence: float) -> list[Poses]:
        rows = BOX + POINT * self.keypoints
        whole = output if _row_axis(output.shape, rows) == 1 else output.transpose(0, 2, 1)
        size = np.array([self.input.width, self.input.height], np.float32)
        of_boxes = _factor(whole[:, :2], size)
        of_points = _factor(whole[:, BOX : BOX + 2], size)
        found = []
        for image in whole:
            chosen = image[:, image[4] >= confidence].T
            keypoints = chosen[:, BOX:].reshape(-1, self.keypoints, POINT)
            found.append(
                Poses(
                    points=keypoints[..., :2] * of_points,
                    confidences=keypoints[..., 2],
                    scores=chosen[:, 4],
                    boxes=_corners(chosen[:, :2] * of_boxes, chosen[:, 2:4] * of_boxes),
                )
            )
        return found

    def _of_raw(self, outputs: list[Array], confidence: float) -> list[Poses]:
        """Decode the cells whose score reaches the threshold, as the exported model does: within the input."""
        size = np.array([self.input.width, self.input.height], np.float32)
        found = []
        for boxes, objectness, keypoints in zip(*outputs, strict=True):
            scores = _sigmoid(objectness[:, 0])
            cells = np.flatnonzero(scores >= confidence)
            places, sides = self._places[cells], self._sides[cells]
            centres = np.clip((boxes[cells, :2] + places) * sides, 0, size)
            lengths = np.exp(np.minimum(boxes[cells, 2:], np.log(size / sides))) * sides
            points = (keypoints[cells, :, :2] * POINT_SCALE + (places + 0.5)[:, None]) * sides[:, None]
            found.append(
                Poses(
                    points=np.clip(points, 0, size),
                    confidences=_sigmoid(keypoints[cells, :, 2]),
                    scores=scores[cells],
                    boxes=_corners(centres, lengths),
                )
            )
        return found


def _best(found: Poses, overlap: float, limit: int) -> Poses:
    """Return the poses, best first, whose boxes overlap no better one too much; what is not finite is left out."""
    boxes = np.zeros((0, 4), np.float32) if found.boxes is None else found.boxes
    finite = np.flatnonzero(np.isfinite(boxes).all(axis=1) & np.isfinite(found.points).all(axis=(1, 2)))
    return found.chosen(finite[best_boxes(boxes[finite], found.scores[finite], overlap=overlap, limit=limit)])


def _factor(places: Array, size: Array) -> Array:
    """Return what x and y are multiplied with to give pixels, shape (2,), decided from places (N, 2, A)."""
    row = places[:, 0].reshape(-1)
    some = row[:: max(1, len(row) // LOOKED_AT)]
    some = some[np.isfinite(some)]
    pixels = len(some) > 0 and float(np.median(some)) > LARGEST_SHARE
    return np.ones_like(size) if pixels else size


def _corners(centres: Array, lengths: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.concatenate((centres - lengths / 2, centres + lengths / 2), axis=1)


def _cells(input: InputSpec, strides: Sequence[int]) -> tuple[Array, Array]:
    """Return column and row (A, 2) and side in pixels (A, 1) of all cells, level by level, row by row."""
    places, sides = [], []
    for stride in strides:
        rows, columns = np.mgrid[: input.height // stride, : input.width // stride]
        level = np.stack((columns, rows), axis=-1).reshape(-1, 2)
        places.append(level)
        sides.append(np.full((len(level), 1), stride))
    return np.concatenate(places).astype(np.float32), np.concatenate(sides).astype(np.float32)


def _row_axis(shape: Sequence[int | None], rows: int) -> int | None:
    """Return the axis, 1 or 2, that can hold so many numbers of a box; nothing when the shape does not fit."""
    if len(shape) != RANK:
        return None
    exact = [axis for axis in (1, 2) if shape[axis] == rows]
    unknown = [axis for axis in (1, 2) if shape[axis] is None]
    return next(iter((*exact, *unknown)), None)


def _fits(shape: Sequence[int | None], wanted: Sequence[int | None]) -> bool:
    return len(shape) == len(wanted) and all(
        given is None or expected is None or given == expected for given, expected in zip(shape, wanted, strict=True)
    )


def _advice(shapes: Shapes) -> str:
    """Say how many keypoints a model with one output has, where its number of rows tells it."""
    if len(shapes) != 1 or len(shapes[0]) != RANK:
        return ""
    sizes = sorted(size for size in shapes[0][1:] if size is not None and size > BOX)
    if not sizes or (sizes[0] - BOX) % POINT:
        return ""
    return f" A model with these outputs has {(sizes[0] - BOX) // POINT} keypoints; dataset.keypoints says how many."


def _sigmoid(logits: Array) -> Array:
    return np.exp(-np.logaddexp(np.float32(0), -logits))
