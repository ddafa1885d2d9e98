"""Own what stands for a use case where none is needed: a model file that is only measured on a board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo_core.artifacts import InputSpec
from zoo_core.protocols import ModelInfo
from zoo_core.results import MetricValue


class UnknownPreprocessing:
    """Know the size of the input and nothing of how images become one."""

    def __init__(self, input: InputSpec) -> None:
        """Take the size of the model's input."""
        self.input = input

    def to_metadata(self) -> dict[str, Any]:
        """Return nothing, which contradicts no model."""
        return {}


class BareModel:
    """Stand for the use case of a model that is measured and neither trained nor judged."""

    outputs_are_classes = False

    def __init__(self, model: ModelInfo) -> None:
        """Take what is known of the model."""
        self.preprocessing = UnknownPreprocessing(model.input)

    def model_options(self) -> Mapping[str, Any]:
        """Return nothing."""
        return {}

    def check_outputs(self, shapes: Sequence[tuple[int | None, ...]]) -> tuple[str, ...]:
        """Find nothing wrong with any outputs."""
        return ()

    def metric_key(self, metric: MetricValue) -> str | None:
        """Return no other name of a metric."""
        return None


def build(config: Any, model: ModelInfo) -> BareModel:
    """Return the object for one run; the configuration says nothing to it."""
    return BareModel(model)
