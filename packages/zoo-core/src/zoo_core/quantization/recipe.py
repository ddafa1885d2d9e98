"""Own the recipe: everything that decides how one float model becomes one quantized model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

SUFFIXES = {"per_channel": "_quant_qdq_pc", "per_tensor": "_quant_qdq_pt"}
GRANULARITY_TEXT = {"per_channel": "per channel", "per_tensor": "per tensor"}
WIDE_TYPES = {"Int8": "Int16", "UInt8": "UInt16"}
"""Activation type -> its 16-bit counterpart."""
NARROW_TYPES = {"Int8": "Int4", "UInt8": "UInt4"}
"""Weight type -> its 4-bit counterpart."""
WIDE_OPSET = 21
"""First opset whose QuantizeLinear and DequantizeLinear know 4-bit and 16-bit integers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Say how a model is quantized; equal recipes give equal models."""

    granularity: str
    """`per_channel` or `per_tensor`."""
    weight_type: str
    activation_type: str
    calibrate_method: str
    equalize: bool = False
    """Rescale channels between layers before quantization."""
    correct_biases: bool = False
    learn_rounding: bool = False
    float_nodes: tuple[str, ...] = ()
    """Nodes that stay floating point, beside those that the user excludes."""
    wide_nodes: tuple[str, ...] = ()
    """Nodes whose activations have 16 bits."""
    narrow_weights: tuple[str, ...] = ()
    """Weights of 4 bits."""

    @property
    def suffix(self) -> str:
        """Return what the file name of such a model ends in."""
        return SUFFIXES[self.granularity]

    @property
    def cured(self) -> bool:
        """Tell whether anything is done against the loss, so that operators are placed with care too."""
        return self.equalize or self.correct_biases

    @property
    def wide(self) -> bool:
        """Tell whether the model needs operators of opset 21."""
        return bool(self.wide_nodes or self.narrow_weights)

    @property
    def key(self) -> str:
        """Return a short name that no other recipe has."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:12]

    def describe(self) -> str:
        """Return the recipe in a few words, such as `per tensor, mse ranges, equalization, bias correction`."""
        parts = [GRANULARITY_TEXT[self.granularity], f"{self.calibrate_method} ranges"]
        parts += [
            text
            for text, used in (
                ("equalization", self.equalize),
                ("bias correction", self.correct_biases),
                ("learned rounding", self.learn_rounding),
                (f"{len(self.wide_nodes)} layers of 16 bits", self.wide_nodes),
                (f"{len(self.float_nodes)} layers in float", self.float_nodes),
                (f"{len(self.narrow_weights)} weights of 4 bits", self.narrow_weights),
            )
            if used
        ]
        return ", ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-able form."""
        return asdict(self)
