"""Which nodes stay float: what decodes behind the last layers, whole functions of one tensor, and nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from zoo_core.quantization.placement import place

node = helper.make_node
Graph = Callable[..., onnx.ModelProto]
rng = np.random.default_rng(3)


def weights(*shape: int) -> Any:
    return rng.normal(size=shape).astype(np.float32)


def two_heads(
    graph: Graph, *tail: onnx.NodeProto, outputs: tuple[str, ...] = ("out",), **constants: Any
) -> onnx.ModelProto:
    """Build a layer with two layers behind it, `boxes` of 4 and `scores` of 1 channels, and what shall follow."""
    nodes = [
        node("Conv", ["image", "w"], ["stem"]),
        node("Relu", ["stem"], ["features"]),
        node("Conv", ["features", "w_boxes"], ["boxes"]),
        node("Conv", ["features", "w_scores"], ["logits"]),
        node("Sigmoid", ["logits"], ["scores"]),
        *tail,
    ]
    fixed = {"w": weights(6, 3, 1, 1), "w_boxes": weights(4, 6, 1, 1), "w_scores": weights(1, 6, 1, 1), **constants}
    return graph(nodes, fixed, inputs={"image": [1, 3, 4, 4]}, outputs=outputs)


BASE = {"image": (-1.0, 1.0), "stem": (-2.0, 2.0), "features": (0.0, 2.0), "logits": (-5.0, 3.0), "scores": (0.0, 0.95)}


def ranges(model: onnx.ModelProto, **known: tuple[float, float]) -> dict[str, tuple[float, float]]:
    every = {name: (-1.0, 1.0) for one in model.graph.node for name in one.output}
    return {**every, **BASE, **known}


def test_joined_boxes_and_scores_stay_float_with_all_that_follows(graph: Graph) -> None:
    model = two_heads(
        graph,
        node("Concat", ["boxes", "scores"], ["joined"], axis=1),
        node("Reshape", ["joined", "shape"], ["flat"]),
        node("Transpose", ["flat"], ["out"], perm=[0, 2, 1]),
        shape=np.array([1, 5, 16]),
    )
    placement = place(model, ranges(model, boxes=(0.0, 640.0)))
    assert placement.float_nodes == ("scores_node", "joined_node", "flat_node", "out_node")
    (note,) = placement.notes
    assert "joined_node" in note
    assert "674" in note  # 640 to 0.95


def test_joined_tensors_of_like_ranges_are_quantized(graph: Graph) -> None:
    model = two_heads(graph, node("Concat", ["boxes", "scores"], ["out"], axis=1))
    assert place(model, ranges(model, boxes=(-1.0, 1.5))).float_nodes == ()


def test_a_target_without_float_operators_gets_none_and_is_told_so(graph: Graph) -> None:
    model = two_heads(graph, node("Concat", ["boxes", "scores"], ["out"], axis=1))
    placement = place(model, ranges(model, boxes=(0.0, 640.0)), float_operators=False)
    assert placement.float_nodes == ()
    assert "lose precision" in placement.notes[0]


def test_unlike_ranges_before_a_layer_are_only_noted(graph: Graph) -> None:
    model = two_heads(
        graph,
        node("Concat", ["boxes", "scores"], ["joined"], axis=1),
        node("Conv", ["joined", "w_last"], ["out"]),
        w_last=weights(2, 5, 1, 1),
    )
    placement = place(model, ranges(model, boxes=(0.0, 640.0)))
    assert placement.float_nodes == ()
    assert "joined_node" in placement.notes[0]


@pytest.mark.parametrize("decoder", ["grid", "exp", "columns"])
def test_boxes_decoded_behind_the_last_layer_stay_float(graph: Graph, decoder: str) -> None:
    """The last layer itself, its activation and a head for something else stay quantized."""
    tail = {
        "grid": node("Add", ["active", "grid"], ["out"]),
        "exp": node("Exp", ["active"], ["out"]),
        "columns": node("Mul", ["active", "sizes"], ["out"]),
    }[decoder]
    model = two_heads(
        graph,
        node("Relu", ["boxes"], ["active"]),
        tail,
        outputs=("out", "scores"),
        grid=np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4),
        sizes=np.array([640, 480, 1, 1], dtype=np.float32).reshape(1, 4, 1, 1),
    )
    used = {name for one in model.graph.node for name in one.input}
    for tensor in [one for one in model.graph.initializer if one.name not in used]:
        model.graph.initializer.remove(tensor)
    assert place(model, ranges(model)).float_nodes == ("out_node",)


def test_a_mean_over_numbered_bins_is_decoding_and_no_layer(graph: Graph) -> None:
    """Distances of YOLOv8 and NanoDet: softmax over bins, then a convolution whose weights are 0, 1, 2, 3."""
    model = two_heads(
        graph,
        node("Softmax", ["boxes"], ["shares"], axis=1),
        node("Conv", ["shares", "bins"], ["out"]),
        outputs=("out", "scores"),
        bins=np.arange(4, dtype=np.float32).reshape(1, 4, 1, 1),
    )
    assert place(model, ranges(model)).float_nodes == ("shares_node", "out_node")


def test_a_classifier_is_untouched(graph: Graph) -> None:
    nodes = [
        node("Conv", ["image", "w"], ["a"]),
        node("Relu", ["a"], ["b"]),
        node("GlobalAveragePool", ["b"], ["c"]),
        node("Flatten", ["c"], ["d"]),
        node("MatMul", ["d", "w_head"], ["e"]),
        node("Add", ["e", "bias"], ["f"]),
        node("Softmax", ["f"], ["out"]),
    ]
    fixed = {"w": weights(6, 3, 1, 1), "w_head": weights(6, 9), "bias": np.geomspace(0.01, 9, 9, dtype=np.float32)}
    model = graph(nodes, fixed, inputs={"image": [1, 3, 4, 4]}, outputs=["out"])
    placement = place(model, ranges(model, f=(-20.0, 30.0)))
    assert placement.float_nodes == ()
    assert placement.extra_op_types == ()
    assert placement.notes == ()


def test_gelu_in_five_nodes_is_rounded_only_before_and_behind(graph: Graph) -> None:
    """x / 2 * (1 + erf(x / sqrt 2)): onnxruntime quantizes the products and the sum but not the rest."""
    nodes = [
        node("Conv", ["image", "w"], ["x"]),
        node("Div", ["x", "root"], ["a"]),
        node("Erf", ["a"], ["b"]),
        node("Add", ["b", "one"], ["c"]),
        node("Mul", ["x", "c"], ["d"]),
        node("Mul", ["d", "half"], ["e"]),
        node("Conv", ["e", "w_last"], ["out"]),
    ]
    scalars = {name: np.float32(value) for name, value in (("root", 2**0.5), ("one", 1.0), ("half", 0.5))}
    fixed = {"w": weights(6, 3, 1, 1), "w_last": weights(2, 6, 1, 1), **scalars}
    model = graph(nodes, fixed, inputs={"image": [1, 3, 4, 4]}, outputs=["out"])
    assert place(model, ranges(model)).float_nodes == tuple(f"{name}_node" for name in "abcde")


def test_swish_is_quantized_node_by_node_because_each_has_an_integer_form(graph: Graph) -> None:
    nodes = [
        node("Conv", ["image", "w"], ["x"]),
        node("Sigmoid", ["x"], ["gate"]),
        node("Mul", ["x", "gate"], ["y"]),
        node("Conv", ["y", "w_last"], ["out"]),
    ]
    fixed = {"w": weights(6, 3, 1, 1), "w_last": weights(2, 6, 1, 1)}
    model = graph(nodes, fixed, inputs={"image": [1, 3, 4, 4]}, outputs=["out"])
    assert place(model, ranges(model)).float_nodes == ()


def test_means_over_the_image_are_quantized_and_means_of_a_normalisation_are_not(graph: Graph) -> None:
    nodes = [
        node("Conv", ["image", "w"], ["x"]),
        node("ReduceMean", ["x"], ["mean"], axes=[1]),
        node("Sub", ["x", "mean"], ["centred"]),
        node("HardSwish", ["centred"], ["y"]),
        node("ReduceMean", ["y"], ["pooled"], axes=[-1, -2]),
        node("Conv", ["pooled", "w_last"], ["out"]),
    ]
    fixed = {"w": weights(6, 3, 1, 1), "w_last": weights(2, 6, 1, 1)}
    model = graph(nodes, fixed, inputs={"image": [1, 3, 4, 4]}, outputs=["out"])
    placement = place(model, ranges(model))
    assert placement.float_nodes == ("mean_node",)
    assert placement.extra_op_types == ("HardSwish", "ReduceMean")


def test_a_node_without_known_range_is_left_alone(graph: Graph) -> None:
    nodes = [
        node("Conv", ["image", "w"], ["x"]),
        node("HardSwish", ["x"], ["y"]),
        node("Flatten", ["y"], ["out"]),
    ]
    model = graph(nodes, {"w": weights(6, 3, 1, 1)}, inputs={"image": [1, 3, 4, 4]}, outputs=["out"])
    placement = place(model, {"image": (-1.0, 1.0), "x": (-1.0, 1.0)})
    assert placement.float_nodes == ("y_node",)
    assert placement.extra_op_types == ()


def test_scores_get_the_whole_range_of_a_sigmoid_and_gates_only_where_they_nearly_fill_it(graph: Graph) -> None:
    nodes = [
        node("Conv", ["image", "w"], ["x"]),
        node("HardSigmoid", ["x"], ["low"]),
        node("Mul", ["x", "low"], ["y"]),
        node("Sigmoid", ["y"], ["high"]),
        node("Mul", ["y", "high"], ["z"]),
        node("Conv", ["z", "w_last"], ["logits"]),
        node("Sigmoid", ["logits"], ["out"]),
    ]
    fixed = {"w": weights(6, 3, 1, 1), "w_last": weights(2, 6, 1, 1)}
    model = graph(nodes, fixed, inputs={"image": [1, 3, 4, 4]}, outputs=["out"])
    placement = place(model, ranges(model, low=(0.4, 0.6), high=(0.1, 0.93), out=(0.0, 0.3)))
    assert placement.fixed_ranges == {"high": (0.0, 1.0), "out": (0.0, 1.0)}
