"""Own the building of small networks for the tests of equalization."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

Build = Callable[..., onnx.ModelProto]


@pytest.fixture
def build() -> Build:
    """Return a function that builds a checked model from nodes and constants."""

    def make(
        nodes: Sequence[onnx.NodeProto],
        constants: Mapping[str, Any],
        shape: Sequence[int | str] = ("batch", 3, 8, 8),
        outputs: Sequence[str] = ("output",),
        opset: int = 17,
    ) -> onnx.ModelProto:
        graph = helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, list(shape))],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            [
                numpy_helper.from_array(value if value.dtype == np.int64 else value.astype(np.float32), name)
                for name, value in ((name, np.asarray(value)) for name, value in constants.items())
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        for index, node in enumerate(model.graph.node):
            node.name = node.name or f"{node.op_type}_{index}"
        model = onnx.shape_inference.infer_shapes(model)
        onnx.checker.check_model(model)
        return model

    return make


@pytest.fixture
def run() -> Callable[[onnx.ModelProto, np.ndarray], list[np.ndarray]]:
    """Return a function that runs a model on images."""
    from zoo_core.export.runtime import open_runtime

    def outputs(model: onnx.ModelProto, images: np.ndarray) -> list[np.ndarray]:
        return open_runtime(model.SerializeToString(), threads=1).run(None, {"input": images})

    return outputs
