"""Own the learning rates of YOLOX and of SSD over a training, as functions of the updates done."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from zoo_core.results import MetricValue
from zoo_core.training.schedule import set_rate
from zoo_detection.config.training import SsdTrainingSection, YolodTrainingSection

Curve = Callable[[float], float]
"""Return the learning rate after a number of updates."""

QUADRATIC = 2
LINEAR = 1


@dataclass(slots=True)
class CurveRate:
    """Set the rate of every update by a curve; the same curve serves a training that is resumed."""

    optimizer: torch.optim.Optimizer
    epochs: int
    updates_per_epoch: int
    curve: Curve
    _epoch: int = 0

    def begin_epoch(self, epoch: int) -> None:
        """Set the rate of the first update of an epoch."""
        self._epoch = epoch
        set_rate(self.optimizer, self.curve(epoch * self.updates_per_epoch))

    def after_update(self, updates: int) -> None:
        """Set the rate of the next update."""
        inside = (updates - 1) % self.updates_per_epoch + 1
        set_rate(self.optimizer, self.curve(self._epoch * self.updates_per_epoch + inside))

    def end_epoch(self, epoch: int, measured: Mapping[str, MetricValue]) -> None:
        """Do nothing."""

    def state(self) -> dict[str, Any]:
        """Return nothing: the rate is a function of the updates."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""


def yolod_rate(
    optimizer: torch.optim.Optimizer, training: YolodTrainingSection, rate: float, updates_per_epoch: int
) -> CurveRate:
    """Build the schedule of a training by the recipe of YOLOX.

    Z. Ge et al., "YOLOX: Exceeding YOLO series in 2021", arXiv 2107.08430: a quadratic warm-up, a cosine, and the
    lowest rate while augmentation is off. There is no second, unlabelled data set here, so `yoloxsemiwarmcos` equals
    `yoloxwarmcos`.
    """
    section = training.lr_scheduler
    total = training.epochs * updates_per_epoch
    warm = section.warmup_epochs * updates_per_epoch
    curve: Curve
    if section.sched == "multistep":
        curve = _steps(rate, section.decay_rate, section.decay_milestones, updates_per_epoch)
    elif section.sched == "cos":
        curve = _cosine(rate, 0.0, 0, total)
    elif section.sched == "warmcos":
        curve = _warmed(_cosine(rate, 0.0, warm, total), rate, section.warmup_lr, warm, LINEAR)
    else:
        flat = total - training.plain_epochs * updates_per_epoch
        if flat <= warm:  # a training that is plain throughout falls over its whole length
            flat = total
        lowest = rate * section.min_lr_ratio
        curve = _warmed(_cosine(rate, lowest, warm, flat), rate, section.warmup_lr, warm, QUADRATIC)
    return CurveRate(optimizer, training.epochs, updates_per_epoch, curve)


def ssd_rate(
    optimizer: torch.optim.Optimizer, training: SsdTrainingSection, rate: float, updates_per_epoch: int
) -> CurveRate:
    """Build the schedule of a training of an SSD; `cosine` stays at its end after `t_max` epochs."""
    section = training.lr_scheduler
    warm = section.warmup_epochs * updates_per_epoch
    curve: Curve
    if section.sched == "constant":
        curve = _steps(rate, 1.0, (), updates_per_epoch)
    elif section.sched == "cosine":
        epochs = section.t_max or training.epochs
        curve = _cosine(rate, section.min_lr, 0, epochs * updates_per_epoch)
    else:
        curve = _steps(rate, section.decay_rate, section.decay_milestones, updates_per_epoch)
    return CurveRate(
        optimizer, training.epochs, updates_per_epoch, _warmed(curve, rate, section.warmup_lr, warm, LINEAR)
    )


def _cosine(high: float, low: float, start: float, end: float) -> Curve:
    """Return half a cosine from `high` at `start` to `low` at `end`, and `low` from there on."""

    def curve(update: float) -> float:
        if update >= end:
            return low
        share = max(0.0, update - start) / (end - start)
        return low + 0.5 * (high - low) * (1.0 + math.cos(math.pi * share))

    return curve


def _steps(rate: float, factor: float, milestones: tuple[int, ...], updates_per_epoch: int) -> Curve:
    """Return a rate that is multiplied by a factor when each milestone, in epochs, is reached."""
    return lambda update: rate * factor ** sum(update >= epoch * updates_per_epoch for epoch in milestones)


def _warmed(curve: Curve, rate: float, first: float, updates: int, power: int) -> Curve:
    """Return a curve that begins by rising from `first` to `rate` over some updates."""

    def warmed(update: float) -> float:
        if update < updates:
            return first + (rate - first) * (update / updates) ** power
        return curve(update)

    return warmed
