"""Own what is done with a validation metric: finding it by the name users know, keeping the best, stopping early."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zoo_core.config.sections import EarlyStoppingSection
from zoo_core.errors import UserError
from zoo_core.names import did_you_mean
from zoo_core.results import MetricValue

LOSS = "loss"
TRAIN_LOSS = "train_loss"

_SYNONYMS = {
    "accuracy": "top1",
    "acc": "top1",
    "acc1": "top1",
    "top_1": "top1",
    "categorical_accuracy": "top1",
    "sparse_categorical_accuracy": "top1",
    "acc5": "top5",
    "top_5": "top5",
    "top_k_categorical_accuracy": "top5",
}
"""Names of Keras and timm for the names of our metrics."""


def plain_name(asked: str) -> str:
    """Return our name for a metric: `val_accuracy` is `top1`, `val_loss` is `loss`."""
    name = asked.strip().lower().removeprefix("validation_").removeprefix("val_")
    return _SYNONYMS.get(name, name)


def find_metric(asked: str, measured: Mapping[str, MetricValue], key: str) -> MetricValue:
    """Return the metric a user asks for by our name, or by Keras's or timm's; `key` is where the name was given.

    Raises:
        UserError: When the use case does not measure it.
    """
    for name in (asked, plain_name(asked)):
        if name in measured:
            return measured[name]
    hint = did_you_mean(plain_name(asked), measured) or f"Measured are: {', '.join(measured)}."
    msg = f'{key}: there is no metric "{asked}".'
    raise UserError(msg, hint=hint)


def is_higher_better(metric: MetricValue, mode: str) -> bool:
    """Return the direction: that of the metric, unless `mode` is `min` or `max`."""
    return metric.higher_is_better if mode == "auto" else mode == "max"


def improves(value: float, reference: float | None, *, higher: bool, margin: float = 0.0) -> bool:
    """Tell whether a value is better than a reference by more than a margin; NaN never is, anything beats nothing."""
    if math.isnan(value):
        return False
    if reference is None:
        return True
    return value - margin > reference if higher else value + margin < reference


@dataclass(slots=True)
class EarlyStopping:
    """Count the epochs without improvement and say when to stop, as Keras's callback of this name does."""

    section: EarlyStoppingSection
    metric: str
    higher: bool
    best: float | None = None
    wait: int = 0

    def stops(self, epoch: int, value: float) -> bool:
        """Take the metric of an epoch, counted from 0, and tell whether training ends with it."""
        if epoch < self.section.start_from_epoch:
            return False
        margin = self.section.min_delta
        self.wait += 1
        if improves(value, self.best, higher=self.higher, margin=margin):
            self.best = value
            if self.section.baseline is None or improves(
                value, self.section.baseline, higher=self.higher, margin=margin
            ):
                self.wait = 0
            return False
        return self.wait >= self.section.patience and epoch > 0

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"best": self.best, "wait": self.wait}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.best, self.wait = state["best"], state["wait"]
