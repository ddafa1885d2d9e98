"""Own the labels of one image: boxes with their classes, and what evaluation needs to know of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from zoo_core.data.preprocessing import ImagePreprocessing


@dataclass(frozen=True, kw_only=True, eq=False)
class BoxLabels:
    """Hold the M boxes of one image, in pixels of an image of `width` x `height`."""

    boxes: npt.NDArray[np.float64]
    """Shape (M, 4): left, top, right, bottom; (0, 0) is the left top corner of the image."""
    classes: npt.NDArray[np.int64]
    """Shape (M,): indices into the class names."""
    width: int
    height: int
    crowd: npt.NDArray[np.bool_]
    """Shape (M,): boxes that count neither as found nor as missed: COCO's crowds, VOC's difficult ones."""
    areas: npt.NDArray[np.float64]
    """Shape (M,): square pixels of the objects themselves, by which COCO tells small from large."""
    image_id: int = 0
    """Number of the image in the data set's own files, for result files."""
    category_ids: tuple[int, ...] = ()
    """Number of every class in the data set's own files."""

    @classmethod
    def of(
        cls,
        boxes: npt.ArrayLike,
        classes: npt.ArrayLike,
        size: tuple[int, int],
        *,
        crowd: npt.ArrayLike | None = None,
        areas: npt.ArrayLike | None = None,
        image_id: int = 0,
        category_ids: tuple[int, ...] = (),
    ) -> BoxLabels:
        """Build from boxes (left, top, right, bottom) in pixels and `size` as (width, height).

        Without `crowd` no box is one; without `areas` those of the boxes are taken.
        """
        corners = np.asarray(boxes, np.float64).reshape(-1, 4)
        sides = np.clip(corners[:, 2:] - corners[:, :2], 0, None)
        count = len(corners)
        return cls(
            boxes=corners,
            classes=np.asarray(classes, np.int64).reshape(count),
            width=int(size[0]),
            height=int(size[1]),
            crowd=np.zeros(count, np.bool_) if crowd is None else np.asarray(crowd, np.bool_).reshape(count),
            areas=sides.prod(axis=1) if areas is None else np.asarray(areas, np.float64).reshape(count),
            image_id=image_id,
            category_ids=category_ids,
        )

    def __len__(self) -> int:
        """Return the number of boxes."""
        return len(self.boxes)

    @property
    def size(self) -> tuple[int, int]:
        """Return (width, height) of the image in pixels."""
        return self.width, self.height

    @cached_property
    def trained(self) -> npt.NDArray[np.bool_]:
        """Return which boxes are trained on, shape (M,): those that are no crowds."""
        return np.asarray(~self.crowd, np.bool_)

    def chosen(self, keep: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> BoxLabels:
        """Return the boxes that a mask or indices choose."""
        return replace(
            self,
            boxes=self.boxes[keep],
            classes=self.classes[keep],
            crowd=self.crowd[keep],
            areas=self.areas[keep],
        )

    def moved(self, boxes: npt.NDArray[np.float64], size: tuple[int, int]) -> BoxLabels:
        """Return the labels with boxes of shape (M, 4) in the pixels of another image of (width, height)."""
        return replace(self, boxes=np.asarray(boxes, np.float64), width=size[0], height=size[1])

    def placed(self, preprocessing: ImagePreprocessing) -> BoxLabels:
        """Return the labels in the pixels of the model's input, cut at its borders where the image is.

        Labels of an image of the input's size stay as they are.
        """
        place = preprocessing.placement(self.width, self.height)
        scale = np.array([place.scale_x, place.scale_y] * 2)
        shift = np.array([place.left, place.top] * 2)
        size = preprocessing.input.width, preprocessing.input.height
        boxes = np.clip(self.boxes * scale + shift, 0, np.array(size * 2))
        return self.moved(boxes, size)
