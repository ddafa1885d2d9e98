"""Own the running of a graph that also returns tensors from its inside, one image at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from zoo_core.export.onnx_file import describe_graph
from zoo_core.export.runtime import open_runtime
from zoo_core.inference.session import as_model_input

Values = Mapping[str, npt.NDArray[Any]]
"""Tensor name -> value, with the batch axis."""


class TappedModel:
    """Run a model on single images and return named tensors of its graph.

    Nothing is fused or simplified, so that every tensor exists and quantized layers are computed as their nodes say.
    """

    def __init__(self, model: onnx.ModelProto, tensors: Sequence[str], *, threads: int | None = None) -> None:
        self.tensors = tuple(dict.fromkeys(tensors))
        self._info = describe_graph(model, Path("model"))
        tapped = onnx.ModelProto()
        tapped.CopyFrom(model)
        present = {value.name for value in tapped.graph.output}
        tapped.graph.output.extend(onnx.ValueInfoProto(name=name) for name in self.tensors if name not in present)
        self._session = open_runtime(tapped.SerializeToString(), threads=threads, optimised=False)

    def run(self, image: npt.NDArray[np.float32]) -> Values:
        """Return the tapped tensors for one image of shape (1, C, H, W).

        Raises:
            onnxruntime.capi.onnxruntime_pybind11_state.Fail: When the image does not fit the model.
        """
        images = np.repeat(image, self._info.batch or 1, axis=0)
        feed = {self._info.inputs[0].name: as_model_input(self._info, images)}
        found = self._session.run(list(self.tensors), feed)
        return dict(zip(self.tensors, (np.asarray(value) for value in found), strict=True))
