"""Own the small float graphs of the tests of diagnosis, and their quantization by onnxruntime with plain ranges."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from zoo_core.export.quiet import quiet
from zoo_core.quantization.tapping import TappedModel

SHAPE = (3, 8, 8)


class Batch:
    """Stream given images, and count how often they were read."""

    source = "train"
    skipped = ()

    def __init__(self, images: Sequence[np.ndarray[Any, Any]]) -> None:
        self.images = images
        self.names = [str(index) for index in range(len(images))]
        self.reads = 0

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Any:
        for image in self.images:
            self.reads += 1
            yield image


def build(
    nodes: Sequence[onnx.NodeProto],
    constants: dict[str, np.ndarray[Any, Any]],
    *,
    shape: Sequence[int] = SHAPE,
    opset: int = 17,
) -> onnx.ModelProto:
    """Return a graph from `input` to `output` for one image."""
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, *shape])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    model = onnx.shape_inference.infer_shapes(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def two_convolutions(
    first: np.ndarray[Any, Any], second: np.ndarray[Any, Any], *, activation: str = "Relu", bias: Any = None
) -> onnx.ModelProto:
    """Return conv-activation-conv with kernels of 1x1 and the nodes `first`, `active` and `second`."""
    constants = {"w1": first[:, :, None, None], "w2": second[:, :, None, None], "zero": 0.0, "six": 6.0}
    inputs = ["input", "w1"]
    if bias is not None:
        constants["b1"] = bias
        inputs.append("b1")
    bounds = ["zero", "six"] if activation == "Clip" else []
    nodes = [
        helper.make_node("Conv", inputs, ["a"], "first"),
        helper.make_node(activation, ["a", *bounds], ["b"], "active"),
        helper.make_node("Conv", ["b", "w2"], ["output"], "second"),
    ]
    if not bounds:
        del constants["zero"], constants["six"]
    return build(nodes, constants)


def quantize(
    model: onnx.ModelProto, images: Any, *, per_channel: bool = False, excluded: Sequence[str] = (), **options: Any
) -> onnx.ModelProto:
    """Return the QDQ graph that onnxruntime makes with the extremes of all images."""
    names = ["input", *(name for node in model.graph.node for name in node.output)]
    tapped = TappedModel(model, names)
    seen = [tapped.run(image) for image in images]
    ranges = {
        name: TensorData(
            lowest=np.float32(min(found[name].min() for found in seen)),
            highest=np.float32(max(found[name].max() for found in seen)),
        )
        for name in names
    }
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    operators = sorted({node.op_type for node in model.graph.node})
    with quiet():
        quantizer = QDQQuantizer(
            copy,
            per_channel,
            False,
            QuantType.QInt8,
            QuantType.QInt8,
            TensorsData(CalibrationMethod.MinMax, ranges),
            [],
            list(excluded),
            operators,
            options,
        )
        quantizer.quantize_model()
    quantizer.model.topological_sort()
    quantized = quantizer.model.model
    used = {node.domain for node in quantized.graph.node} | {"", "ai.onnx"}
    versions = {entry.domain: entry.version for entry in quantized.opset_import}
    versions.setdefault("com.microsoft", 1)
    kept = [helper.make_opsetid(domain, version) for domain, version in versions.items() if domain in used]
    del quantized.opset_import[:]
    quantized.opset_import.extend(kept)
    return quantized


@pytest.fixture
def batch() -> Callable[..., Batch]:
    """Return a function that makes seeded images of a shape, by default bell-shaped."""

    def make(count: int = 6, *, shape: Sequence[int] = SHAPE, draw: str = "normal") -> Batch:
        rng = np.random.default_rng(5)
        sample = rng.normal if draw == "normal" else rng.uniform
        bounds = (0.0, 1.0) if draw == "normal" else (-1.0, 1.0)
        return Batch([sample(*bounds, size=(1, *shape)).astype(np.float32) for _ in range(count)])

    return make


@pytest.fixture
def convolutions() -> Callable[..., onnx.ModelProto]:
    return two_convolutions


@pytest.fixture
def graph() -> Callable[..., onnx.ModelProto]:
    return build


@pytest.fixture
def quantized() -> Callable[..., onnx.ModelProto]:
    return quantize
