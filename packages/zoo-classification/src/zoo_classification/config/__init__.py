"""Own the configuration classes of image classification; nothing here imports a heavy library."""

from zoo_classification.config.augmentation import DataAugmentationSection
from zoo_classification.config.dataset import (
    Cifar100Section,
    DigitsSection,
    FolderSection,
    ImageNetSection,
    OfficialSection,
)

__all__ = [
    "Cifar100Section",
    "DataAugmentationSection",
    "DigitsSection",
    "FolderSection",
    "ImageNetSection",
    "OfficialSection",
]
