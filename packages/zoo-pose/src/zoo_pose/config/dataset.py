"""Own the `dataset` section of pose estimation: YOLO Darknet, COCO and CSV files, and the keypoints themselves."""

from __future__ import annotations

from typing import Literal

from zoo_core.config.sections import DatasetSection, ExistingDir, ExistingFile, ExistingPath, PositiveFloat, PositiveInt


class PoseDatasetSection(DatasetSection):
    """Say where images and their keypoints are, and what the keypoints are."""

    format: Literal["yolo", "darknet_yolo", "coco", "csv"] | None = None
    """Form of the annotations; follows from `dataset_name`, else from the annotations themselves."""
    keypoints: PositiveInt | None = None
    """Number of keypoints of a pose; those of 13, 17 and 21 are known by name. Deduced from the data when absent."""
    keypoints_file_path: ExistingFile | None = None
    """Text file with one name of a keypoint per line."""
    keypoint_names: tuple[str, ...] | None = None
    """Names of the keypoints in the order of the annotations."""
    skeleton: tuple[tuple[str | int, str | int], ...] | None = None
    """Pairs of keypoints that are joined in pictures, by name or by number from 0."""
    flip_pairs: tuple[tuple[str | int, str | int], ...] | None = None
    """Pairs of keypoints that change places in a mirror, by name or by number from 0; none when `[]`."""
    sigmas: tuple[PositiveFloat, ...] | None = None
    """Spread of every keypoint for the object keypoint similarity, as in COCO; ST's numbers when absent."""
    train_images_path: ExistingDir | None = None
    """COCO, CSV: folder of the training images."""
    train_annotations_path: ExistingPath | None = None
    """COCO: JSON file; CSV: table of the training images."""
    val_images_path: ExistingDir | None = None
    """Folder of the validation images; a share of the training images is taken when there are none."""
    val_annotations_path: ExistingPath | None = None
    """Annotations of the validation images."""
    test_images_path: ExistingDir | None = None
    """Folder of the test images; the validation set stands in when absent."""
    test_annotations_path: ExistingPath | None = None
    """Annotations of the test images."""
