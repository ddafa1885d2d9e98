"""Own the sizes that training batches have, and the stretching of batches to them."""

from __future__ import annotations

import torch
from torch.nn import functional

from zoo_core.artifacts import InputSpec
from zoo_core.data.augmentation.draws import draw_whole
from zoo_detection.augmentation.plan import Augmentation
from zoo_detection.targets import BoxTargets

STEP = 32
"""Pixels between two sizes: the largest stride of the networks."""


def training_sizes(input: InputSpec, plan: Augmentation) -> tuple[tuple[int, int], ...]:
    """Return every size (height, width) in pixels that batches may have, in ascending order; none when all are alike.

    Heights are multiples of 32 around the input's own, or those of `random_size`; widths follow from the proportion of
    the input, cut to a multiple of 32 (Ge et al., "YOLOX", 2021).
    """
    if plan.random_size is not None:
        first, last = sorted(plan.random_size)
    elif plan.multiscale_range:
        middle = input.height // STEP
        first, last = middle - plan.multiscale_range, middle + plan.multiscale_range
    else:
        return ()
    steps = range(max(1, first), max(1, last) + 1)
    return tuple((STEP * step, STEP * max(1, step * input.width // input.height)) for step in steps)


class MultiScale:
    """Stretch every batch to a drawn size."""

    def __init__(self, sizes: tuple[tuple[int, int], ...]) -> None:
        """Keep the sizes (height, width) in pixels, each as likely as the others."""
        self.sizes = sizes

    def __call__(self, images: torch.Tensor, targets: BoxTargets) -> tuple[torch.Tensor, BoxTargets]:
        """Return images of shape (N, C, h, w) and their boxes in those pixels; the given ones are not changed."""
        size = self.sizes[draw_whole((0, len(self.sizes) - 1))]
        if size == tuple(images.shape[-2:]):
            return images, targets
        stretched = functional.interpolate(images, size=size, mode="bilinear", align_corners=False)
        return stretched, targets.resized(size)
