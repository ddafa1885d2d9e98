"""Check zoo-example-model with the tests that zoo has for every plugin and every model."""

from typing import Any, ClassVar

from zoo_core.testing.conformance import ModelConformance, PluginConformance


class TestPlugin(PluginConformance):
    """Check the distribution: quick to load, sound names, references that exist."""

    distribution = "zoo-example-model"


class TestModel(ModelConformance):
    """Check the model: it learns, is exported, quantized, and built for other sizes."""

    model = "example_model"
    section: ClassVar[dict[str, Any]] = {"width": 8}
