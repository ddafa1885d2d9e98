"""Own the proof that a changed graph computes what it did before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx

from zoo_core.errors import DataError
from zoo_core.protocols import CalibrationData
from zoo_core.quantization.tapping import TappedModel

IMAGES = 8
"""Calibration images that are compared, evenly spread."""
TOLERANCE = 1e-4
"""Largest difference, as a share of the largest magnitude of an output."""


class Parity:
    """Compare versions of a model with what it computed at first, on some calibration images.

    Raises:
        DataError: When there are no images.
    """

    def __init__(self, model: onnx.ModelProto, calibration: CalibrationData) -> None:
        self._outputs = [output.name for output in model.graph.output]
        stride = max(1, len(calibration) // IMAGES)
        chosen = (image for index, image in enumerate(calibration) if index % stride == 0)
        self.images = [image for _, image in zip(range(IMAGES), chosen, strict=False)]
        if not self.images:
            raise DataError("There are no images to equalize with.", hint="Set dataset.quantization_path.")
        self._wanted = self._run(model)
        self._largest = [
            max(float(np.abs(values[index]).max(initial=0.0)) for values in self._wanted) or 1.0
            for index in range(len(self._outputs))
        ]

    def difference(self, model: onnx.ModelProto) -> float:
        """Return the largest difference in any output, as a share of that output's largest magnitude."""
        worst = 0.0
        for wanted, found in zip(self._wanted, self._run(model), strict=True):
            for one, other, largest in zip(wanted, found, self._largest, strict=True):
                gap = float(np.abs(one.astype(np.float64) - other).max(initial=0.0)) / largest
                worst = gap if not gap <= worst else worst
        return worst

    def _run(self, model: onnx.ModelProto) -> list[list[npt.NDArray[np.float32]]]:
        tapped = TappedModel(model, self._outputs)
        return [[found[name] for name in self._outputs] for found in map(tapped.run, self.images)]
