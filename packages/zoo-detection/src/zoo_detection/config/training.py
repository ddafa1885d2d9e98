"""Own the `training` section of the trainers `yolod` and `ssd`."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from zoo_core.config.limits import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Probability
from zoo_core.config.lr_scheduler_section import LrSchedulerSection
from zoo_core.config.sections import OptimizerSection, TrainingSection
from zoo_core.lazy import LazyRef

PLAIN_EPOCHS, PLAIN_SHARE = 15, 5
"""Last epochs without joined images, at most one of so many."""
RATE = 0.01
DECAY = 5e-4
WARMED = ("yoloxwarmcos", "yoloxsemiwarmcos", "warmcos")
STEPPED = ("multistep", "multi-step")
FOREIGN: dict[str, tuple[str, ...]] = dict.fromkeys(
    (
        "sched_on_updates", "lr_noise", "lr_noise_pct", "lr_noise_std", "lr_cycle_mul", "lr_cycle_decay",
        "lr_cycle_limit", "lr_k_decay", "warmup_prefix", "decay_epochs", "cooldown_epochs", "patience_epochs",
    ),
    (),
)  # fmt: skip
"""Keys of timm's schedules, which none of these look at."""


class DetectionOptimizerSection(OptimizerSection):
    """Choose the optimizer; timm's names, with the decay of the weights that detectors are trained with."""

    grouping: ClassVar[LazyRef[Any] | None] = LazyRef("zoo_detection.training.groups:shares")

    weight_decay: NonNegativeFloat = DECAY
    """Decay of the weights; biases and normalisation layers are left out."""


class YolodSchedulerSection(LrSchedulerSection):
    """Choose the learning-rate schedule among those of YOLOX; the rate is set at every update."""

    builder: ClassVar[LazyRef[Any] | None] = LazyRef("zoo_detection.training.schedules:yolod_rate")
    schedules_of_key: ClassVar[dict[str, tuple[str, ...]]] = {
        **FOREIGN,
        "min_lr": (),
        "warmup_epochs": WARMED,
        "warmup_lr": WARMED,
        "min_lr_ratio": WARMED[:2],
        "decay_milestones": STEPPED,
        "decay_rate": STEPPED,
    }

    sched: Literal["yoloxwarmcos", "yoloxsemiwarmcos", "warmcos", "cos", "multistep"] = "yoloxwarmcos"  # type: ignore[assignment]
    """Shape of the schedule; the YOLOX ones are flat at the lowest rate in the last `no_aug_epochs`."""
    lr: PositiveFloat | None = RATE
    """Learning rate after the warm-up."""
    warmup_epochs: NonNegativeInt = 1
    """Epochs of the warm-up, quadratic for the YOLOX shapes and linear for `warmcos`; none for `cos`, `multistep`."""
    warmup_lr: float = 0.0
    """Learning rate at the start of the warm-up."""
    min_lr_ratio: Probability = 0.05
    """Lowest learning rate, as a share of `lr`."""
    decay_milestones: tuple[PositiveInt, ...] = (90, 120)
    """Epochs, counted from 1, at which `multistep` lowers the learning rate."""


class YolodTrainingSection(TrainingSection):
    """Set up a training by the recipe of YOLOX."""

    trainer: str = "yolod"
    """Name as listed by `zoo list trainers`."""
    optimizer: DetectionOptimizerSection = DetectionOptimizerSection()
    lr_scheduler: YolodSchedulerSection = YolodSchedulerSection()
    model_ema: bool = True
    """Keep a running average of the weights; it is what is evaluated and saved as best."""
    model_ema_warmup: bool = True
    """Let the running average follow the weights closely at first, as YOLOX does."""
    no_aug_epochs: NonNegativeInt | None = None
    """Last epochs, without mosaic and mixup and with a loss on the box numbers themselves (L1).

    When absent 15, or a fifth of a training of less than 75 epochs.
    """
    backbone_lr_ratio: Probability | None = None
    """Learning rate of the backbone, as a share of `lr`; 0.2 with published weights, 1 with new ones."""
    neck_lr_ratio: Probability | None = None
    """Learning rate of the neck, as a share of `lr`; 0.8 with published weights, 1 with new ones."""

    @property
    def plain_epochs(self) -> int:
        """Return the number of last epochs without joined images."""
        if self.no_aug_epochs is None:
            return min(PLAIN_EPOCHS, self.epochs // PLAIN_SHARE)
        return min(self.no_aug_epochs, self.epochs)


class SsdSchedulerSection(LrSchedulerSection):
    """Choose the learning-rate schedule of an SSD."""

    builder: ClassVar[LazyRef[Any] | None] = LazyRef("zoo_detection.training.schedules:ssd_rate")
    schedules_of_key: ClassVar[dict[str, tuple[str, ...]]] = {
        **FOREIGN,
        "min_lr": ("cosine",),
        "t_max": ("cosine",),
        "decay_milestones": STEPPED,
        "decay_rate": STEPPED,
    }

    sched: Literal["cosine", "multi-step", "multistep", "constant"] = "cosine"  # type: ignore[assignment]
    """`cosine` falls over `t_max` epochs and stays at the end; `multi-step` multiplies by `decay_rate`."""
    lr: PositiveFloat | None = RATE
    """Learning rate."""
    t_max: PositiveInt | None = None
    """Epochs of the fall of `cosine`; all epochs when absent."""
    warmup_epochs: NonNegativeInt = 0
    """Epochs of a linear warm-up."""
    decay_milestones: tuple[PositiveInt, ...] = (80, 100)
    """Epochs, counted from 1, at which `multi-step` lowers the learning rate."""


class SsdTrainingSection(TrainingSection):
    """Set up a training of an SSD."""

    trainer: str = "ssd"
    """Name as listed by `zoo list trainers`."""
    optimizer: DetectionOptimizerSection = DetectionOptimizerSection()
    lr_scheduler: SsdSchedulerSection = SsdSchedulerSection()
    base_net_lr: PositiveFloat | None = None
    """Learning rate of the backbone; `lr` when absent."""
    extra_layers_lr: PositiveFloat | None = None
    """Learning rate of the extra layers and the heads' source layers; `lr` when absent."""
