"""Own what the log file says of a training while it runs: a line every so many batches, and one per epoch."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from zoo_core.config.sections import CallbacksSection
from zoo_core.results import MetricValue
from zoo_core.training.monitor import TRAIN_LOSS

log = logging.getLogger("zoo")

FILE_ONLY = {"screen": False}
"""For lines that the screen shows in another form, as a bar."""


@dataclass(slots=True)
class Journal:
    """Write the lines of one training."""

    epochs: int
    callbacks: CallbacksSection
    _images: int = 0
    _since: float = field(default_factory=time.monotonic)

    def begin_epoch(self, epoch: int, rate: float) -> None:
        """Tell the learning rate of an epoch, counted from 0."""
        self._images, self._since = 0, time.monotonic()
        schedule = self.callbacks.LearningRateScheduler
        shown = schedule is not None and schedule.verbose > 0
        log.info("Epoch %d/%d: learning rate %.4g", epoch + 1, self.epochs, rate, extra={"screen": shown})

    def count(self, images: int) -> None:
        """Count the images of a batch."""
        self._images += images

    def batch(self, epoch: int, done: int, batches: int, loss: float, rate: float) -> None:
        """Tell how far an epoch is: batches done, loss of the last one, images per second since the last line."""
        now = time.monotonic()
        speed = self._images / max(now - self._since, 1e-9)
        text = "Epoch %d/%d, batch %d/%d: loss %.4g, learning rate %.4g, %.0f images/s"
        log.info(text, epoch + 1, self.epochs, done, batches, loss, rate, speed, extra=FILE_ONLY)
        self._images, self._since = 0, now

    def end_epoch(self, epoch: int, measured: Mapping[str, MetricValue], seconds: float, *, better: bool) -> None:
        """Tell what was measured after an epoch."""
        values = ", ".join(
            f"{metric.name} {metric.value:.4g}" for name, metric in measured.items() if name != TRAIN_LOSS
        )
        values = f"validation: {values}" if values else "no validation"
        text = "Epoch %d/%d: training loss %.4g; %s; %.1f s%s"
        best = ", the best so far" if better else ""
        loss = measured[TRAIN_LOSS].value
        checkpoint = self.callbacks.ModelCheckpoint
        shown = better and checkpoint is not None and checkpoint.verbose > 0
        log.info(text, epoch + 1, self.epochs, loss, values, seconds, best, extra={"screen": shown})
