"""Own the access to image files with their poses, and what can be said about these poses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from zoo_core.data.image_files import as_annotated
from zoo_core.data.images import read_image
from zoo_core.data.inspection.findings import Finding
from zoo_core.data.inspection.labels import LabelStatistics
from zoo_core.protocols import Sample
from zoo_pose.data.findings import pose_findings
from zoo_pose.data.statistics import pose_statistics
from zoo_pose.data.table import Labels, PoseTable
from zoo_pose.labels import PoseLabels
from zoo_pose.skeletons import Skeleton


class PoseFiles:
    """Read image files one at a time; their poses are known without reading.

    Poses whose box has no width or height are left out of `targets`.
    """

    def __init__(self, table: PoseTable, skeleton: Skeleton) -> None:
        self.table = table
        """Everything the annotations say, faults included."""
        self.skeleton = skeleton
        self.targets: Sequence[PoseLabels] = Labels(table.with_poses(table.usable))

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

    def chosen(self, indices: Iterable[int]) -> PoseFiles:
        """Return some of the images, in the given order."""
        return PoseFiles(self.table.with_images(indices), self.skeleton)

    def label_counts(self) -> Mapping[str, int]:
        """Return how often each keypoint is labelled."""
        counts = self.table.labelled[self.table.trained].sum(axis=0)
        return {name: int(count) for name, count in zip(self.skeleton.names, counts, strict=True)}

    def label_findings(self, split: str) -> Sequence[Finding]:
        """Return what is wrong or odd about the poses."""
        return pose_findings(self.table, self.skeleton, split)

    def label_statistics(self) -> LabelStatistics:
        """Return numbers, sizes and places of the poses, and how often each keypoint is labelled."""
        return pose_statistics(self.table.with_poses(self.table.usable), self.skeleton)
