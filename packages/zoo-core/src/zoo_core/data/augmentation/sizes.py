"""Own which size the training images of an epoch have, where it changes from time to time."""

from __future__ import annotations

from dataclasses import replace

from zoo_core.artifacts import InputSpec
from zoo_core.config.augmentation import RandomPeriodicResizing
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.data.seeding import derive_seed


class PeriodicSizes:
    """Say for each epoch which size its images have, by seed and epoch alone."""

    def __init__(self, section: RandomPeriodicResizing, preprocessing: ImagePreprocessing) -> None:
        self._section = section
        size = preprocessing.input
        self._variants = tuple(
            replace(
                preprocessing,
                input=InputSpec(size.channels, height, width),
                interpolation=section.interpolation,
            )
            for height, width in section.image_sizes
        )

    @property
    def largest(self) -> int:
        """Return the number of pixels of the largest size."""
        return max(height * width for height, width in self._section.image_sizes)

    def at(self, epoch: int, seed: int) -> ImagePreprocessing:
        """Return the preprocessing to an epoch's size; all epochs of a period have the same."""
        number = derive_seed(seed, epoch // self._section.period) % len(self._variants)
        return self._variants[number]
