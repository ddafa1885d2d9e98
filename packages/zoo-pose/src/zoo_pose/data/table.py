"""Own the poses of many images in a few flat arrays, so that hundreds of thousands of images stay small in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from zoo_pose.labels import PoseLabels
from zoo_pose.skeletons import Pairs

BODY_SHARE = 0.53
"""Share of its box that a person covers on average, as ST takes it where files state no area."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseTable:
    """Hold the N images of one set of annotations and their P poses of K keypoints, those of an image in one run."""

    paths: tuple[Path, ...]
    sizes: npt.NDArray[np.int64]
    """Shape (N, 2): width and height in pixels that the annotations are made for; zeros of damaged images."""
    image_ids: npt.NDArray[np.int64]
    """Shape (N,): numbers of the images in the annotations."""
    starts: npt.NDArray[np.int64]
    """Shape (N + 1,): row of the first pose of each image, then P."""
    points: npt.NDArray[np.float64]
    """Shape (P, K, 2): x and y in pixels; zeros where not labelled."""
    visible: npt.NDArray[np.int64]
    """Shape (P, K): 0 not labelled, 1 labelled, or hidden where the files tell this from 2."""
    boxes: npt.NDArray[np.float64]
    """Shape (P, 4): left, top, right, bottom in pixels, as the annotations say, whatever that is."""
    areas: npt.NDArray[np.float64]
    crowd: npt.NDArray[np.bool_]
    names: tuple[str, ...] = ()
    """Names of the keypoints that the annotations declare."""
    links: Pairs = ()
    """Pairs of keypoints that the annotations join."""

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.paths)

    @property
    def keypoints(self) -> int:
        """Return the number of keypoints of a pose."""
        return int(self.points.shape[1])

    @property
    def images(self) -> npt.NDArray[np.int64]:
        """Return the index of the image of every pose, shape (P,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        """Return which keypoints are labelled, shape (P, K)."""
        return np.asarray(self.visible > 0)

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """Return which poses have a box of some width and height, shape (P,)."""
        return np.asarray((self.boxes[:, 2:] > self.boxes[:, :2]).all(axis=1), np.bool_)

    @property
    def trained(self) -> npt.NDArray[np.bool_]:
        """Return which poses can be trained on, shape (P,): usable ones with a labelled keypoint, no crowds."""
        return self.usable & ~self.crowd & self.labelled.any(axis=1)

    def per_image(self, rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Return how many of some poses each image has, shape (N,)."""
        return np.bincount(self.images[rows], minlength=len(self))

    def labels(self, index: int) -> PoseLabels:
        """Return the poses of one image."""
        rows = slice(self.starts[index], self.starts[index + 1])
        return PoseLabels(
            points=self.points[rows],
            visible=self.visible[rows],
            boxes=self.boxes[rows],
            areas=self.areas[rows],
            crowd=self.crowd[rows],
            width=int(self.sizes[index, 0]),
            height=int(self.sizes[index, 1]),
            image_id=int(self.image_ids[index]),
        )

    def with_poses(self, keep: npt.NDArray[np.bool_]) -> PoseTable:
        """Return the same images with only some of the poses."""
        if keep.all():
            return self
        starts = np.concatenate([[0], np.cumsum(keep)])[self.starts].astype(np.int64)
        return replace(self._rows(np.flatnonzero(keep)), starts=starts)

    def with_images(self, indices: Iterable[int]) -> PoseTable:
        """Return some of the images, in the given order, with their poses."""
        chosen = np.array(list(indices), np.int64)
        counts = np.diff(self.starts)[chosen]
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        rows = np.arange(starts[-1]) + np.repeat(self.starts[chosen] - starts[:-1], counts)
        return replace(
            self._rows(rows),
            paths=tuple(self.paths[index] for index in chosen.tolist()),
            sizes=self.sizes[chosen],
            image_ids=self.image_ids[chosen],
            starts=starts,
        )

    def with_keypoints(self, keypoints: int) -> PoseTable:
        """Return the table with so many keypoints, when it holds no pose that has another number."""
        if len(self.points) or self.keypoints == keypoints:
            return self
        return replace(self, points=np.zeros((0, keypoints, 2)), visible=np.zeros((0, keypoints), np.int64))

    def _rows(self, rows: npt.NDArray[np.int64]) -> PoseTable:
        return replace(
            self,
            points=self.points[rows],
            visible=self.visible[rows],
            boxes=self.boxes[rows],
            areas=self.areas[rows],
            crowd=self.crowd[rows],
        )


@dataclass(slots=True, kw_only=True)
class TableRows:
    """Collect images and poses, in any order of the poses, while annotations are read."""

    paths: list[Path] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    image_ids: list[int] = field(default_factory=list)
    images: list[int] = field(default_factory=list)
    """Index of the image of every pose."""
    keypoints: list[Sequence[float]] = field(default_factory=list)
    """x, y, visibility of each keypoint after the other."""
    boxes: list[Sequence[float]] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)
    crowd: list[bool] = field(default_factory=list)

    def add_image(self, path: Path, size: tuple[int, int], image_id: int | None = None) -> None:
        """Add an image of (width, height) in pixels; without a number of its own it is numbered from 1."""
        self.paths.append(path)
        self.sizes.append(size)
        self.image_ids.append(len(self.paths) if image_id is None else image_id)

    def add_pose(
        self,
        image: int,
        keypoints: Sequence[float],
        box: Sequence[float],
        *,
        area: float | None = None,
        crowd: bool = False,
    ) -> None:
        """Add a pose of an image, by the image's index; without an area of its own it covers 0.53 of its box."""
        self.images.append(image)
        self.keypoints.append(keypoints)
        self.boxes.append(box)
        width, height = max(box[2] - box[0], 0.0), max(box[3] - box[1], 0.0)
        self.areas.append(BODY_SHARE * width * height if area is None else area)
        self.crowd.append(crowd)

    def table(self, keypoints: int, *, names: Sequence[str] = (), links: Pairs = ()) -> PoseTable:
        """Return the table of what was collected: poses of so many keypoints each."""
        images = np.array(self.images, np.int64)
        order = np.argsort(images, kind="stable")
        counts = np.bincount(images, minlength=len(self.paths))
        rows = np.array(self.keypoints, np.float64).reshape(len(images), keypoints, 3)[order]
        visible = rows[..., 2].astype(np.int64)
        return PoseTable(
            paths=tuple(self.paths),
            sizes=np.array(self.sizes, np.int64).reshape(-1, 2),
            image_ids=np.array(self.image_ids, np.int64),
            starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            points=np.where(visible[..., None] > 0, rows[..., :2], 0.0),
            visible=visible,
            boxes=np.array(self.boxes, np.float64).reshape(-1, 4)[order],
            areas=np.array(self.areas, np.float64)[order],
            crowd=np.array(self.crowd, np.bool_)[order],
            names=tuple(names),
            links=links,
        )


class Labels(Sequence[Any]):
    """Show the labels of every image of a table, made when they are asked for."""

    def __init__(self, table: PoseTable) -> None:
        self._table = table

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._table)

    @overload
    def __getitem__(self, index: int) -> PoseLabels: ...
    @overload
    def __getitem__(self, index: slice) -> list[PoseLabels]: ...
    def __getitem__(self, index: int | slice) -> PoseLabels | list[PoseLabels]:
        """Return the labels of one image, or of several."""
        if isinstance(index, slice):
            return [self._table.labels(number) for number in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(index)
        return self._table.labels(number)
