"""Own the `dataset` section of pose estimation: YOLO Darknet, COCO and CSV files, and the keypoints themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from zoo_core.config.sections import DatasetSection, ExistingDir, ExistingFile, ExistingPath, PositiveFloat, PositiveInt
from zoo_core.protocols import PREDICTION, QUANTIZATION, SPLITS, TEST, TRAIN, VALIDATION

OF_TRAINING = ("training_path", "train_images_path", "train_annotations_path")
OF_VALIDATION = ("validation_path", "val_images_path", "val_annotations_path")
OF_TEST = ("test_path", "test_images_path", "test_annotations_path")
ANY = {
    TRAIN: OF_TRAINING,
    VALIDATION: (*OF_VALIDATION, *OF_TRAINING),
    TEST: (*OF_TEST, *OF_VALIDATION, *OF_TRAINING),
    PREDICTION: ("prediction_path",),
}
"""Split -> keys of which one must be given."""
NAMED = {
    TRAIN: "training_path or train_images_path is needed for training",
    VALIDATION: "validation_path or training_path is needed for choosing the best weights",
    TEST: "test_path, validation_path or training_path is needed for evaluation",
    PREDICTION: "prediction_path is needed for prediction",
}
"""Split -> what to say when none is."""


class PoseDatasetSection(DatasetSection):
    """Say where images and their keypoints are, and what the keypoints are."""

    format: Literal["yolo", "darknet_yolo", "coco", "csv"] | None = None
    """Form of the annotations; follows from the annotations themselves, or else from `dataset_name`."""
    pose: Literal["single", "multi"] | None = None
    """`single`: only images with exactly one pose, as models of one pose need them; `multi`: only images with at
    least one. A pose is one with a labelled keypoint. All images when absent."""
    keypoints: PositiveInt | None = None
    """Number of keypoints of a pose; those of 13, 17 and 21 are known by name. Deduced from the data when absent.
    With 13, the 17 of COCO's files are read with their five points of the face as one point of the head."""
    keypoints_file_path: ExistingFile | None = None
    """Text file with one name of a keypoint per line."""
    keypoint_names: tuple[str, ...] | None = None
    """Names of the keypoints in the order of the annotations."""
    skeleton: tuple[tuple[str | int, str | int], ...] | None = None
    """Pairs of keypoints that are joined in pictures, by name or by number from 0."""
    flip_pairs: tuple[tuple[str | int, str | int], ...] | None = None
    """Pairs of keypoints that change places in a mirror, by name or by number from 0; none when `[]`. Those called
    left and right when absent."""
    sigmas: tuple[PositiveFloat, ...] | None = None
    """Spread of every keypoint for the object keypoint similarity, as in COCO; ST's numbers when absent."""
    train_images_path: ExistingDir | None = None
    """COCO, CSV: folder of the training images; that of the annotations when absent."""
    train_annotations_path: ExistingPath | None = None
    """COCO: JSON file; CSV: table of the training images; YOLO: folder of text files, that of the images by default."""
    val_images_path: ExistingDir | None = None
    """Folder of the validation images; a share of the training images is taken when there are none."""
    val_annotations_path: ExistingPath | None = None
    """Annotations of the validation images."""
    test_images_path: ExistingDir | None = None
    """Folder of the test images; the validation set stands in when absent."""
    test_annotations_path: ExistingPath | None = None
    """Annotations of the test images."""

    def missing_for(self, splits: Iterable[str]) -> list[str]:
        """Return a sentence for each thing that some splits need and the section does not give."""
        wanted = frozenset(splits) - {QUANTIZATION}
        return [
            NAMED[split]
            for split in SPLITS
            if split in wanted and all(getattr(self, key) is None for key in ANY[split])
        ]
