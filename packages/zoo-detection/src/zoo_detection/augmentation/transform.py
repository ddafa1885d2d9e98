"""Own what happens to one training image: joining, blending, cutting, mirroring, other colours, preprocessing."""

from __future__ import annotations

from dataclasses import replace

import torch

from zoo_core.data.preprocessing import RESAMPLING, ImagePreprocessing
from zoo_core.protocols import ImageDataset, Sample
from zoo_detection.augmentation.chance import happens
from zoo_detection.augmentation.hsv import HsvChange
from zoo_detection.augmentation.mixup import Mixup
from zoo_detection.augmentation.mosaic import Mosaic
from zoo_detection.augmentation.pictures import Picture, Pictures
from zoo_detection.augmentation.plan import Augmentation
from zoo_detection.augmentation.scene import Scene
from zoo_detection.augmentation.single import Single
from zoo_detection.labels import BoxLabels

MODES = {"grayscale": "L", "rgb": "RGB", "bgr": "RGB", "rgba": "RGBA"}
"""Pillow's name of what `ImagePreprocessing.convert` makes."""


class DetectionTrainTransform:
    """Turn a training sample into the model's input and its boxes there.

    Joined images (mosaic, mixup, rotation, shear, shift) end `no_aug_epochs` before the last of `epochs`, as in
    Ge et al., "YOLOX", 2021; mirroring and colours go on. Without a data set there are no images to join.
    """

    def __init__(
        self, preprocessing: ImagePreprocessing, plan: Augmentation, *, no_aug_epochs: int = 0, epochs: int = 1
    ) -> None:
        self.plan = plan
        self._preprocessing = preprocessing
        self._joining_epochs = epochs - no_aug_epochs
        self._joins = self._joining_epochs > 0
        mode, size = MODES[preprocessing.color_mode], (preprocessing.input.width, preprocessing.input.height)
        resampling = RESAMPLING[preprocessing.interpolation]
        self._pictures = Pictures(preprocessing)
        self._single = Single(plan, preprocessing, mode)
        self._mosaic = Mosaic(plan, mode, size, resampling)
        self._mixup = Mixup(plan.mixup_scale, resampling)

    def set_dataset(self, dataset: ImageDataset) -> None:
        """Take the data set that images to join come from."""
        self._pictures.dataset = dataset

    def set_epoch(self, epoch: int, seed: int) -> None:
        """Take the epoch, counted from 0, that decides whether images are joined."""
        self._joins = epoch < self._joining_epochs

    def __call__(self, sample: Sample) -> tuple[torch.Tensor, BoxLabels]:
        """Return a float32 tensor of shape (C, H, W) and the boxes in its pixels.

        Raises:
            UnreadableImageError: When the colours of the image cannot be converted.
        """
        if self.plan.changes_images:
            return self._finished(self._changed(self._pictures.of(sample)))
        labels: BoxLabels = sample.target
        place = self._preprocessing.placement(*labels.size)
        areas = labels.areas * place.scale_x * place.scale_y
        return self._preprocessing(sample.image), replace(labels.placed(self._preprocessing), areas=areas)

    def load(self, index: int) -> tuple[torch.Tensor, BoxLabels]:
        """Return the same for an index of the data set, decoded no larger than needed.

        Raises:
            UnreadableImageError: When the image cannot be read.
            LookupError: When no data set is known.
        """
        if self.plan.changes_images:
            return self._finished(self._changed(self._pictures.at(index)))
        return self(self._pictures.sample(index))

    def _changed(self, picture: Picture) -> Scene:
        if self._joins and len(self._pictures) and happens(self.plan.mosaic):
            scene = self._mosaic(picture, self._pictures)
            if happens(self.plan.mixup):
                scene = self._mixup(scene, self._pictures)
            if happens(self.plan.hsv):
                scene = Scene(HsvChange.drawn()(scene.image), scene.labels)
        else:
            scene = self._single(picture)
        return scene.mirrored() if happens(self.plan.flip) else scene

    def _finished(self, scene: Scene) -> tuple[torch.Tensor, BoxLabels]:
        return self._preprocessing.to_tensor(scene.image), scene.labels
