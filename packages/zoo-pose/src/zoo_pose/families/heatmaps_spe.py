"""Own the reading of heat maps, one for every keypoint of one pose.

Models of zoo give one output of shape (N, K, H/4, W/4); those that come from TensorFlow give (N, H/4, W/4, K). Other
outputs beside it are not looked at.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo_core.artifacts import InputSpec
from zoo_pose.families.base import Outputs, Shapes, shape_text, single_pose
from zoo_pose.families.decoding import DECODINGS, highest_pixels
from zoo_pose.names import HEATMAPS_SPE
from zoo_pose.poses import Poses

STRIDE = 4
"""Pixels of the image per pixel of a heat map, where the model's outputs do not say otherwise."""
RANK = 4
LAST = 3


class HeatmapsFamily:
    """Read models of the type `heatmaps_spe`."""

    name = HEATMAPS_SPE
    multiple = False

    def __init__(
        self, input: InputSpec, keypoints: int, *, decoding: str = "dark", size: tuple[int, int] | None = None
    ) -> None:
        """Prepare the reading.

        Args:
            input: Size of the model's input.
            keypoints: K.
            decoding: `argmax`, `quarter` or `dark`.
            size: (height, width) of the heat maps in their description; a quarter of the input when absent. Maps of
                any size are read.
        """
        self.input = input
        self.keypoints = keypoints
        self.decoding = decoding
        self.size = size or (input.height // STRIDE, input.width // STRIDE)
        self._offsets = DECODINGS[decoding]

    def poses(self, outputs: Outputs, *, confidence: float, overlap: float, limit: int) -> list[Poses]:
        """Return one pose for each image; the confidence of a keypoint is the highest value of its map."""
        del confidence, overlap, limit
        arrays = [np.asarray(output, np.float32) for output in outputs]
        chosen = next(array for array in arrays if map_axis(array.shape, self.keypoints) is not None)
        if map_axis(chosen.shape, self.keypoints) == LAST:
            chosen = np.moveaxis(chosen, LAST, 1)
        images, keypoints, height, width = chosen.shape
        maps = np.ascontiguousarray(chosen).reshape(-1, height, width)
        pixels, values = highest_pixels(maps)
        with np.errstate(invalid="ignore", over="ignore"):  # maps of a network that has diverged
            cells = pixels + np.float32(0.5) + self._offsets(maps, pixels)
        points = cells * np.array([self.input.width / width, self.input.height / height], np.float32)
        return single_pose(points.reshape(images, keypoints, 2), values.reshape(images, keypoints))

    def check(self, shapes: Shapes) -> tuple[str, ...]:
        """Return what is wrong with the shapes of a model's outputs, as sentences."""
        if any(map_axis(shape, self.keypoints) is not None for shape in shapes):
            return ()
        height, width = self.size
        text = (
            f"The model's outputs have the shapes {shape_text(shapes) or 'none'}. A model of the type {self.name} with"
            f" {self.keypoints} keypoints has heat maps (N, {self.keypoints}, {height}, {width}) or"
            f" (N, {height}, {width}, {self.keypoints})."
        )
        return (text,)

    def describe(self) -> dict[str, Any]:
        """Return the number of keypoints and the size of the heat maps."""
        return {"keypoints": self.keypoints, "heatmap_height": self.size[0], "heatmap_width": self.size[1]}


def map_axis(shape: tuple[int | None, ...], keypoints: int) -> int | None:
    """Return the axis of the keypoints, 1 or 3; nothing when the shape is not that of so many heat maps."""
    if len(shape) != RANK:
        return None
    exact = [axis for axis in (1, LAST) if shape[axis] == keypoints]
    unknown = [axis for axis in (1, LAST) if shape[axis] is None]
    axis = next(iter((*exact, *unknown)), None)
    sides = [shape[number] for number in range(1, RANK) if number != axis]
    return axis if all(side is None or side > 1 for side in sides) else None


def map_size(shapes: Shapes, keypoints: int) -> tuple[int, int] | None:
    """Return (height, width) of the heat maps among a model's outputs; nothing when the file leaves it open."""
    for shape in shapes:
        axis = map_axis(shape, keypoints)
        if axis is not None:
            height, width = shape[2:] if axis == 1 else shape[1:LAST]
            return (height, width) if height is not None and width is not None else None
    return None
