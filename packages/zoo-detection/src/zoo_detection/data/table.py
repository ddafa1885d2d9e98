"""Own the boxes of many images in a few flat arrays, so that hundreds of thousands of images stay small in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from zoo_detection.labels import BoxLabels

UNKNOWN = -1
"""Class of boxes whose class the annotations do not declare."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BoxTable:
    """Hold the N images of one set of annotations and their B boxes, those of an image in one run."""

    paths: tuple[Path, ...]
    sizes: npt.NDArray[np.int64]
    """Shape (N, 2): width and height in pixels that the annotations are made for."""
    image_ids: npt.NDArray[np.int64]
    """Shape (N,): numbers of the images in the annotations."""
    starts: npt.NDArray[np.int64]
    """Shape (N + 1,): row of the first box of each image, then B."""
    boxes: npt.NDArray[np.float64]
    """Shape (B, 4): left, top, right, bottom in pixels, as the annotations say, whatever that is."""
    classes: npt.NDArray[np.int64]
    """Shape (B,): indices into `names`, or -1."""
    crowd: npt.NDArray[np.bool_]
    areas: npt.NDArray[np.float64]
    names: tuple[str, ...]
    """Classes that the annotations declare, or that the run has chosen."""
    category_ids: tuple[int, ...]
    """Number of each of these classes in the annotations."""
    unknown: dict[int, str] = field(default_factory=dict)
    """Row -> its class as the annotations write it, of boxes of class -1."""

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.paths)

    @property
    def images(self) -> npt.NDArray[np.int64]:
        """Return the index of the image of every box, shape (B,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """Return which boxes have a known class, a width and a height, shape (B,)."""
        return np.asarray((self.classes != UNKNOWN) & (self.boxes[:, 2:] > self.boxes[:, :2]).all(axis=1), np.bool_)

    def labels(self, index: int) -> BoxLabels:
        """Return the boxes of one image."""
        rows = slice(self.starts[index], self.starts[index + 1])
        return BoxLabels(
            boxes=self.boxes[rows],
            classes=self.classes[rows],
            width=int(self.sizes[index, 0]),
            height=int(self.sizes[index, 1]),
            crowd=self.crowd[rows],
            areas=self.areas[rows],
            image_id=int(self.image_ids[index]),
            category_ids=self.category_ids,
        )

    def with_boxes(self, keep: npt.NDArray[np.bool_]) -> BoxTable:
        """Return the same images with only some of the boxes."""
        if keep.all():
            return self
        places = np.cumsum(keep) - 1
        return replace(
            self,
            starts=np.concatenate([[0], np.cumsum(keep)])[self.starts].astype(np.int64),
            boxes=self.boxes[keep],
            classes=self.classes[keep],
            crowd=self.crowd[keep],
            areas=self.areas[keep],
            unknown={int(places[row]): text for row, text in self.unknown.items() if keep[row]},
        )

    def with_images(self, indices: Iterable[int]) -> BoxTable:
        """Return some of the images, in the given order, with their boxes."""
        chosen = np.array(list(indices), np.int64)
        counts = np.diff(self.starts)[chosen]
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        rows = np.arange(starts[-1]) + np.repeat(self.starts[chosen] - starts[:-1], counts)
        unknown = {}
        if self.unknown:
            unknown = {place: self.unknown[row] for place, row in enumerate(rows.tolist()) if row in self.unknown}
        return replace(
            self,
            paths=tuple(self.paths[index] for index in chosen.tolist()),
            sizes=self.sizes[chosen],
            image_ids=self.image_ids[chosen],
            starts=starts,
            boxes=self.boxes[rows],
            classes=self.classes[rows],
            crowd=self.crowd[rows],
            areas=self.areas[rows],
            unknown=unknown,
        )

    def with_classes(self, names: Sequence[str]) -> BoxTable:
        """Return the boxes of some classes, numbered by their place in `names`; those of no known class stay.

        A class that the annotations do not declare gets a number that they do not use.
        """
        own = {name: number for number, name in enumerate(self.names)}
        places = np.full(len(self.names) + 1, UNKNOWN, np.int64)  # the last one is that of unknown classes
        free = max(self.category_ids, default=0) + 1
        ids = []
        for place, name in enumerate(names):
            if name in own:
                places[own[name]] = place
                ids.append(self.category_ids[own[name]])
            else:
                ids.append(free)
                free += 1
        kept = self.with_boxes((places[self.classes] != UNKNOWN) | (self.classes == UNKNOWN))
        return replace(kept, classes=places[kept.classes], names=tuple(names), category_ids=tuple(ids))


@dataclass(slots=True, kw_only=True)
class TableRows:
    """Collect images and boxes, in any order of the boxes, while annotations are read."""

    paths: list[Path] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    image_ids: list[int] = field(default_factory=list)
    images: list[int] = field(default_factory=list)
    """Index of the image of every box."""
    boxes: list[Sequence[float]] = field(default_factory=list)
    """Left, top, right, bottom in pixels."""
    classes: list[int] = field(default_factory=list)
    crowd: list[bool] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)
    unknown: dict[int, str] = field(default_factory=dict)

    def add_image(self, path: Path, size: tuple[int, int], image_id: int | None = None) -> None:
        """Add an image of (width, height) in pixels; without a number of its own it is numbered from 1."""
        self.paths.append(path)
        self.sizes.append(size)
        self.image_ids.append(len(self.paths) if image_id is None else image_id)

    def add_box(
        self, image: int, box: Sequence[float], number: int, *, crowd: bool = False, area: float | None = None
    ) -> None:
        """Add a box of an image, by the image's index, with the index of its class."""
        self.images.append(image)
        self.boxes.append(box)
        self.classes.append(number)
        self.crowd.append(crowd)
        width, height = max(box[2] - box[0], 0.0), max(box[3] - box[1], 0.0)
        self.areas.append(width * height if area is None else area)

    def table(self, names: Sequence[str], category_ids: Sequence[int]) -> BoxTable:
        """Return the table of what was collected."""
        images = np.array(self.images, np.int64)
        order = np.argsort(images, kind="stable")
        counts = np.bincount(images, minlength=len(self.paths)) if len(images) else np.zeros(len(self.paths), np.int64)
        places = {int(row): place for place, row in enumerate(order.tolist())} if self.unknown else {}
        return BoxTable(
            paths=tuple(self.paths),
            sizes=np.array(self.sizes, np.int64).reshape(-1, 2),
            image_ids=np.array(self.image_ids, np.int64),
            starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            boxes=np.array(self.boxes, np.float64).reshape(-1, 4)[order],
            classes=np.array(self.classes, np.int64)[order],
            crowd=np.array(self.crowd, np.bool_)[order],
            areas=np.array(self.areas, np.float64)[order],
            names=tuple(names),
            category_ids=tuple(category_ids),
            unknown={places[row]: text for row, text in self.unknown.items()},
        )


class Labels(Sequence[Any]):
    """Show the labels of every image of a table, made when they are asked for."""

    def __init__(self, table: BoxTable) -> None:
        self._table = table

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._table)

    @overload
    def __getitem__(self, index: int) -> BoxLabels: ...
    @overload
    def __getitem__(self, index: slice) -> list[BoxLabels]: ...
    def __getitem__(self, index: int | slice) -> BoxLabels | list[BoxLabels]:
        """Return the labels of one image, or of several."""
        if isinstance(index, slice):
            return [self._table.labels(number) for number in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(index)
        return self._table.labels(number)
