"""Own what is applied to whole training batches: mixup and cutmix."""

from __future__ import annotations

import torch
from timm.data import Mixup
from timm.data.mixup import mixup_target

from zoo_classification.config import DataAugmentationSection


class BatchMixing:
    """Mix the images of a batch with each other and make soft targets of shape (N, K).

    Zhang et al., "mixup", 2018; Yun et al., "CutMix", 2019; as timm implements both. Of an odd number of images
    the last one is left as it is. Numbers are drawn from numpy's global generator.
    """

    def __init__(self, section: DataAugmentationSection, num_classes: int) -> None:
        self.num_classes = num_classes
        self.smoothing = section.smoothing
        self._mix = Mixup(
            mixup_alpha=section.mixup,
            cutmix_alpha=section.cutmix,
            cutmix_minmax=section.cutmix_minmax,
            prob=section.mixup_prob,
            switch_prob=section.mixup_switch_prob,
            mode=section.mixup_mode,
            label_smoothing=section.smoothing,
            num_classes=num_classes,
        )

    def __call__(self, images: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mixed images of shape (N, C, H, W) and their targets; the given images are not changed."""
        even = len(images) - len(images) % 2
        parts = []
        if even:
            parts.append(self._mix(images[:even].clone(), targets[:even]))
        if even < len(images):
            rest = mixup_target(targets[even:], self.num_classes, 1.0, self.smoothing)
            parts.append((images[even:], rest))
        return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
