"""Own what a family of detectors is: how the outputs of its models are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from zoo_core.artifacts import InputSpec
from zoo_detection.detections import Detections

Outputs = Sequence[npt.NDArray[np.float32]]
"""Every output of a model for N images, each with N rows."""
Shapes = Sequence[tuple[int | None, ...]]
"""Shape of every output, N first; sizes that the file leaves open are `None`."""


class Family(Protocol):
    """Read the outputs of models that share a form; holds the input size and the number of classes it was made for."""

    name: str
    """Name that `model.model_type` and the metadata of exported models give."""
    input: InputSpec
    classes: int

    def candidates(self, outputs: Outputs, threshold: float) -> list[Detections]:
        """Return, for each image, every box whose score is at least the threshold, before suppression, in any order.

        Boxes are in pixels of the model's input and may reach over its borders.
        """
        ...

    def check(self, shapes: Shapes) -> tuple[str, ...]:
        """Return what is wrong with the shapes of a model's outputs, as sentences."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return the JSON-able facts that decoders on devices need: strides, anchors, variances, numbers of boxes."""
        ...
