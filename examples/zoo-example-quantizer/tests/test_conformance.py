"""Check zoo-example-quantizer with the tests that zoo has for every plugin and every quantizer."""

from typing import Any, ClassVar

from zoo_core.testing.conformance import PluginConformance, QuantizerConformance


class TestPlugin(PluginConformance):
    """Check the distribution: quick to load, sound names, references that exist."""

    distribution = "zoo-example-quantizer"


class TestQuantizer(QuantizerConformance):
    """Check the quantizer: its models are valid, small, and compute nearly the same."""

    quantizer = "example_quantizer"


class TestQuantizerWithFloatEnds(QuantizerConformance):
    """Check the quantizer with the first and the last layer in float."""

    quantizer = "example_quantizer"
    quantization: ClassVar[dict[str, Any]] = {"keep_float": "both"}
