"""Own the learning rate of a training before it is run: what the schedule will set, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from zoo_core.config.lr_scheduler_section import PLATEAU
from zoo_core.config.sections import TrainingSection
from zoo_core.errors import UserError
from zoo_core.results import MetricValue
from zoo_core.training.optimizer import learning_rate
from zoo_core.training.schedule import build_rate, current_rate

UPDATES = 20
"""Points drawn in an epoch when the schedule goes by updates; how many updates there are depends on the data."""
NO_METRIC = MetricValue(name="none", value=0.0)


@dataclass(frozen=True, slots=True)
class RateCurve:
    """Hold the learning rates of a training."""

    epochs: tuple[float, ...]
    """Where each rate is set: epochs that are done by then, from 0."""
    rates: tuple[float, ...]
    length: int
    """Number of the last epoch, counted from 1."""

    def of_epochs(self) -> tuple[tuple[int, float], ...]:
        """Return each epoch, counted from 1, with the rate that it begins with."""
        points = zip(self.epochs, self.rates, strict=True)
        return tuple((int(epoch) + 1, rate) for epoch, rate in points if epoch.is_integer())


def rate_curve(training: TrainingSection, seed: int) -> RateCurve:
    """Compute the learning rates that a `training` section stands for.

    Raises:
        UserError: When they depend on what is measured in the training, or a schedule refuses its settings.
    """
    refuse_plateau(training)
    rate = learning_rate(training, training.devices * training.num_nodes)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    section = training.lr_scheduler
    by_updates = section.sched_on_updates or section.builder is not None
    schedule = build_rate(
        optimizer, training, rate, updates_per_epoch=UPDATES, seed=seed, monitor=NO_METRIC, measured={}
    )
    epochs: list[float] = []
    rates: list[float] = []
    for epoch in range(section.start_epoch or 0, schedule.epochs):
        schedule.begin_epoch(epoch)
        for update in range(UPDATES if by_updates else 1):
            epochs.append(epoch + update / UPDATES)
            rates.append(current_rate(optimizer))
            schedule.after_update(epoch * UPDATES + update + 1)
    return RateCurve(tuple(epochs), tuple(rates), schedule.epochs)


def refuse_plateau(training: TrainingSection) -> None:
    """Refuse a schedule that goes by a metric.

    Raises:
        UserError: Naming the key.
    """
    callback = training.callbacks.ReduceLROnPlateau is not None
    if not callback and (
        training.lr_scheduler.sched != PLATEAU or training.callbacks.LearningRateScheduler is not None
    ):
        return
    key = "training.callbacks.ReduceLROnPlateau" if callback else f"training.lr_scheduler.sched: {PLATEAU}"
    msg = f"{key} lowers the learning rate when a metric no longer improves, so it cannot be drawn before the training."
    raise UserError(msg, hint="After the training the column lr of summary.csv holds it.")
