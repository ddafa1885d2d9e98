"""Hard-swish and hard-sigmoid in several nodes become one node that computes the same."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from zoo_core.quantization.graph import prepare_graph
from zoo_core.quantization.placement import fuse_activations
from zoo_core.quantization.tapping import TappedModel

node = helper.make_node
Graph = Callable[..., onnx.ModelProto]
SHIFTED = [node("Add", ["x", "three"], ["a"]), node("Clip", ["a", "zero", "six"], ["b"])]
HARD_SWISHES = {
    "gate divided": [*SHIFTED, node("Div", ["b", "six"], ["c"]), node("Mul", ["x", "c"], ["y"])],
    "gate multiplied": [*SHIFTED, node("Mul", ["sixth", "b"], ["c"]), node("Mul", ["c", "x"], ["y"])],
    "product divided": [*SHIFTED, node("Mul", ["x", "b"], ["c"]), node("Div", ["c", "six"], ["y"])],
    "product multiplied": [*SHIFTED, node("Mul", ["b", "x"], ["c"]), node("Mul", ["c", "sixth"], ["y"])],
    "hard-sigmoid": [node("HardSigmoid", ["x"], ["a"], alpha=1 / 6, beta=0.5), node("Mul", ["x", "a"], ["y"])],
}
OTHERS = {
    "other slope": [node("HardSigmoid", ["x"], ["a"]), node("Mul", ["x", "a"], ["y"])],
    "other limit": [
        node("Add", ["x", "three"], ["a"]),
        node("Clip", ["a", "zero", "three"], ["b"]),
        node("Mul", ["x", "b"], ["c"]),
        node("Div", ["c", "six"], ["y"]),
    ],
    "other tensor": [
        node("Neg", ["x"], ["n"]),
        node("HardSigmoid", ["x"], ["a"], alpha=1 / 6, beta=0.5),
        node("Mul", ["n", "a"], ["y"]),
    ],
    "gate used twice": [
        node("HardSigmoid", ["x"], ["a"], alpha=1 / 6, beta=0.5),
        node("Mul", ["x", "a"], ["c"]),
        node("Add", ["c", "a"], ["y"]),
    ],
}


def model_of(graph: Graph, nodes: list[onnx.NodeProto], opset: int = 17) -> onnx.ModelProto:
    numbers = {"three": 3.0, "zero": 0.0, "six": 6.0, "sixth": 1 / 6}
    fixed = {name: np.float32(value) for name, value in numbers.items()}
    copies = [onnx.NodeProto.FromString(one.SerializeToString()) for one in nodes]
    return graph(copies, fixed, inputs={"x": [1, 3, 4, 4]}, outputs=["y"], opset=opset)


@pytest.fixture
def values() -> np.ndarray:
    return np.linspace(-5, 5, 48, dtype=np.float32).reshape(1, 3, 4, 4)


@pytest.mark.parametrize("form", HARD_SWISHES)
def test_every_form_of_hard_swish_becomes_one_node(graph: Graph, form: str, values: np.ndarray) -> None:
    model = model_of(graph, HARD_SWISHES[form])
    assert fuse_activations(model) == ("y_node",)
    assert [one.op_type for one in model.graph.node] == ["HardSwish"]
    onnx.checker.check_model(model, full_check=True)
    expected = values * np.clip(values + 3, 0, 6) / 6  # Howard et al., "Searching for MobileNetV3", section 5.2
    np.testing.assert_allclose(TappedModel(model, ["y"]).run(values)["y"], expected, rtol=1e-5, atol=1e-6)


def test_a_gate_alone_becomes_a_hard_sigmoid(graph: Graph, values: np.ndarray) -> None:
    model = model_of(graph, [*SHIFTED, node("Div", ["b", "six"], ["y"])])
    fuse_activations(model)
    assert [one.op_type for one in model.graph.node] == ["HardSigmoid"]
    expected = np.clip(values + 3, 0, 6) / 6
    np.testing.assert_allclose(TappedModel(model, ["y"]).run(values)["y"], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", OTHERS)
def test_what_only_resembles_it_stays(graph: Graph, form: str) -> None:
    model = model_of(graph, OTHERS[form])
    before = model.SerializeToString()
    assert fuse_activations(model) == ()
    assert model.SerializeToString() == before


def test_an_opset_without_hard_swish_is_left_as_it_is(graph: Graph) -> None:
    model = model_of(graph, HARD_SWISHES["gate divided"], opset=13)
    assert fuse_activations(model) == ()


def test_hard_swish_that_preparation_takes_apart_is_put_together_again(graph: Graph, tmp_path: Path) -> None:
    model = model_of(graph, [node("HardSwish", ["x"], ["y"])])
    path = tmp_path / "net.onnx"
    onnx.save(model, str(path))
    prepared = onnx.load(str(prepare_graph(path, 17, tmp_path)))
    fuse_activations(prepared)
    assert [one.op_type for one in prepared.graph.node] == ["HardSwish"]
