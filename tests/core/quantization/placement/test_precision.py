"""Layers of 16-bit activations or 4-bit weights: onnxruntime runs them, and they are as exact as they should be."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_core.errors import UserError
from zoo_core.quantization.config import OnnxExtraOptionsSection
from zoo_core.quantization.graph import select_operators
from zoo_core.quantization.insertion import Choice, insert_quantization
from zoo_core.quantization.placement import narrow, widen
from zoo_core.quantization.recipe import Recipe
from zoo_core.quantization.tapping import TappedModel

from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData  # isort: skip

node = helper.make_node
Graph = Callable[..., onnx.ModelProto]
Array = np.ndarray[Any, Any]
GRANULARITIES = ("per_tensor", "per_channel")


@pytest.fixture
def model(graph: Graph) -> onnx.ModelProto:
    """Two convolutions with activations, a residual, pooling that shares its scale, and a classifier."""
    rng = np.random.default_rng(5)
    nodes = [
        node("Conv", ["image", "w1", "b1"], ["first"], pads=[1, 1, 1, 1]),
        node("Relu", ["first"], ["a"]),
        node("MaxPool", ["a"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["pooled", "w2", "b2"], ["middle"], pads=[1, 1, 1, 1]),
        node("Relu", ["middle"], ["b"]),
        node("Add", ["pooled", "b"], ["sum"]),
        node("GlobalAveragePool", ["sum"], ["mean"]),
        node("Flatten", ["mean"], ["flat"]),
        node("Gemm", ["flat", "w3", "b3"], ["last"], transB=1),
    ]
    shapes = {"w1": (8, 3, 3, 3), "b1": (8,), "w2": (8, 8, 3, 3), "b2": (8,), "w3": (5, 8), "b3": (5,)}
    fixed = {name: (rng.normal(size=shape) * 0.4).astype(np.float32) for name, shape in shapes.items()}
    return graph(nodes, fixed, inputs={"image": [1, 3, 8, 8]}, outputs=["last"], opset=21)


@pytest.fixture
def images() -> list[Array]:
    rng = np.random.default_rng(6)
    return [rng.normal(size=(1, 3, 8, 8)).astype(np.float32) for _ in range(8)]


@pytest.fixture
def quantize(model: onnx.ModelProto, images: list[Array], ranges_of: Any) -> Callable[..., onnx.ModelProto]:
    def run(
        granularity: str, overrides: dict[str, Any], excluded: tuple[str, ...] = (), kind: str = "Int8"
    ) -> onnx.ModelProto:
        pairs = ranges_of(model, images)
        data = {
            name: TensorData(lowest=np.array(low, np.float32), highest=np.array(high, np.float32))
            for name, (low, high) in pairs.items()
        }
        recipe = Recipe(granularity=granularity, weight_type=kind, activation_type=kind, calibrate_method="MinMax")
        choice = Choice(operators=select_operators(None), excluded=excluded, overrides=overrides)
        found = insert_quantization(
            model, TensorsData(CalibrationMethod.MinMax, data), recipe, choice, OnnxExtraOptionsSection()
        )
        onnx.checker.check_model(found, full_check=True)
        return found

    return run


def noise(original: onnx.ModelProto, quantized: onnx.ModelProto, images: list[Array]) -> float:
    exact, rough = TappedModel(original, ["last"]), TappedModel(quantized, ["last"])
    return float(np.mean([np.square(exact.run(image)["last"] - rough.run(image)["last"]).mean() for image in images]))


def scales(model: onnx.ModelProto) -> dict[str, float]:
    """Return the step between the stored values of each float tensor that is rounded."""
    fixed = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = [one for one in model.graph.node if one.op_type == "QuantizeLinear"]
    return {one.input[0]: float(numpy_helper.to_array(fixed[one.input[1]])) for one in nodes}


def list_nodes(model: onnx.ModelProto) -> list[str]:
    return [one.name for one in model.graph.node]


def stored_types(model: onnx.ModelProto) -> dict[str, str]:
    """Return the integer type that each float tensor is rounded to; conversions count by the tensor's name too."""
    kinds = {tensor.name: TensorProto.DataType.Name(tensor.data_type) for tensor in model.graph.initializer}
    return {one.input[0]: kinds[one.input[2]] for one in model.graph.node if one.op_type == "QuantizeLinear"}


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("kind", ["Int8", "UInt8"])
def test_layers_of_16_bits_read_and_write_16_bits(
    granularity: str, kind: str, model: onnx.ModelProto, quantize: Any, images: list[Array]
) -> None:
    overrides = widen(model, ["middle_node"], activation_type=kind)
    found = quantize(granularity, overrides, kind=kind)
    wide = {"Int8": "INT16", "UInt8": "UINT16"}[kind]
    types = stored_types(found)
    assert types["pooled"] == wide  # what the layer reads
    assert types["b"] == wide  # what it writes, with its activation, which melted into it
    assert not any(one.op_type == "Relu" for one in found.graph.node)
    assert types["image"] == kind.upper()
    assert types["mean"] == kind.upper()
    fine, coarse = scales(found), scales(quantize(granularity, {}, kind=kind))
    for name in ("pooled", "b"):
        assert fine[name] * (2**16 - 1) == pytest.approx(coarse[name] * (2**8 - 1), rel=1e-5)
    assert noise(model, found, images) < 0.02


def test_with_all_layers_of_16_bits_only_the_weights_are_rough(
    model: onnx.ModelProto, quantize: Any, images: list[Array]
) -> None:
    """A model whose weights alone are rounded, by hand, has the same noise."""
    wide = quantize("per_channel", widen(model, list_nodes(model)))
    assert set(stored_types(wide).values()) == {"INT16"}
    by_hand = onnx.ModelProto()
    by_hand.CopyFrom(model)
    for tensor in by_hand.graph.initializer:
        if tensor.name.startswith("w"):
            values = numpy_helper.to_array(tensor)
            rows = np.abs(values.reshape(len(values), -1)).max(axis=1).reshape(-1, *[1] * (values.ndim - 1))
            steps = rows * 2 / 254  # onnxruntime keeps symmetric int8 within -127 and 127
            tensor.CopyFrom(numpy_helper.from_array((np.rint(values / steps) * steps).astype(np.float32), tensor.name))
    assert noise(model, wide, images) == pytest.approx(noise(model, by_hand, images), rel=0.05)


def test_wide_layers_next_to_float_ones(model: onnx.ModelProto, quantize: Any, images: list[Array]) -> None:
    excluded = ("sum_node", "mean_node")
    found = quantize("per_tensor", widen(model, ["middle_node"], float_nodes=excluded), excluded)
    assert stored_types(found)["b"] == "INT16"
    assert noise(model, found, images) < 0.02


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_weights_of_4_bits(granularity: str, model: onnx.ModelProto, quantize: Any, images: list[Array]) -> None:
    per_channel = granularity == "per_channel"
    found = quantize(granularity, narrow(model, ["w2", "w3"], per_channel=per_channel))
    tensors = {tensor.name: tensor for tensor in found.graph.initializer}
    assert tensors["w1_quantized"].data_type == TensorProto.INT8
    for name, channels in (("w2", 8), ("w3", 5)):
        assert tensors[f"{name}_quantized"].data_type == TensorProto.INT4
        assert numpy_helper.to_array(tensors[f"{name}_scale"]).size == (channels if per_channel else 1)
    assert np.isfinite(noise(model, found, images))


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_weights_of_4_bits_are_closer_than_with_levels_up_to_the_largest(
    granularity: str, model: onnx.ModelProto, quantize: Any
) -> None:
    per_channel = granularity == "per_channel"
    found = quantize(granularity, narrow(model, ["w2"], per_channel=per_channel))
    both = (*found.graph.initializer, *model.graph.initializer)
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in both}
    weights = tensors["w2"].reshape(8, -1)
    scale = tensors["w2_scale"].reshape(-1, 1)
    ours = tensors["w2_quantized"].astype(np.float32).reshape(8, -1) * scale
    widest = np.abs(weights).max(axis=1 if per_channel else None, keepdims=True) / 7
    plain = np.rint(weights / widest) * widest
    assert np.square(ours - weights).sum() < np.square(plain - weights).sum()


def test_names_that_are_not_there_are_refused(model: onnx.ModelProto) -> None:
    with pytest.raises(UserError, match="middel_node"):
        widen(model, ["middel_node"])
    with pytest.raises(UserError, match="image"):
        narrow(model, ["image"])
    with pytest.raises(UserError, match="b1"):
        narrow(model, ["b1"])


def test_nothing_asked_is_nothing_told(model: onnx.ModelProto) -> None:
    assert widen(model, []) == {}
    assert narrow(model, []) == {}
