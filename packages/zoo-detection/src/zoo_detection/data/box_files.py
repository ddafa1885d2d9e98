"""Own the access to image files with their boxes, and what can be said about these boxes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from zoo_core.data.image_files import as_annotated
from zoo_core.data.images import read_image
from zoo_core.data.inspection.findings import Finding
from zoo_core.data.inspection.labels import LabelStatistics
from zoo_core.protocols import Sample
from zoo_detection.data.findings import box_findings
from zoo_detection.data.statistics import box_statistics
from zoo_detection.data.table import BoxTable, Labels
from zoo_detection.labels import BoxLabels


class BoxFiles:
    """Read image files one at a time; their boxes are known without reading.

    Boxes that are empty, inverted or of an unknown class are left out of `targets`. Boxes that reach over the border
    stay as they are, because evaluation counts them so; what is trained on is cut at the border with the image.
    """

    def __init__(self, table: BoxTable) -> None:
        self.table = table
        """Everything the annotations say, faults included."""
        self.targets: Sequence[BoxLabels] = Labels(table.with_boxes(table.usable))

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.table)

    def __getitem__(self, index: int) -> Sample:
        """Read one image.

        Raises:
            UnreadableImageError: When the file is missing or damaged, or its size is not that of the annotation.
        """
        path = self.table.paths[index]
        labels = self.targets[index]
        image = read_image(path)
        if image.size != labels.size:
            image = as_annotated(path, image, labels.size)
        return Sample(image, labels, str(path))

    def name(self, index: int) -> str:
        """Return the path of one image."""
        return str(self.table.paths[index])

    def chosen(self, indices: Iterable[int]) -> BoxFiles:
        """Return some of the images, in the given order."""
        return BoxFiles(self.table.with_images(indices))

    def labelled(self) -> BoxFiles:
        """Return the images with at least one box that is trained on."""
        rows = self.table.usable & ~self.table.crowd
        counts = np.bincount(self.table.images[rows], minlength=len(self))
        return self.chosen(np.flatnonzero(counts).tolist())

    def label_counts(self) -> Mapping[str, int]:
        """Return the number of boxes of each class, crowds included."""
        table = self.table
        counts = np.bincount(table.classes[table.usable], minlength=len(table.names))
        return {name: int(count) for name, count in zip(table.names, counts, strict=True)}

    def label_findings(self, split: str) -> Sequence[Finding]:
        """Return what is wrong or odd about the boxes."""
        return box_findings(self.table, split)

    def label_statistics(self) -> LabelStatistics:
        """Return numbers, sizes, shapes and places of the boxes."""
        return box_statistics(self.table.with_boxes(self.table.usable))
