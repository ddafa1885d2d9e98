"""Own the `training` section of pose estimation: the targets and losses of heat maps."""

from __future__ import annotations

from typing import Literal

from zoo_core.config.limits import PositiveFloat
from zoo_core.config.lr_scheduler_section import LrSchedulerSection
from zoo_core.config.section import Section
from zoo_core.config.training_sections import OptimizerSection, TrainingSection


class HeatmapsSection(Section):
    """Say what heat maps are trained to show, and how they are judged."""

    target: Literal["gaussian", "one_pixel"] = "gaussian"
    """`gaussian`: a hill around every keypoint; `one_pixel`: 1 at its pixel and 0 elsewhere, as ST trains."""
    sigma: PositiveFloat = 1.5
    """Standard deviation of the hill in pixels of the heat map."""
    loss: Literal["mse", "bce", "focal"] = "mse"
    """Squared error, binary cross-entropy, or the focal loss of CenterNet (Zhou et al., 2019)."""


class PoseOptimizerSection(OptimizerSection):
    """Choose the optimizer among timm's."""

    opt: str = "adam"
    """Name of the optimizer as timm knows it; plain gradient descent learns heat maps slowly."""


class PoseSchedulerSection(LrSchedulerSection):
    """Choose the learning-rate schedule among timm's."""

    lr_base: PositiveFloat = 0.012
    """Learning rate for `lr_base_size` images per step: 0.003 for 16 and 0.006 for 64 with adaptive optimizers."""


class PoseTrainingSection(TrainingSection):
    """Set up a training of a pose estimator."""

    optimizer: PoseOptimizerSection = PoseOptimizerSection()
    lr_scheduler: PoseSchedulerSection = PoseSchedulerSection()
    heatmaps: HeatmapsSection = HeatmapsSection()
    """Models that give heat maps; others do not look at it."""
