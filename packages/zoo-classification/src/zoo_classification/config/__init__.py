"""Own the configuration classes of image classification; nothing here imports a heavy library."""

from zoo_classification.config.augmentation import DataAugmentationSection
from zoo_classification.config.dataset import DigitsSection, FolderSection, ImageNetSection

__all__ = ["DataAugmentationSection", "DigitsSection", "FolderSection", "ImageNetSection"]
