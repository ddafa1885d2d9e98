"""Own the building of small graphs, and their quantization without calibration of more than a few inputs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_core.quantization.tapping import TappedModel

Array = np.ndarray[Any, Any]


def build_graph(
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, Array],
    *,
    inputs: Mapping[str, Sequence[int]],
    outputs: Sequence[str],
    opset: int = 17,
) -> onnx.ModelProto:
    """Build a checked model of float tensors; a node without a name gets that of its output."""
    for node in nodes:
        node.name = node.name or f"{node.output[0]}_node"
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    model = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    onnx.checker.check_model(model, full_check=True)
    return model


def seen_ranges(model: onnx.ModelProto, images: Sequence[Array]) -> dict[str, tuple[float, float]]:
    """Run a model and return the smallest and largest value of every float tensor."""
    values = (*model.graph.input, *model.graph.value_info, *model.graph.output)
    kinds = {value.name: value.type.tensor_type.elem_type for value in values}
    names = [name for node in model.graph.node for name in node.output if kinds.get(name) == TensorProto.FLOAT]
    tapped = TappedModel(model, names)
    found = [tapped.run(image) for image in images]
    ranges = {
        name: (min(float(one[name].min()) for one in found), max(float(one[name].max()) for one in found))
        for name in names
    }
    source = model.graph.input[0].name
    ranges[source] = (min(float(image.min()) for image in images), max(float(image.max()) for image in images))
    return ranges


@pytest.fixture
def graph() -> Callable[..., onnx.ModelProto]:
    return build_graph


@pytest.fixture
def ranges_of() -> Callable[..., dict[str, tuple[float, float]]]:
    return seen_ranges
