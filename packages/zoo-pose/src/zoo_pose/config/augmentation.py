"""Own the `data_augmentation` section of pose estimation: ST's functions in the order of the file."""

from __future__ import annotations

from zoo_core.config.augmentation import OrderedFunctionsSection


class PoseAugmentationSection(OrderedFunctionsSection):
    """Change training images and their keypoints at random: ST's functions in the order of the file."""
