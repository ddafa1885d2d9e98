"""Own what happens to one training image: resizing, augmentation in timm's style, ST's functions, preprocessing."""

from __future__ import annotations

from dataclasses import replace

import torch
from PIL import Image
from timm.data.random_erasing import RandomErasing
from timm.data.transforms_factory import transforms_imagenet_train
from torchvision.transforms import Compose
from torchvision.transforms.functional import pil_to_tensor

from zoo_classification.config import DataAugmentationSection
from zoo_core.data.augmentation import OrderedFunctions, PeriodicSizes
from zoo_core.data.preprocessing import PIXEL_MAX, ImagePreprocessing
from zoo_core.errors import UserError
from zoo_core.protocols import Sample

WITH_HUE = 4
RANDOM = "random"
DRAWN = ("bilinear", "bicubic")
"""Interpolations of which `random` draws one for each image, as timm does."""
OF_TIMM = {
    "area": "box",
    "gaussian": "hamming",
    "lanczos3": "lanczos",
    "lanczos5": "lanczos",
    "mitchellcubic": "bicubic",
}
"""Names of interpolations that timm calls otherwise."""
OF_PREPROCESSING = {"box": "area", "hamming": "gaussian", "lanczos": "lanczos3"}


class TrainTransform:
    """Turn a training sample into the model's input and its class.

    With `aug_splits` the result holds several copies of the image: shape (S, C, H, W).
    """

    def __init__(self, preprocessing: ImagePreprocessing, section: DataAugmentationSection | None) -> None:
        """Choose the steps.

        Raises:
            UserError: When a change is asked for that the colours of the model's input do not allow.
        """
        self.section = None if section is None or section.no_aug else section
        still = section is not None and section.no_aug
        self._pipeline = Pipeline(preprocessing, self.section, still=still)
        self._copies = 0 if self.section is None else self.section.aug_splits
        periodic = None if self.section is None else self.section.random_periodic_resizing
        self._sizes = None if periodic is None else PeriodicSizes(periodic, preprocessing)
        self._pixels = preprocessing.input.height * preprocessing.input.width

    @property
    def growth(self) -> float:
        """Return how many times more memory its results take than one model input."""
        area = 1.0 if self._sizes is None else self._sizes.largest / self._pixels
        return max(1, self._copies) * area

    def set_epoch(self, epoch: int, seed: int) -> None:
        """Take the size that the images of an epoch have."""
        if self._sizes is None:
            return
        preprocessing = self._sizes.at(epoch, seed)
        if preprocessing != self._pipeline.preprocessing:
            self._pipeline = Pipeline(preprocessing, self.section)

    def __call__(self, sample: Sample) -> tuple[torch.Tensor, int]:
        """Return a float32 tensor of shape (C, H, W), or (S, C, H, W) with copies, and the class index."""
        return self.image_to_tensor(sample.image), sample.target

    def image_to_tensor(self, image: Image.Image) -> torch.Tensor:
        """Return the augmented and preprocessed image: float32, shape (C, H, W), or (S, C, H, W) with copies."""
        base = self._pipeline.place(image)
        if not self._copies:
            return self._pipeline.finish(base)
        clean = self._pipeline.finish(base, changed=False, erased=self.section is None or not self.section.resplit)
        return torch.stack([clean, *(self._pipeline.finish(base) for _ in range(self._copies - 1))])


class Pipeline:
    """Hold the steps for images of one size."""

    def __init__(
        self, preprocessing: ImagePreprocessing, section: DataAugmentationSection | None, *, still: bool = False
    ) -> None:
        """Choose the steps; `still` images are resized as in evaluation.

        Raises:
            UserError: When a change is asked for that the colours of the model's input do not allow.
        """
        self.preprocessing = preprocessing
        chosen = None if section is None else section.train_interpolation
        self._interpolation = chosen or preprocessing.interpolation
        names = DRAWN if self._interpolation == RANDOM and not still else (self._interpolation,)
        self._resizers = [replace(preprocessing, interpolation=OF_PREPROCESSING.get(name, name)) for name in names]
        self._crops = section is not None and section.crop_range is not None
        self._geometry: Compose | None = None
        self._colours: Compose | None = None
        self._needs_rgb = False
        self._functions: OrderedFunctions | None = None
        self._erasing: RandomErasing | None = None
        if section is not None:
            self._choose(section)

    def place(self, image: Image.Image) -> Image.Image:
        """Return the image in the model's colours and size, cropped and flipped at random."""
        image = self.preprocessing.convert(image)
        if not self._crops:
            image = self._resizers[_draw(len(self._resizers))].resize(image)
        return image if self._geometry is None else self._geometry(image)

    def finish(self, image: Image.Image, *, changed: bool = True, erased: bool = True) -> torch.Tensor:
        """Return the model's input: float32, shape (C, H, W).

        Args:
            image: What `place` returned; it is left as it is.
            changed: Whether colours, policies and ST's functions act.
            erased: Whether timm's rectangles are erased.
        """
        if changed and self._colours is not None:
            mode = image.mode
            image = self._colours(image.convert("RGB") if self._needs_rgb else image).convert(mode)
        if changed and self._functions is not None:
            pixels = self._functions(pil_to_tensor(image).float() / PIXEL_MAX) * PIXEL_MAX
            tensor = self.preprocessing.normalize(pixels.flip(0) if self.preprocessing.color_mode == "bgr" else pixels)
        else:
            tensor = self.preprocessing.to_tensor(image)
        return self._erasing(tensor) if erased and self._erasing is not None else tensor

    def _choose(self, section: DataAugmentationSection) -> None:
        size = self.preprocessing.input
        self._refuse_for_transparency(section)
        geometry, colours, _ = transforms_imagenet_train(
            (size.height, size.width),
            scale=section.crop_range or (1.0, 1.0),
            ratio=section.ratio,
            hflip=section.hflip,
            vflip=section.vflip,
            color_jitter=section.color_jitter or None,
            auto_augment=section.aa,
            interpolation=OF_TIMM.get(self._interpolation, self._interpolation),
            separate=True,
        )
        steps = geometry.transforms if self._crops else geometry.transforms[1:]
        self._geometry = Compose(steps) if steps else None
        self._colours = colours if colours.transforms else None
        self._needs_rgb = section.aa is not None and size.channels == 1
        if section.functions:
            self._functions = OrderedFunctions(section.functions, channels=size.channels)
        if section.reprob > 0:
            self._erasing = RandomErasing(section.reprob, mode=section.remode, max_count=section.recount, device="cpu")

    def _refuse_for_transparency(self, section: DataAugmentationSection) -> None:
        jitter = section.color_jitter
        hue = isinstance(jitter, tuple) and len(jitter) == WITH_HUE
        if self.preprocessing.color_mode == "rgba" and (section.aa is not None or hue):
            key = "aa" if section.aa is not None else "color_jitter"
            raise UserError(
                f"data_augmentation.{key} cannot act on rgba images.",
                hint="Remove it, leave hue out of color_jitter, or set preprocessing.color_mode: rgb.",
            )


def _draw(choices: int) -> int:
    return int(torch.randint(choices, ())) if choices > 1 else 0
