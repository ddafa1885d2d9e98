"""Own the `model` section of pose estimators."""

from __future__ import annotations

from typing import Literal

from zoo_core.config.sections import ModelSection, PositiveFloat


class PoseModelSection(ModelSection):
    """Choose a pose estimator, and how its last layer answers."""

    alpha: PositiveFloat | None = None
    """Width of the MobileNetV2 backbone of `st_movenet_lightning_heatmaps`, as a factor; 1.0 when absent."""
    backbone: str | None = None
    """Name of a timm model whose features the generic model `heatmaps` is built on."""
    final_activation: Literal["sigmoid", "softmax", "empty"] = "sigmoid"
    """What heat maps pass through at the end: each number alone, each map as a whole, or nothing."""
