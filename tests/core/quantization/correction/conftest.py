"""Own the small quantized graphs that the tests of corrections share."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from zoo_core.export.quiet import quiet

Array = np.ndarray[Any, Any]


class GivenImages:
    """Stream given images of shape (1, C, H, W)."""

    source = "train"
    skipped: tuple[Any, ...] = ()

    def __init__(self, images: Sequence[Array]) -> None:
        self._images = [image.astype(np.float32) for image in images]
        self.names = [f"{number}.png" for number in range(len(images))]

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[Array]:
        return iter(self._images)


class Reader(CalibrationDataReader):
    def __init__(self, images: GivenImages) -> None:
        self._left = iter(images)

    def get_next(self) -> dict[str, Array] | None:
        image = next(self._left, None)
        return None if image is None else {"input": image}


def build(
    nodes: list[onnx.NodeProto], constants: dict[str, Array], shape: list[Any], output: list[Any], opset: int = 17
) -> Any:
    """Return a checked model from `input` of a shape to `output`; float constants become float32."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, output)],
        [
            numpy_helper.from_array(np.asarray(value, np.float32) if np.asarray(value).dtype == float else value, name)
            for name, value in constants.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    onnx.checker.check_model(model)
    return model


def network(opset: int = 17) -> Any:
    """Build a strided convolution, a ReLU6, a depthwise residual and a classifier; one convolution has no bias."""
    rng = np.random.default_rng(5)
    constants = {
        "w1": rng.normal(size=(8, 3, 3, 3)) * 0.4,
        "b1": rng.normal(size=8) * 0.3,
        "w2": rng.normal(size=(8, 1, 3, 3)) * 0.4,
        "w3": rng.normal(size=(8, 4, 1, 1)) * 0.4,
        "b3": rng.normal(size=8) * 0.3,
        "w4": rng.normal(size=(5, 8)),
        "b4": rng.normal(size=5),
        "six": np.float32(6),
        "zero": np.float32(0),
    }
    nodes = [
        helper.make_node("Conv", ["input", "w1", "b1"], ["a"], "stem", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Clip", ["a", "zero", "six"], ["b"], "relu6"),
        helper.make_node("Conv", ["b", "w2"], ["c"], "depthwise", pads=[1, 1, 1, 1], group=8),
        helper.make_node("Add", ["b", "c"], ["d"], "join"),
        helper.make_node("Conv", ["d", "w3", "b3"], ["e"], "grouped", group=2),
        helper.make_node("Relu", ["e"], ["f"], "relu"),
        helper.make_node("GlobalAveragePool", ["f"], ["g"], "pool"),
        helper.make_node("Flatten", ["g"], ["h"], "flat"),
        helper.make_node("Gemm", ["h", "w4", "b4"], ["output"], "head", transB=1),
    ]
    return build(nodes, constants, ["batch", 3, 12, 12], ["batch", 5], opset)


def make_images(count: int) -> GivenImages:
    rng = np.random.default_rng(3)
    return GivenImages([rng.uniform(0.3, 1.5) * rng.normal(0.3, 1.0, size=(1, 3, 12, 12)) for _ in range(count)])


@pytest.fixture
def given() -> Callable[[Sequence[Array]], GivenImages]:
    return GivenImages


@pytest.fixture
def model() -> Callable[..., Any]:
    return build


@pytest.fixture
def images() -> Callable[[int], GivenImages]:
    return make_images


@pytest.fixture
def quantized_pair(tmp_path: Path) -> Callable[..., tuple[Any, Any]]:
    """Return a function that gives a network and what onnxruntime makes of it."""

    def make(*, per_channel: bool = True, weights: str = "QInt8", original: Any = None, **options: Any) -> Any:
        activations = QuantType.QUInt8 if weights == "QUInt8" else QuantType.QInt8
        original = original or network(21 if weights == "QInt4" else 17)
        source, target = tmp_path / "float.onnx", tmp_path / "quantized.onnx"
        onnx.save(original, str(source))
        with quiet():
            quantize_static(
                str(source),
                str(target),
                Reader(make_images(12)),
                quant_format=QuantFormat.QDQ,
                per_channel=per_channel,
                weight_type=QuantType[weights],
                activation_type=activations,
                extra_options=options,
            )
        return onnx.load(str(target)), original

    return make
