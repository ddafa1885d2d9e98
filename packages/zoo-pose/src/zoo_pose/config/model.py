"""Own the `model` section of pose estimators."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import field_validator, model_validator

from zoo_core.config.sections import ModelSection, PositiveFloat
from zoo_core.names import did_you_mean, split_qualified
from zoo_pose.models.table import GENERIC, MOVENET, MOVENET_FULL, STRIDE
from zoo_pose.names import MODEL_TYPES


class PoseModelSection(ModelSection):
    """Choose a pose estimator, and how its last layer answers."""

    alpha: PositiveFloat | None = None
    """Width of the MobileNetV2 backbone of `st_movenet_lightning_heatmaps`, as a factor; 1.0 when absent."""
    backbone: str | None = None
    """Name of a timm model whose features the generic model `heatmaps` is built on."""
    final_activation: Literal["sigmoid", "softmax", "empty"] = "sigmoid"
    """What heat maps pass through at the end: each number alone, each map as a whole, or nothing."""

    @model_validator(mode="after")
    def _check_name(self) -> Self:
        """Refuse what the named model does not take, before any data is read."""
        name = split_qualified(self.model_name or "")[1].casefold()
        if name not in (MOVENET, MOVENET_FULL, GENERIC):
            return self
        problems = []
        if self.input_shape is not None and any(side % STRIDE for side in self.input_shape[1:]):
            found = "x".join(str(side) for side in self.input_shape[1:])
            problems.append(f"input_shape: {name} takes multiples of {STRIDE} pixels, found {found}")
        if name == GENERIC:
            if self.backbone is None:
                problems.append(f"backbone: {name} needs the name of a timm model, such as resnet18")
            if self.alpha is not None:
                problems.append(f"alpha: the width of {name} is that of its backbone; it is a key of {MOVENET}")
        elif self.backbone is not None:
            problems.append(f"backbone: {name} has its own; {GENERIC} takes one")
        if name == MOVENET_FULL and self.alpha not in (None, 1.0):
            problems.append(f"alpha: {name} has the width 1; {MOVENET} takes others")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @field_validator("model_type")
    @classmethod
    def _check_type(cls, value: str | None) -> str | None:
        if value is not None and value not in MODEL_TYPES:
            near = did_you_mean(value, MODEL_TYPES) or f"known are {', '.join(MODEL_TYPES)}"
            msg = f'there is no model type "{value}"; {near}'
            raise ValueError(msg)
        return value
