"""Parameters and multiply-accumulates are those counted by hand and by torch."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from zoo_core import InputSpec
from zoo_core.export.onnx_export import export_onnx
from zoo_core.inference.cost import count_macs, count_parameters


class Mixed(nn.Module):
    """Grouped, strided, dilated and transposed convolutions, a matrix product and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.b = nn.Conv2d(8, 16, 3, groups=4, dilation=2, bias=False)
        self.c = nn.ConvTranspose2d(16, 6, 2, stride=2)
        self.d = nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.c(self.b(self.a(x)).relu())
        flat = x.flatten(2)
        pairs = flat @ flat.transpose(1, 2)
        out: torch.Tensor = self.d(pairs.mean(2))
        return out


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cost") / "mixed.onnx"
    return export_onnx(Mixed(), InputSpec(3, 16, 20), path, metadata={}).path


def test_macs_are_half_of_the_flops_torch_counts(exported: Path) -> None:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        Mixed()(torch.zeros(1, 3, 16, 20))
    assert count_macs(onnx.load(str(exported))) == counter.get_total_flops() // 2


def test_parameters_are_those_of_torch(exported: Path) -> None:
    assert count_parameters(onnx.load(str(exported))) == sum(tensor.numel() for tensor in Mixed().parameters())


def quantized(bias: bool) -> onnx.ModelProto:
    """Build a quantized 3x3 convolution from 2 to 4 channels on 6x6 pixels, batch 5."""
    weights = {
        "w": np.ones((4, 2, 3, 3), np.int8),
        "ws": np.ones(4, np.float32),
        "wz": np.zeros(4, np.int8),
        "b": np.ones(4, np.int32),
        "bs": np.ones(4, np.float32),
        "s": np.array(0.1, np.float32),
        "z": np.array(0, np.int8),
        "two": np.array(2.0, np.float32),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=0),
        helper.make_node("DequantizeLinear", ["b", "bs"], ["bd"], axis=0),
        helper.make_node("Conv", ["xd", "wd", "bd"] if bias else ["xd", "wd"], ["c"]),
        helper.make_node("Mul", ["c", "two"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [5, 2, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [5, 4, 4, 4])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(("bias", "wanted"), [(True, 4 * 2 * 9 + 4), (False, 4 * 2 * 9)])
def test_parameters_of_a_quantized_model_leave_out_scales_and_constants(bias: bool, wanted: int) -> None:
    assert count_parameters(quantized(bias)) == wanted


def test_macs_of_a_quantized_model_are_for_one_image() -> None:
    assert count_macs(quantized(bias=True)) == 4 * (4 * 4) * (2 * 9)


def test_macs_of_unknown_shapes_are_nothing() -> None:
    model = quantized(bias=True)
    model.graph.node[0].domain = model.graph.node[1].domain = "com.microsoft"
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    assert count_macs(model) is None
