"""What targets say that they take of a quantized model is what becomes integer firmware, and what ST's pages state."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_core.errors import UserError
from zoo_core.plugins import get_catalog
from zoo_core.specs import QuantizationLimits
from zoo_stm32.boards import load_boards
from zoo_stm32.limits import EMULATED
from zoo_stm32.lowering import lower

CODES = {
    "Int4": TensorProto.INT4,
    "UInt4": TensorProto.UINT4,
    "Int8": TensorProto.INT8,
    "UInt8": TensorProto.UINT8,
    "Int16": TensorProto.INT16,
    "UInt16": TensorProto.UINT16,
}


def limits(name: str) -> QuantizationLimits:
    return get_catalog().targets.resolve(name).spec.quantization


def convolution(weight_type: str, activation_type: str) -> onnx.ModelProto:
    """Write a quantized convolution whose tensors have some types; zero points lie in the middle of unsigned ranges."""
    rng = np.random.default_rng(4)
    weight_kind, kind = (helper.tensor_dtype_to_np_dtype(CODES[name]) for name in (weight_type, activation_type))
    middle = {"UInt4": 8, "UInt8": 128, "UInt16": 2**15}
    zero, weight_zero = (middle.get(name, 0) for name in (activation_type, weight_type))
    fixed: dict[str, Any] = {
        "weight": (rng.integers(-8, 8, (4, 3, 1, 1)) + weight_zero).astype(weight_kind),
        "weight_zero": np.array(weight_zero).astype(weight_kind),
        "zero": np.array(zero).astype(kind),
        "scale": np.float32(0.02),
    }
    rounding = [("QuantizeLinear", "DequantizeLinear")] * 2
    nodes = [helper.make_node("DequantizeLinear", ["weight", "scale", "weight_zero"], ["w"])]
    for (name, result), (down, up) in zip((("image", "x"), ("y", "out")), rounding, strict=True):
        nodes += [
            helper.make_node(down, [name, "scale", "zero"], [f"{name}_q"], f"{name}_down"),
            helper.make_node(up, [f"{name}_q", "scale", "zero"], [result], f"{name}_up"),
        ]
    nodes.insert(3, helper.make_node("Conv", ["x", "w"], ["y"], "conv"))
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 4, 4])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 4, 4, 4])],
        [numpy_helper.from_array(value, name) for name, value in fixed.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model


def becomes_integer(weight_type: str, activation_type: str) -> bool:
    try:
        return not lower(convolution(weight_type, activation_type)).islands
    except UserError:
        return False


@pytest.mark.parametrize("weight_type", CODES)
def test_the_emulator_takes_the_weights_that_it_states(weight_type: str) -> None:
    assert becomes_integer(weight_type, "Int8") == (weight_type in limits("emulator").weight_types)


@pytest.mark.parametrize("activation_type", ["Int8", "UInt8", "Int16", "UInt16"])
def test_the_emulator_takes_the_activations_that_it_states(activation_type: str) -> None:
    assert becomes_integer("Int8", activation_type) == (activation_type in limits("emulator").activation_types)


@pytest.mark.parametrize("board", [board.name for board in load_boards() if board.runs_firmware])
def test_what_a_board_takes_can_be_emulated(board: str) -> None:
    assert limits(board).weight_types <= EMULATED.weight_types
    assert limits(board).activation_types <= EMULATED.activation_types


def test_no_board_takes_16_bits() -> None:
    for entry in get_catalog().targets.entries():
        if entry.spec.name != "host":
            assert not {"Int16", "UInt16"} & (
                entry.spec.quantization.activation_types | entry.spec.quantization.weight_types
            )


def test_the_host_takes_everything() -> None:
    assert limits("host") == QuantizationLimits()


@pytest.mark.parametrize("board", ["STM32MP257F-EV1", "STM32MP157F-DK2", "STM32MP135F-DK"])
def test_application_processors_prefer_one_scale_per_tensor(board: str) -> None:
    """Per channel, a model leaves the NPU of the STM32MP2 for its GPU (ST wiki, "STM32MP2 NPU description")."""
    assert limits(board).granularities[0] == "per_tensor"
    assert "Int4" not in limits(board).weight_types


def test_the_npu_of_the_stm32n6_takes_signed_activations_and_weights_of_4_bits() -> None:
    for name in ("STM32N6570-DK", "stedgeai_n6"):
        assert limits(name).activation_types == {"Int8"}
        assert limits(name).weight_types == {"Int4", "Int8"}
        assert limits(name).granularities[0] == "per_channel"
