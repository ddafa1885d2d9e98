"""Own the `model` section of detectors."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import field_validator, model_validator

from zoo_core.config.sections import ModelSection, PositiveFloat
from zoo_core.names import did_you_mean
from zoo_detection.names import MODEL_TYPES, YOLOD

YOLOD_NAMES = "st_yolodv2"
GENERIC_NAMES = ("ssd", "ssdlite", YOLOD)
STRIDE = 32
"""Pixels between the cells of the coarsest map of ST_YOLOD."""


class DetectionModelSection(ModelSection):
    """Choose a detector, and how it is exported."""

    width_mult: PositiveFloat = 1.0
    """Width of an SSD's backbone: the factor of its numbers of channels."""
    backbone: str | None = None
    """Name of a timm model whose features the generic detectors `ssd`, `ssdlite` and `st_yolod` are built on."""
    depth: PositiveFloat | None = None
    """Depth of the neck of the generic `st_yolod`: the factor of its numbers of blocks; 0.33 when absent."""
    width: PositiveFloat | None = None
    """Width of neck and head of the generic `st_yolod`: the factor of their numbers of channels; 0.25 when absent."""
    act: Literal["relu", "silu", "lrelu", "hswish"] | None = None
    """Activation of neck and head of ST_YOLOD; `silu` when absent."""
    decode: Literal["outside", "inside"] = "outside"
    """Where exported models decode boxes: `outside` gives raw numbers, `inside` gives boxes in shares of the image."""

    @model_validator(mode="after")
    def _check_name(self) -> Self:
        """Refuse what the named detector does not take, before any data is read."""
        problems = []
        name = self.model_name or ""
        sized, generic = name.startswith(YOLOD_NAMES), name in GENERIC_NAMES
        shape = self.input_shape
        if (sized or name == YOLOD) and shape is not None and any(side % STRIDE for side in shape[1:]):
            found = "x".join(str(side) for side in shape[1:])
            problems.append(f"input_shape: {name} takes multiples of {STRIDE} pixels, found {found}")
        if name and not generic:
            own = ("backbone", "depth", "width") if sized else ("backbone",)
            problems += [f"{key}: {name} has its own" for key in own if getattr(self, key) is not None]
        if generic and self.backbone is None:
            problems.append(f"backbone: {name} needs the name of a timm model, such as resnet18")
        if (sized or name == YOLOD) and self.width_mult != 1.0:
            problems.append(f"width_mult: {name} has one width only; it is a key of SSD")
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
