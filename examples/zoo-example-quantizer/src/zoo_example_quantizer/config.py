"""Own the keys that the `quantization` section takes for example_quantizer."""

from typing import Literal

from zoo_core.config.sections import QuantizationSection


class FloatEndsSection(QuantizationSection):
    """Choose what is quantized."""

    quantizer: str = "example_quantizer"
    """Name as listed by `zoo list quantizers`."""
    keep_float: Literal["none", "first", "last", "both"] = "none"
    """Layers with weights that stay in float: the ends of a network lose most, and have few weights."""
