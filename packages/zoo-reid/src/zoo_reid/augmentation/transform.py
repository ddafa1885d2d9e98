"""Own what happens to one training picture: resizing, ST's functions, preprocessing, random erasing."""

from __future__ import annotations

import torch
from PIL import Image
from timm.data.random_erasing import RandomErasing
from torchvision.transforms.functional import pil_to_tensor

from zoo_core.data.augmentation import OrderedFunctions, PeriodicSizes
from zoo_core.data.preprocessing import PIXEL_MAX, ImagePreprocessing
from zoo_core.protocols import Sample
from zoo_reid.config.augmentation import RandomErasingSection, ReidAugmentationSection
from zoo_reid.labels import PersonLabel


class TrainTransform:
    """Turn a training sample into the model's input and the label of its person.

    All random numbers come from the global generators of `random` and torch.
    """

    def __init__(self, preprocessing: ImagePreprocessing, section: ReidAugmentationSection | None) -> None:
        """Choose the steps.

        Raises:
            UserError: When a change is asked for that the colours of the model's input do not allow.
        """
        self._preprocessing = preprocessing
        self._pixels = preprocessing.input.height * preprocessing.input.width
        self._functions: OrderedFunctions | None = None
        self._erasing: RandomErasing | None = None
        self._sizes: PeriodicSizes | None = None
        if section is None:
            return
        if section.functions:
            self._functions = OrderedFunctions(section.functions, channels=preprocessing.input.channels)
        if section.random_erasing is not None:
            self._erasing = _erasing(section.random_erasing)
        if section.random_periodic_resizing is not None:
            self._sizes = PeriodicSizes(section.random_periodic_resizing, preprocessing)

    @property
    def growth(self) -> float:
        """Return how many times more memory its results take than one model input."""
        return 1.0 if self._sizes is None else self._sizes.largest / self._pixels

    def set_epoch(self, epoch: int, seed: int) -> None:
        """Take the size that the pictures of an epoch have."""
        if self._sizes is not None:
            self._preprocessing = self._sizes.at(epoch, seed)

    def __call__(self, sample: Sample) -> tuple[torch.Tensor, PersonLabel]:
        """Return a float32 tensor of shape (C, H, W) and the label as it is.

        Raises:
            UnreadableImageError: When the colours of the picture cannot be converted.
        """
        label: PersonLabel = sample.target
        return self.image_to_tensor(sample.image), label

    def image_to_tensor(self, image: Image.Image) -> torch.Tensor:
        """Return the changed and preprocessed picture: float32, shape (C, H, W)."""
        preprocessing = self._preprocessing
        resized = preprocessing.resize(preprocessing.convert(image))
        if self._functions is None:
            tensor = preprocessing.to_tensor(resized)
        else:
            pixels = self._functions(pil_to_tensor(resized).float() / PIXEL_MAX) * PIXEL_MAX
            tensor = preprocessing.normalize(pixels.flip(0) if preprocessing.color_mode == "bgr" else pixels)
        return tensor if self._erasing is None else self._erasing(tensor)


def _erasing(section: RandomErasingSection) -> RandomErasing:
    return RandomErasing(
        section.probability,
        min_area=section.area[0],
        max_area=section.area[1],
        min_aspect=section.aspect[0],
        max_aspect=section.aspect[1],
        mode="pixel",
        device="cpu",
    )
