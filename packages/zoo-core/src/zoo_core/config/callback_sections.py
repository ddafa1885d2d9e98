"""Own the `training.callbacks` section: what acts between epochs, under the names that Keras gives it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, model_validator

from zoo_core.config.limits import Fraction, NonNegativeFloat, NonNegativeInt, only
from zoo_core.config.section import Section
from zoo_core.config.values import Schedule


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
    restore_best_weights: Annotated[
        bool, only(True, "the best weights always go to the next stage, and the last ones are in the last checkpoint")
    ] = True
    """Only True: the best weights always go to the next stage."""
    verbose: NonNegativeInt = 0
    """0 or 1; when and why a training ends is always shown."""
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
    verbose: NonNegativeInt = 0
    """With 1 each reduction is shown on the screen too; the log file always holds it."""


class LearningRateSchedulerSection(Section):
    """Compute the learning rate of each epoch by `lambda epoch, lr: ...`."""

    schedule: Schedule
    """Function of the epoch, from 0, and of the present learning rate."""
    verbose: NonNegativeInt = 0
    """With 1 the learning rate of each epoch is shown on the screen too; the log file always holds it."""


class ModelCheckpointSection(Section):
    """Choose the metric that decides which weights are best; files and their names are fixed."""

    monitor: str | None = None
    """Metric name such as `val_accuracy` or `val_loss`; the task's own monitor when absent."""
    mode: Literal["auto", "min", "max"] = "auto"
    """Direction of an improvement; `auto` takes that of the metric."""
    save_best_only: Annotated[
        bool,
        only(
            True,
            "the best weights always have a file of their own, the last state has another, "
            "and training.checkpoint_hist keeps the states of further epochs",
        ),
    ] = True
    """Only True: `training.checkpoint_hist` keeps the states of further epochs."""
    verbose: NonNegativeInt = 0
    """With 1 each new best epoch is shown on the screen too; the log file always holds it."""


class TerminateOnNanSection(Section):
    """Stop when the loss is no number any more, which every training does."""


def _refused(reason: str) -> BeforeValidator:
    def refuse(value: Any) -> None:
        if value is not None:
            raise ValueError(reason)

    return BeforeValidator(refuse)


CODE = "it would run code of yours; nothing in a file is executed"


class CallbacksSection(Section):
    """Hold what acts during training; at most one of them sets the learning rate."""

    EarlyStopping: EarlyStoppingSection | None = None
    ReduceLROnPlateau: ReduceOnPlateauSection | None = None
    LearningRateScheduler: LearningRateSchedulerSection | None = None
    ModelCheckpoint: ModelCheckpointSection | None = None
    TerminateOnNaN: TerminateOnNanSection | None = None
    TensorBoard: Annotated[None, _refused("it is built in; training.log_tb: True switches it on")] = None
    """Refused, because it is built in: see `log_tb`."""
    CSVLogger: Annotated[None, _refused("it is built in; summary.csv of the run holds every epoch")] = None
    """Refused, because it is built in: `summary.csv` holds every epoch."""
    BackupAndRestore: Annotated[
        None, _refused("it is built in; zoo run --resume RUN_DIR goes on with an interrupted training")
    ] = None
    """Refused, because it is built in: `zoo run --resume` goes on with an interrupted training."""
    History: Annotated[None, _refused("it is built in; summary.csv of the run holds every epoch")] = None
    """Refused, because it is built in: `summary.csv` holds every epoch."""
    ProgbarLogger: Annotated[None, _refused("it is built in; progress is always shown")] = None
    """Refused, because it is built in."""
    SwapEMAWeights: Annotated[None, _refused("training.model_ema: True evaluates and keeps averaged weights")] = None
    """Refused, because `model_ema` does this."""
    LambdaCallback: Annotated[None, _refused(CODE)] = None
    """Refused, because nothing in a file is executed."""
    RemoteMonitor: Annotated[None, _refused("sending epochs to an address is not available")] = None
    """Refused, because it is not available."""

    @model_validator(mode="after")
    def _one_learning_rate(self) -> Self:
        if self.ReduceLROnPlateau is not None and self.LearningRateScheduler is not None:
            msg = "ReduceLROnPlateau and LearningRateScheduler both set the learning rate; keep one of them"
            raise ValueError(msg)
        return self
