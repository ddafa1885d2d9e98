"""Own the `training` section and its optimizer, key by key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from zoo_core.config.callback_sections import CallbacksSection
from zoo_core.config.limits import (
    ExistingFile,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Probability,
    only,
)
from zoo_core.config.lr_scheduler_section import LrSchedulerSection
from zoo_core.config.section import Section
from zoo_core.config.values import IndexList
from zoo_core.lazy import LazyRef


class OptimizerSection(Section):
    """Choose the optimizer among timm's."""

    grouping: ClassVar[LazyRef[Any] | None] = None
    """Scales the learning rates of parts of the model: `(model, training)` to a function from the name of a parameter
    to its share of the rate; 1 for all when absent."""
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
    model_ema_warmup: bool = False
    """Let the running average follow the weights closely at first, so that short trainings profit from it too."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None
    """Probability of the model's dropout layers, which it must have; the model's own when absent."""
    frozen_layers: IndexList | None = None
    """Layers that are not trained, by Python indices: `(0:-1)`, `(8, 110:121, -1)`."""
    resume_training_from: ExistingFile | None = None
    """Last checkpoint of an earlier training, holding optimizer and epoch, or the folder of its run; `epochs` may be
    another number."""
    trained_model_path: Path | None = None
    """Copy the best weights to this path at the end, for the next step of a training in several steps."""
    amp: bool = False
    """Compute in mixed precision."""
    amp_dtype: Literal["float16", "bfloat16"] = "float16"
    """Short number format of mixed precision."""
    amp_impl: Annotated[
        Literal["native", "apex"], only("native", "mixed precision is torch's own; apex is no longer maintained")
    ] = "native"
    """Only `native`: mixed precision is torch's own."""
    channels_last: bool = False
    """Keep weights and images in memory with their channels together, which most convolutions compute faster."""
    eval_metric: str | None = None
    """Metric that decides which weights are best, such as `top1`, `top5` or `loss`; the task's own when absent."""
    log_interval: PositiveInt = 50
    """Batches between two lines in the log file, with loss, learning rate and images per second."""
    recovery_interval: NonNegativeInt = 0
    """Batches between extra checkpoints inside an epoch; 0 means at the end of each epoch only."""
    checkpoint_hist: NonNegativeInt = 10
    """Number of epochs, the best ones, whose complete state is kept as `checkpoint-<epoch>` beside the last one."""
    save_images: bool = False
    """Save the images of the first batch of every `log_interval`, as the model sees them."""
    no_ddp_bb: bool = False
    """With several devices: do not send the buffers of the first one to the others before every step."""
    synchronize_step: bool = False
    """Wait for the GPU after every step."""
    tta: Literal[0, 2] = 0
    """With 2, validation averages the outputs for each image and its mirror image."""
    log_wandb: bool = False
    """Log to Weights & Biases; needs the package wandb, and a login unless `WANDB_MODE` is `offline`."""
    log_tb: bool = True
    """Write TensorBoard events into the folder `general.logs_dir` of the run, where tensorboardX is installed."""
    log_histograms: PositiveInt | None = None
    """Epochs between two histograms of every weight tensor, for trackers that show them; none when absent."""
    validation_epochs: PositiveInt = 1
    """Epochs between two validations; the last epoch always has one. The best weights are among the validated ones."""
    devices: PositiveInt = 1
    """Processes on this host: GPUs, or CPU processes."""
    num_nodes: PositiveInt = 1
    """Hosts taking part; start the same command on each with a launcher such as torchrun."""
