"""Own what tests of the adapter share: a small model with figures computed by hand, and boards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_stm32.boards import Board, load_boards
from zoo_stm32.stedgeai import StEdgeAi
from zoo_stm32.testing.stedgeai import DEFAULT_VERSION, install_stedgeai


def make_model() -> onnx.ModelProto:
    """1x3x8x8 float -> Conv 4 filters of 3x3, padded -> Relu -> global mean -> Flatten -> Gemm to 5 classes."""
    weights = [
        numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "kernel"),
        numpy_helper.from_array(np.zeros(4, np.float32), "bias"),
        numpy_helper.from_array(np.ones((4, 5), np.float32), "dense"),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "kernel", "bias"], ["a"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("GlobalAveragePool", ["b"], ["c"], name="pool"),
        helper.make_node("Flatten", ["c"], ["d"], name="flat"),
        helper.make_node("Gemm", ["d", "dense"], ["scores"], name="fc"),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 5])
    graph = helper.make_graph(nodes, "small", [image], [scores], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    onnx.save(make_model(), path)
    return path


@pytest.fixture
def h7() -> Board:
    return next(board for board in load_boards() if board.name == "STM32H747I-DISCO")


@pytest.fixture
def n6() -> Board:
    return next(board for board in load_boards() if board.name == "STM32N6570-DK")


@pytest.fixture
def tool(tmp_path: Path) -> StEdgeAi:
    return StEdgeAi(executable=install_stedgeai(tmp_path / "tool"), version=DEFAULT_VERSION, poll_s=0.05)
