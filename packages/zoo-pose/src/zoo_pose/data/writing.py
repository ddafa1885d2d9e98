"""Own what the writers of poses share: the images of each split with what can be written of them, and the account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo_core.data.image_folders import stored_size
from zoo_core.data.writing import Written, place_file
from zoo_core.errors import UnreadableImageError
from zoo_core.protocols import TEST, TRAIN, VALIDATION, ImageDataset, Progress, SplitDatasets
from zoo_pose.data.findings import OUTSIDE_PIXELS
from zoo_pose.labels import PoseLabels

LEFT_OUT = {
    "unreadable": "{count} images cannot be read and are left out.",
    "size": "{count} images have another size than their annotations say and are left out.",
    "turned": "{count} images are stored turned, and their poses are not; they are left out, since YOLO has no sizes.",
    "bare": "{count} images without a labelled keypoint are left out.",
    "crowd": "{count} crowds are left out, which YOLO cannot mark.",
    "point": "{count} keypoints lay outside their image and are written as not labelled.",
    "outside": "{count} boxes reached out of their image and are cut at its border.",
    "away": "{count} poses whose box lay wholly outside their image are left out.",
}
"""What happened -> how it is told."""


@dataclass(frozen=True, slots=True)
class Item:
    """Hold one image to write."""

    source: Path
    labels: PoseLabels
    upright: bool
    """Whether its poses belong to the upright picture, and not to a turned one as the file stores it."""


@dataclass(slots=True, kw_only=True)
class Job:
    """Hold what one conversion needs, and what happens in it."""

    datasets: SplitDatasets
    link: bool
    progress: Progress
    events: Counter[str] = field(default_factory=Counter)
    images: dict[str, int] = field(default_factory=dict)

    def splits(self) -> Iterator[tuple[str, ImageDataset]]:
        """Yield name and images of each labelled split."""
        for split in (TRAIN, VALIDATION, TEST):
            dataset = self.datasets.get(split)
            if dataset is not None:
                yield split, dataset

    def items(self, split: str, dataset: ImageDataset) -> Iterator[Item]:
        """Yield the images of a split; those that cannot be used are left out and counted."""
        with self.progress.track(f"Writing {split} images", len(dataset)) as bar:
            for index in range(len(dataset)):
                item = self._item(Path(dataset.name(index)), dataset.targets[index])
                if item is not None:
                    yield item
                bar.advance()

    def place(self, split: str, item: Item, target: Path) -> None:
        """Put an image in place."""
        place_file(item.source, target, link=self.link)
        self.images[split] = self.images.get(split, 0) + 1

    def inside(self, labels: PoseLabels) -> PoseLabels:
        """Return poses with boxes cut at the border of the image, and without what lies outside of it."""
        size = np.array(labels.size, np.float64)
        limits = np.tile(size, 2)
        boxes = np.clip(labels.boxes, 0, limits)
        there = np.asarray((boxes[:, 2:] > boxes[:, :2]).all(axis=1), np.bool_)
        over = (np.abs(boxes - labels.boxes) > OUTSIDE_PIXELS).any(axis=1) & there
        points = np.clip(labels.points, 0, size)
        away = (np.abs(points - labels.points) > OUTSIDE_PIXELS).any(axis=2) & labels.labelled
        visible = np.where(away, 0, labels.visible)
        self.events["away"] += int((~there).sum())
        self.events["outside"] += int(over.sum())
        self.events["point"] += int(away[there].sum())
        points = np.where(visible[..., None] > 0, points, 0.0)
        return replace(labels, boxes=boxes, points=points, visible=visible).chosen(there)

    def written(self, section: dict[str, Any]) -> Written:
        """Return the account."""
        notes = tuple(text.format(count=self.events[key]) for key, text in LEFT_OUT.items() if self.events[key])
        return Written(section=section, images=dict(self.images), notes=notes)

    def _item(self, source: Path, labels: PoseLabels) -> Item | None:
        try:
            upright, stored = stored_size(source)
        except UnreadableImageError:
            self.events["unreadable"] += 1
            return None
        if labels.size not in (upright, stored):
            self.events["size"] += 1
            return None
        return Item(source, labels, labels.size == upright)
