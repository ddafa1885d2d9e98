"""Own the `model` section of detectors."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from zoo_core.config.sections import ModelSection, PositiveFloat
from zoo_core.names import did_you_mean
from zoo_detection.names import MODEL_TYPES


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

    @field_validator("model_type")
    @classmethod
    def _check_type(cls, value: str | None) -> str | None:
        if value is not None and value not in MODEL_TYPES:
            near = did_you_mean(value, MODEL_TYPES) or f"known are {', '.join(MODEL_TYPES)}"
            msg = f'there is no model type "{value}"; {near}'
            raise ValueError(msg)
        return value
