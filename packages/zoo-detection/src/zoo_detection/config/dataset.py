"""Own the `dataset` section of detectors: COCO, Pascal VOC and YOLO Darknet, with the keys of ST's files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from zoo_core.config.sections import DatasetSection, ExistingDir, ExistingFile, ExistingPath
from zoo_core.protocols import PREDICTION, QUANTIZATION, SPLITS, TEST, TRAIN, VALIDATION

ANY = {
    TRAIN: ("train_images_path", "training_path"),
    VALIDATION: ("val_images_path", "validation_path", "train_images_path", "training_path"),
    TEST: ("test_images_path", "test_path", "val_images_path", "validation_path", "train_images_path", "training_path"),
    PREDICTION: ("prediction_path",),
}
"""Split -> keys of which one must be given."""
PURPOSE = {
    TRAIN: "training",
    VALIDATION: "choosing the best weights",
    TEST: "evaluation",
    PREDICTION: "prediction",
}


class DetectionDatasetSection(DatasetSection):
    """Say where images and their boxes are."""

    format: Literal["coco", "voc", "pascal_voc", "yolo", "darknet_yolo"] | None = None
    """Form of the annotations; follows from `dataset_name`, else from the annotations themselves."""
    train_images_path: ExistingDir | None = None
    """Folder of the training images."""
    train_annotations_path: ExistingPath | None = None
    """COCO: the JSON file. VOC: folder of XML files. YOLO: folder of text files, that of the images by default."""
    train_split: ExistingFile | None = None
    """Text file with the names of the training images, one on a line, as in VOC's `ImageSets/Main`; all when absent."""
    val_images_path: ExistingDir | None = None
    """Folder of the validation images; a share of the training images is taken when there are none."""
    val_annotations_path: ExistingPath | None = None
    """Annotations of the validation images."""
    val_split: ExistingFile | None = None
    """Names of the validation images."""
    test_images_path: ExistingDir | None = None
    """Folder of the test images; the validation set stands in when absent."""
    test_annotations_path: ExistingPath | None = None
    """Annotations of the test images."""
    test_split: ExistingFile | None = None
    """Names of the test images."""
    exclude_unlabeled: bool = False
    """Leave images without boxes out of the training."""
    prediction_path: ExistingPath | None = None
    """Images that boxes are predicted for: a folder, an image, a video, or a COCO JSON file that names them."""
    quantization_path: ExistingPath | None = None
    """Calibration images: a folder, an image, or a COCO JSON file that names them; the training images when absent."""

    def missing_for(self, splits: Iterable[str]) -> list[str]:
        """Return a sentence for each thing that some splits need and the section does not give."""
        wanted = frozenset(splits) - {QUANTIZATION}
        return [
            f"{' or '.join(ANY[split])} is needed for {PURPOSE[split]}"
            for split in SPLITS
            if split in wanted and all(getattr(self, key) is None for key in ANY[split])
        ]
