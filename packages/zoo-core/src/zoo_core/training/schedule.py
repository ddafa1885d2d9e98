"""Own the learning rate over the epochs: timm's schedules, plateau, and the user's formula.

Every schedule is a function of the epoch (or of the number of updates) and of a small state that checkpoints keep, so
that a resumed training sees the same rates as one that ran through.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from timm.scheduler import create_scheduler_v2

from zoo_core.config.sections import LrSchedulerSection, ReduceOnPlateauSection, TrainingSection
from zoo_core.config.values import Schedule
from zoo_core.errors import UserError
from zoo_core.results import MetricValue
from zoo_core.training.monitor import find_metric, improves, is_higher_better

log = logging.getLogger("zoo")

STEP_EPOCHS = 90
DECAY_SHARE = 0.2
"""timm's defaults of `decay_epochs`: for `step`, and for `wsd` and `rsqrt`."""
PLATEAU_THRESHOLD = 1e-4
"""Relative improvement below which timm's `plateau` sees none."""


class LearningRate(Protocol):
    """Set the learning rate of an optimizer."""

    epochs: int
    """Length of the training in epochs, cycles and cool-down included."""

    def begin_epoch(self, epoch: int) -> None:
        """Set the rate of an epoch, counted from 0."""
        ...

    def after_update(self, updates: int) -> None:
        """Take the number of optimizer updates done since the beginning of the training."""
        ...

    def end_epoch(self, epoch: int, measured: Mapping[str, MetricValue]) -> None:
        """Take what was measured at the end of an epoch."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        ...


def current_rate(optimizer: torch.optim.Optimizer) -> float:
    """Return the highest rate among the parameter groups: with layer decay, that of the last layers."""
    return max(float(group["lr"]) for group in optimizer.param_groups)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the rate, scaled where layer decay says so."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("lr_scale", 1.0)


@dataclass(slots=True)
class ConstantRate:
    """Keep one rate."""

    optimizer: torch.optim.Optimizer
    rate: float
    epochs: int

    def begin_epoch(self, epoch: int) -> None:
        """Set the rate."""
        set_rate(self.optimizer, self.rate)

    def after_update(self, updates: int) -> None:
        """Do nothing."""

    def end_epoch(self, epoch: int, measured: Mapping[str, MetricValue]) -> None:
        """Do nothing."""

    def state(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""


class TimmRate:
    """Follow one of timm's schedules, by epochs or by updates."""

    def __init__(self, optimizer: torch.optim.Optimizer, training: TrainingSection, updates: int, seed: int) -> None:
        section = training.lr_scheduler
        self._by_updates = section.sched_on_updates
        self._updates_per_epoch = updates
        try:
            self._scheduler, self.epochs = _timm_schedule(optimizer, section, training.epochs, updates, seed)
        except (ValueError, AssertionError) as error:
            msg = f"training.lr_scheduler: {section.sched} refuses its settings: {error}"
            raise UserError(msg, hint="Change the setting that the message names.") from error
        if self._scheduler is None:
            msg = f"training.lr_scheduler.sched: the installed timm has no schedule {section.sched}."
            raise UserError(msg, hint="Update timm, or choose another schedule.")

    def begin_epoch(self, epoch: int) -> None:
        """Set the rate of the epoch."""
        self._scheduler.step(epoch)
        if self._by_updates:
            self._scheduler.step_update(epoch * self._updates_per_epoch)

    def after_update(self, updates: int) -> None:
        """Set the rate of the next update when the schedule goes by updates."""
        if self._by_updates:
            self._scheduler.step_update(updates)

    def end_epoch(self, epoch: int, measured: Mapping[str, MetricValue]) -> None:
        """Do nothing."""

    def state(self) -> dict[str, Any]:
        """Return nothing: the rate is a function of the epoch."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""


def _timm_schedule(
    optimizer: torch.optim.Optimizer, section: LrSchedulerSection, epochs: int, updates: int, seed: int
) -> tuple[Any, int]:
    share = section.sched in ("wsd", "rsqrt")
    schedule: tuple[Any, int] = create_scheduler_v2(
        optimizer,
        sched=section.sched,
        num_epochs=epochs,
        decay_epochs=section.decay_epochs or (DECAY_SHARE if share else STEP_EPOCHS),
        decay_milestones=list(section.decay_milestones),
        cooldown_epochs=section.cooldown_epochs,
        decay_rate=section.decay_rate,
        min_lr=section.min_lr,
        warmup_lr=section.warmup_lr,
        warmup_epochs=section.warmup_epochs,
        warmup_prefix=section.warmup_prefix,
        noise=section.lr_noise,
        noise_pct=section.lr_noise_pct,
        noise_std=section.lr_noise_std,
        noise_seed=seed % (1 << 31),
        cycle_mul=section.lr_cycle_mul,
        cycle_decay=section.lr_cycle_decay,
        cycle_limit=section.lr_cycle_limit,
        k_decay=section.lr_k_decay,
        step_on_epochs=not section.sched_on_updates,
        updates_per_epoch=updates,
    )
    return schedule


@dataclass(slots=True)
class PlateauRate:
    """Multiply the rate by a factor after `limit` epochs without improvement, after a linear warm-up."""

    optimizer: torch.optim.Optimizer
    rate: float
    epochs: int
    metric: str
    higher: bool
    factor: float
    limit: int
    cooldown: int
    min_rate: float
    threshold: float
    relative: bool
    """Whether the threshold is a share of the best value."""
    warmup_epochs: int = 0
    warmup_rate: float = 0.0
    shown: bool = True
    """Whether reductions are shown on the screen."""
    best: float | None = None
    bad: int = 0
    cooling: int = 0

    def begin_epoch(self, epoch: int) -> None:
        """Set the rate of the warm-up or the current one."""
        if epoch < self.warmup_epochs:
            share = epoch / self.warmup_epochs
            set_rate(self.optimizer, self.warmup_rate + share * (self.rate - self.warmup_rate))
        else:
            set_rate(self.optimizer, self.rate)

    def after_update(self, updates: int) -> None:
        """Do nothing."""

    def end_epoch(self, epoch: int, measured: Mapping[str, MetricValue]) -> None:
        """Compare the metric with the best so far and lower the rate when it is time."""
        if epoch < self.warmup_epochs:
            return
        value = measured[self.metric].value
        margin = self.threshold * abs(self.best or 0.0) if self.relative else self.threshold
        better = improves(value, self.best, higher=self.higher, margin=margin)
        if better:
            self.best = value
        if self.cooling > 0:
            self.cooling -= 1
            self.bad = 0
            return
        self.bad = 0 if better else self.bad + 1
        if self.bad >= self.limit and self.rate > self.min_rate:
            self.rate = max(self.rate * self.factor, self.min_rate)
            self.bad, self.cooling = 0, self.cooldown
            text = "Learning rate lowered to %g: %s no longer improves."
            log.info(text, self.rate, self.metric, extra={"screen": self.shown})

    def state(self) -> dict[str, Any]:
        """Return rate, best value and counters."""
        return {"rate": self.rate, "best": self.best, "bad": self.bad, "cooling": self.cooling}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.rate, self.best = state["rate"], state["best"]
        self.bad, self.cooling = state["bad"], state["cooling"]


@dataclass(slots=True)
class FormulaRate:
    """Compute the rate of each epoch from its number and the rate before, by the user's formula."""

    optimizer: torch.optim.Optimizer
    rate: float
    epochs: int
    formula: Schedule

    def begin_epoch(self, epoch: int) -> None:
        """Set the rate of the epoch.

        Raises:
            UserError: When the formula gives no positive number.
        """
        try:
            rate = float(self.formula(epoch, self.rate))
        except (ValueError, ArithmeticError) as error:
            msg = f"training.callbacks.LearningRateScheduler.schedule fails for epoch {epoch}: {error}"
            raise UserError(msg) from error
        if not 0.0 <= rate < float("inf"):
            msg = f"training.callbacks.LearningRateScheduler.schedule gives {rate} for epoch {epoch}."
            raise UserError(msg, hint="A learning rate is a number that is not negative.")
        self.rate = rate
        set_rate(self.optimizer, rate)

    def after_update(self, updates: int) -> None:
        """Do nothing."""

    def end_epoch(self, epoch: int, measured: Mapping[str, MetricValue]) -> None:
        """Do nothing."""

    def state(self) -> dict[str, Any]:
        """Return the current rate."""
        return {"rate": self.rate}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.rate = state["rate"]


def build_rate(
    optimizer: torch.optim.Optimizer,
    training: TrainingSection,
    rate: float,
    *,
    updates_per_epoch: int,
    seed: int,
    monitor: MetricValue,
    measured: Mapping[str, MetricValue],
) -> LearningRate:
    """Build the schedule that the `training` section asks for; a callback goes before `lr_scheduler`.

    Raises:
        UserError: When a monitored metric does not exist, or timm refuses the schedule.
    """
    section = training.lr_scheduler
    if training.callbacks.LearningRateScheduler is not None:
        return FormulaRate(optimizer, rate, training.epochs, training.callbacks.LearningRateScheduler.schedule)
    if training.callbacks.ReduceLROnPlateau is not None:
        reduce = training.callbacks.ReduceLROnPlateau
        metric = plateau_metric(reduce, monitor, measured)
        return PlateauRate(
            optimizer,
            rate,
            training.epochs,
            metric=metric.name,
            higher=is_higher_better(metric, reduce.mode),
            factor=reduce.factor,
            limit=max(reduce.patience, 1),
            cooldown=reduce.cooldown,
            min_rate=reduce.min_lr,
            threshold=reduce.min_delta,
            relative=False,
            shown=bool(reduce.verbose),
        )
    if section.builder is not None:
        own: LearningRate = section.builder.load()(optimizer, training, rate, updates_per_epoch)
        return own
    if section.sched == "plateau":
        return PlateauRate(
            optimizer,
            rate,
            training.epochs,
            metric=monitor.name,
            higher=monitor.higher_is_better,
            factor=section.decay_rate,
            limit=section.patience_epochs + 1,
            cooldown=section.cooldown_epochs,
            min_rate=section.min_lr,
            threshold=PLATEAU_THRESHOLD,
            relative=True,
            warmup_epochs=section.warmup_epochs,
            warmup_rate=section.warmup_lr,
        )
    if section.sched == "none":
        return ConstantRate(optimizer, rate, training.epochs)
    return TimmRate(optimizer, training, updates_per_epoch, seed)


def plateau_metric(
    section: ReduceOnPlateauSection, monitor: MetricValue, measured: Mapping[str, MetricValue]
) -> MetricValue:
    """Return the metric that `ReduceLROnPlateau` looks at; the one that decides on the best weights when none is named.

    Raises:
        UserError: When the named metric does not exist.
    """
    if section.monitor is None:
        return monitor
    return find_metric(section.monitor, measured, "training.callbacks.ReduceLROnPlateau.monitor")
