"""Own the `training.lr_scheduler` section: the learning-rate schedules of timm, key by key."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from zoo_core.config.limits import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from zoo_core.config.section import Section
from zoo_core.lazy import LazyRef

NOISE_POINTS = 2
CYCLIC = ("cosine", "tanh", "poly")
DECAYING = ("wsd", "rsqrt")
STEPPED = ("step", "multistep")
PLATEAU, CONSTANT = "plateau", "constant"
FORESEEN = (*CYCLIC, *DECAYING, *STEPPED, CONSTANT)
"""Schedules whose learning rates are known before the training."""
SCHEDULES_OF_KEY: dict[str, tuple[str, ...]] = {
    "sched_on_updates": FORESEEN,
    "lr_noise": FORESEEN,
    "lr_noise_pct": FORESEEN,
    "lr_noise_std": FORESEEN,
    "lr_cycle_mul": CYCLIC,
    "lr_cycle_decay": CYCLIC,
    "lr_cycle_limit": CYCLIC,
    "lr_k_decay": ("cosine", "poly"),
    "warmup_lr": (*FORESEEN, PLATEAU),
    "warmup_epochs": (*FORESEEN, PLATEAU),
    "warmup_prefix": FORESEEN,
    "min_lr": (*CYCLIC, *DECAYING, PLATEAU),
    "decay_milestones": ("multistep",),
    "decay_epochs": ("step", *DECAYING),
    "cooldown_epochs": (*CYCLIC, *DECAYING, PLATEAU),
    "patience_epochs": (PLATEAU,),
    "decay_rate": (*STEPPED, PLATEAU, "poly"),
}
"""Key of `lr_scheduler` -> schedules of timm that look at it; the other keys hold for all."""


class LrSchedulerSection(Section):
    """Choose the learning-rate schedule among timm's."""

    builder: ClassVar[LazyRef[Any] | None] = None
    """Builds the schedules of a subclass that are not timm's: `(optimizer, training, rate, updates_per_epoch)` to a
    `zoo_core.training.schedule.LearningRate`."""
    schedules_of_key: ClassVar[dict[str, tuple[str, ...]]] = SCHEDULES_OF_KEY
    """Key -> schedules that look at it; a key that is not here holds for all."""

    sched: Literal["cosine", "tanh", "step", "multistep", "plateau", "poly", "wsd", "rsqrt", "constant", "none"] = (
        "cosine"
    )
    """Shape of the schedule; `constant` keeps the learning rate after the warm-up, `none` has no warm-up either."""
    sched_on_updates: bool = False
    """Set the learning rate at every step instead of every epoch."""
    lr: PositiveFloat | None = None
    """Learning rate; when absent it follows from `lr_base` and the batch size."""
    lr_base: PositiveFloat = 0.1
    """Learning rate for `lr_base_size` images per step."""
    lr_base_size: PositiveInt = 256
    """Number of images per step that `lr_base` is meant for."""
    lr_base_scale: Literal["", "linear", "sqrt"] | None = ""
    """How `lr_base` follows the images per step; when empty, `sqrt` for adaptive optimizers and `linear` for others."""
    lr_noise: tuple[float, ...] | float | None = None
    """Shares of the epochs between which noise is added to the learning rate; one number is the beginning."""
    lr_noise_pct: PositiveFloat = 0.67
    """Largest share by which noise changes the learning rate."""
    lr_noise_std: PositiveFloat = 1.0
    """Standard deviation of the noise."""
    lr_cycle_mul: PositiveFloat = 1.0
    """Factor by which each cycle is longer than the one before."""
    lr_cycle_decay: PositiveFloat = 0.5
    """Factor by which each cycle starts lower than the one before."""
    lr_cycle_limit: PositiveInt = 1
    """Number of cycles, each of `epochs` epochs times the powers of `lr_cycle_mul`."""
    lr_k_decay: PositiveFloat = 1.0
    """Exponent that bends the cosine and polynomial schedules."""
    warmup_lr: NonNegativeFloat = 1e-5
    """Learning rate at the start of the warm-up."""
    min_lr: NonNegativeFloat = 0.0
    """Lower limit of the learning rate."""
    epoch_repeats: NonNegativeInt = 0
    """How often each epoch goes through the data; 0 means once."""
    start_epoch: NonNegativeInt | None = None
    """Epoch to begin with, counted from 0, with new weights and at that epoch's learning rate."""
    decay_milestones: tuple[PositiveInt, ...] = (90, 180, 270)
    """Epochs, counted from 1, at which `multistep` lowers the learning rate."""
    decay_epochs: PositiveFloat | None = None
    """Epochs between two steps of `step`, 90 when absent; epochs of the decay of `wsd` and `rsqrt`, or their share."""
    warmup_epochs: NonNegativeInt = 5
    """Epochs of the warm-up."""
    warmup_prefix: bool = False
    """Begin the schedule after the warm-up instead of under it; the training is longer by the warm-up."""
    cooldown_epochs: NonNegativeInt = 0
    """Epochs at the lowest learning rate after the schedule; of `plateau`, epochs of rest after each reduction."""
    patience_epochs: NonNegativeInt = 10
    """Epochs without improvement before `plateau` lowers the learning rate."""
    decay_rate: PositiveFloat = 0.1
    """Factor of each step of `step`, `multistep` and `plateau`; exponent of `poly`."""

    @model_validator(mode="after")
    def _check_lists(self) -> Self:
        if list(self.decay_milestones) != sorted(set(self.decay_milestones)):
            msg = f"decay_milestones must rise, found {list(self.decay_milestones)}"
            raise ValueError(msg)
        noise = self.lr_noise if isinstance(self.lr_noise, tuple) else (self.lr_noise or 0.0,)
        if not 1 <= len(noise) <= NOISE_POINTS or list(noise) != sorted(noise) or not 0 <= noise[0] <= noise[-1] <= 1:
            msg = f"lr_noise is one or two rising shares between 0 and 1, found {self.lr_noise}"
            raise ValueError(msg)
        return self
