"""Own what happens to one training image: augmentation in timm's style, ST's functions, preprocessing."""

from __future__ import annotations

import torch
from PIL import Image
from timm.data.random_erasing import RandomErasing
from timm.data.transforms_factory import transforms_imagenet_train
from torchvision.transforms import Compose
from torchvision.transforms.functional import pil_to_tensor

from zoo_classification.augmentation.functions import OrderedFunctions
from zoo_classification.config import DataAugmentationSection
from zoo_core.data.preprocessing import PIXEL_MAX, ImagePreprocessing
from zoo_core.errors import UserError
from zoo_core.protocols import Sample

WITH_HUE = 4


class TrainTransform:
    """Turn a training sample into the model's input and its class."""

    def __init__(self, preprocessing: ImagePreprocessing, section: DataAugmentationSection | None) -> None:
        """Choose the steps.

        Raises:
            UserError: When a colour change is asked for that images with transparency do not allow.
        """
        self.preprocessing = preprocessing
        self.section = None if section is None or section.no_aug else section
        self._pictures: Compose | None = None
        self._needs_rgb = False
        self._functions: OrderedFunctions | None = None
        self._erasing: RandomErasing | None = None
        if self.section is not None:
            self._choose(self.section)

    def __call__(self, sample: Sample) -> tuple[torch.Tensor, int]:
        """Return a float32 tensor of shape (C, H, W) and the class index."""
        return self.image_to_tensor(sample.image), sample.target

    def image_to_tensor(self, image: Image.Image) -> torch.Tensor:
        """Return the augmented and preprocessed image: float32, shape (C, H, W)."""
        image = self.preprocessing.convert(image)
        if self.section is None:
            return self.preprocessing(image)
        if self.section.crop_range is None:
            image = self.preprocessing.resize(image)
        if self._pictures is not None:
            mode = image.mode
            image = self._pictures(image.convert("RGB") if self._needs_rgb else image).convert(mode)
        tensor = self._to_tensor(image)
        return tensor if self._erasing is None else self._erasing(tensor)

    def _to_tensor(self, image: Image.Image) -> torch.Tensor:
        if self._functions is None:
            return self.preprocessing.to_tensor(image)
        pixels = self._functions(pil_to_tensor(image).float() / PIXEL_MAX) * PIXEL_MAX
        return self.preprocessing.normalize(pixels.flip(0) if self.preprocessing.color_mode == "bgr" else pixels)

    def _choose(self, section: DataAugmentationSection) -> None:
        size = self.preprocessing.input
        jitter = section.color_jitter
        self._refuse_for_transparency(section, jitter)
        area, proportions = section.crop_range or (1.0, 1.0), section.ratio
        geometry, colours, _ = transforms_imagenet_train(
            (size.height, size.width),
            scale=area,
            ratio=proportions,
            hflip=section.hflip,
            vflip=section.vflip,
            color_jitter=jitter or None,
            auto_augment=section.aa,
            interpolation=section.train_interpolation,
            separate=True,
        )
        without_crop = geometry.transforms[1:]
        steps = [*(geometry.transforms if section.crop_range else without_crop), *colours.transforms]
        self._pictures = Compose(steps) if steps else None
        self._needs_rgb = section.aa is not None and size.channels == 1
        self._functions = OrderedFunctions(section.functions) if section.functions else None
        if section.reprob > 0:
            self._erasing = RandomErasing(section.reprob, mode=section.remode, max_count=section.recount, device="cpu")

    def _refuse_for_transparency(self, section: DataAugmentationSection, jitter: float | tuple[float, ...]) -> None:
        if self.preprocessing.color_mode != "rgba":
            return
        hue = isinstance(jitter, tuple) and len(jitter) == WITH_HUE
        if section.aa is not None or hue:
            key = "aa" if section.aa is not None else "color_jitter"
            raise UserError(
                f"data_augmentation.{key} cannot act on rgba images.",
                hint="Remove it, leave hue out of color_jitter, or set preprocessing.color_mode: rgb.",
            )
