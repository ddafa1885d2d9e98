"""Own the `training` section: optimizer, learning rate, callbacks and everything else of a training, key by key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from zoo_core.config.limits import (
    ExistingFile,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Probability,
)
from zoo_core.config.section import Section
from zoo_core.config.values import IndexList, Schedule


class OptimizerSection(Section):
    """Choose the optimizer among timm's."""

    opt: str = "sgd"
    """Name of the optimizer as timm knows it: `sgd`, `adamw`, `rmsprop`, ..."""
    opt_eps: PositiveFloat | None = Field(default=None, alias="opt-eps")
    """Epsilon of the optimizer; its own default when absent."""
    opt_betas: tuple[float, ...] | None = Field(default=None, alias="opt-betas")
    """Betas of the optimizer; its own default when absent."""
    momentum: NonNegativeFloat = 0.9
    """Momentum of the optimizer."""
    weight_decay: NonNegativeFloat = 2e-5
    """Decay of the weights; biases and normalisation layers are left out."""
    clip_grad: PositiveFloat | None = None
    """Limit of the gradients, measured as `clip_mode` says; no limit when absent."""
    clip_mode: Literal["norm", "value", "agc"] = "norm"
    """By the norm of all gradients, by each value, or adaptive for each layer."""
    layer_decay: PositiveFloat | None = None
    """Factor by which the learning rate falls from each layer to the one before it."""
    options: dict[str, float | bool] = Field(default_factory=dict)
    """Further arguments of the optimizer by its own names, such as `nesterov`."""


class LrSchedulerSection(Section):
    """Choose the learning-rate schedule among timm's."""

    sched: Literal["cosine", "tanh", "step", "multistep", "plateau", "poly", "none"] = "cosine"
    """Shape of the schedule; `none` keeps the learning rate constant."""
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
    """Shares of the epochs between which noise is added to the learning rate."""
    lr_noise_pct: float = 0.67
    """Largest share by which noise changes the learning rate."""
    lr_noise_std: float = 1.0
    """Standard deviation of the noise."""
    lr_cycle_mul: float = 1.0
    """Factor by which each cycle is longer than the one before."""
    lr_cycle_decay: float = 0.5
    """Factor by which each cycle starts lower than the one before."""
    lr_cycle_limit: PositiveInt = 1
    """Number of cycles."""
    lr_k_decay: float = 1.0
    """Exponent that bends the cosine and polynomial schedules."""
    warmup_lr: NonNegativeFloat = 1e-5
    """Learning rate at the start of the warm-up."""
    min_lr: NonNegativeFloat = 0.0
    """Lower limit of the learning rate."""
    epoch_repeats: NonNegativeFloat = 0
    """How often each epoch goes through the data."""
    start_epoch: NonNegativeInt | None = None
    """Accepted, without effect; a resumed training knows its epoch."""
    decay_milestones: tuple[PositiveInt, ...] = (90, 180, 270)
    """Epochs at which `multistep` lowers the learning rate."""
    decay_epochs: PositiveFloat = 90
    """Epochs between two steps of `step`."""
    warmup_epochs: NonNegativeInt = 5
    """Epochs of the warm-up."""
    warmup_prefix: bool = False
    """Begin the schedule after the warm-up instead of under it."""
    cooldown_epochs: NonNegativeInt = 0
    """Epochs at the lowest learning rate after the schedule."""
    patience_epochs: NonNegativeInt = 10
    """Epochs without improvement before `plateau` lowers the learning rate."""
    decay_rate: PositiveFloat = 0.1
    """Factor of each step of `step`, `multistep`, `plateau` and `poly`."""


class EarlyStoppingSection(Section):
    """Stop when a metric no longer improves."""

    monitor: str | None = None
    """Metric name such as `val_accuracy` or `val_loss`; the task's own monitor when absent."""
    patience: NonNegativeInt = 0
    """Epochs without improvement before the training ends."""
    min_delta: NonNegativeFloat = 0.0
    """Smallest change that counts as an improvement."""
    mode: Literal["auto", "min", "max"] = "auto"
    """Direction of an improvement; `auto` takes that of the metric."""
    start_from_epoch: NonNegativeInt = 0
    """Epochs before the metric is looked at."""
    restore_best_weights: bool = True
    """Accepted; the best weights always go to the next stage."""
    verbose: int = 0
    """Accepted; the log always says when and why a training ended."""
    baseline: float | None = None
    """Value the metric must reach to count as an improvement."""


class ReduceOnPlateauSection(Section):
    """Lower the learning rate when a metric no longer improves."""

    monitor: str | None = None
    """Metric name such as `val_accuracy` or `val_loss`; the task's own monitor when absent."""
    factor: Fraction = 0.1
    """Factor by which the learning rate is lowered."""
    patience: NonNegativeInt = 10
    """Epochs without improvement before it is lowered."""
    min_lr: NonNegativeFloat = 0.0
    """Lower limit of the learning rate."""
    min_delta: NonNegativeFloat = 1e-4
    """Smallest change that counts as an improvement."""
    mode: Literal["auto", "min", "max"] = "auto"
    """Direction of an improvement; `auto` takes that of the metric."""
    cooldown: NonNegativeInt = 0
    """Epochs after a reduction in which the metric is not looked at."""
    verbose: int = 0
    """Accepted; the log always holds the learning rate."""


class LearningRateSchedulerSection(Section):
    """Compute the learning rate of each epoch by `lambda epoch, lr: ...`."""

    schedule: Schedule
    """Function of the epoch, from 0, and of the present learning rate."""
    verbose: int = 0
    """Accepted; the log always holds the learning rate."""


class CallbacksSection(Section):
    """Hold what acts during training; at most one of them sets the learning rate."""

    EarlyStopping: EarlyStoppingSection | None = None
    ReduceLROnPlateau: ReduceOnPlateauSection | None = None
    LearningRateScheduler: LearningRateSchedulerSection | None = None

    @model_validator(mode="after")
    def _one_learning_rate(self) -> Self:
        if self.ReduceLROnPlateau is not None and self.LearningRateScheduler is not None:
            msg = "ReduceLROnPlateau and LearningRateScheduler both set the learning rate; keep one of them"
            raise ValueError(msg)
        return self


class TrainingSection(Section):
    """Set up a training; `batch_size` and `epochs` must be given."""

    trainer: str = "lightning"
    """Name as listed by `zoo list trainers`."""
    epochs: PositiveInt
    """Number of epochs."""
    batch_size: PositiveInt
    """Images per step and device."""
    validation_batch_size: PositiveInt | None = None
    """Images per step in validation; `batch_size` when absent."""
    optimizer: OptimizerSection = OptimizerSection()
    lr_scheduler: LrSchedulerSection = LrSchedulerSection()
    callbacks: CallbacksSection = CallbacksSection()
    grad_accum_steps: PositiveInt = 1
    """Batches whose gradients are added up for one step."""
    bn_momentum: Probability | None = None
    """Share of the new batch in running statistics of batch normalisation; the model's own when absent."""
    bn_eps: PositiveFloat | None = None
    """Epsilon of batch normalisation; the model's own when absent."""
    sync_bn: bool = False
    """Compute batch normalisation over all devices."""
    dist_bn: Literal["", "reduce", "broadcast"] | None = "reduce"
    """How running statistics of batch normalisation are shared between devices after each epoch."""
    split_bn: bool = False
    """Keep separate batch normalisation for each augmentation split."""
    model_ema: bool = False
    """Keep a running average of the weights; it is what is evaluated and saved as best."""
    model_ema_force_cpu: bool = False
    """Keep the running average in the memory of the CPU."""
    model_ema_decay: Fraction = 0.9998
    """Share of the old average that each step keeps."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None
    """Probability of the model's dropout layers; the model's own when absent."""
    frozen_layers: IndexList | None = None
    """Layers that are not trained, by Python indices: `(0:-1)`, `(8, 110:121, -1)`."""
    resume_training_from: ExistingFile | None = None
    """Last checkpoint of an earlier training, holding optimizer and epoch."""
    trained_model_path: Path | None = None
    """Copy the best weights to this path at the end."""
    amp: bool = False
    """Compute in mixed precision."""
    amp_dtype: Literal["float16", "bfloat16"] = "float16"
    """Short number format of mixed precision."""
    amp_impl: Literal["native"] = "native"
    """Accepted; mixed precision is torch's own."""
    eval_metric: str | None = None
    """Metric that decides which weights are best; the task's own when absent."""
    log_interval: PositiveInt = 50
    """Steps between two looks at the loss on a GPU, which make it wait."""
    recovery_interval: NonNegativeInt = 0
    """Steps between extra checkpoints inside an epoch; 0 means at the end of each epoch only."""
    checkpoint_hist: NonNegativeInt = 10
    """Accepted, without effect; the best and the last checkpoint are kept."""
    save_images: bool = False
    """Accepted, without effect."""
    no_ddp_bb: bool = False
    """Accepted, without effect."""
    synchronize_step: bool = False
    """Wait for the GPU after every step."""
    tta: NonNegativeInt = 0
    """Accepted, without effect; validation looks at each image once."""
    log_wandb: bool = False
    """Accepted, without effect."""
    log_tb: bool = False
    """Accepted, without effect."""
    devices: PositiveInt = 1
    """Processes on this host: GPUs, or CPU processes."""
    num_nodes: PositiveInt = 1
    """Hosts taking part; start the same command on each with a launcher such as torchrun."""
