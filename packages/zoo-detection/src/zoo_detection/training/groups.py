"""Own the learning rates of the parts of a detector, as shares of the whole."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from zoo_core.config.sections import TrainingSection
from zoo_core.errors import UserError
from zoo_detection.config.training import SsdTrainingSection, YolodTrainingSection

PRETRAINED = "pretrained_weights"
"""Attribute of a detector that says whether it began with published weights."""
USUAL = {"backbone": 0.2, "neck": 0.8}
"""Shares of the parts of an ST_YOLOD that begins with published weights."""


def shares(model: nn.Module, training: TrainingSection) -> Callable[[str], float]:
    """Return the share of the learning rate of a parameter, by the part of the detector that it belongs to.

    Raises:
        UserError: When the model has no part that a rate is given for.
    """
    wanted = _of_parts(training, pretrained=bool(getattr(model, PRETRAINED, False)))
    parts = {name for name, _ in model.named_children()}
    absent = [f"training.{key}" for part, (key, share) in wanted.items() if part not in parts and share != 1.0]
    if absent:
        msg = f"{', '.join(absent)}: the model has no such part; it has {', '.join(sorted(parts))}."
        raise UserError(msg, hint="Use the trainer of this family of models, or set these shares to 1.")
    table = {part: share for part, (_, share) in wanted.items()}
    return lambda name: table.get(name.partition(".")[0], 1.0)


def _of_parts(training: TrainingSection, *, pretrained: bool) -> dict[str, tuple[str, float]]:
    """Return for a part of the model the key that sets its rate, and its share."""
    if isinstance(training, YolodTrainingSection):
        asked = {"backbone": training.backbone_lr_ratio, "neck": training.neck_lr_ratio}
        usual = USUAL if pretrained else {}
        return {
            part: (f"{part}_lr_ratio", usual.get(part, 1.0) if ratio is None else ratio)
            for part, ratio in asked.items()
        }
    rate = training.lr_scheduler.lr
    if isinstance(training, SsdTrainingSection) and rate:
        return {
            "backbone": ("base_net_lr", (training.base_net_lr or rate) / rate),
            "extras": ("extra_layers_lr", (training.extra_layers_lr or rate) / rate),
        }
    return {}
