"""Batch norms vanish from graphs and the outputs stay."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from zoo_core.quantization.equalization.batch_norm import remove_batch_norms
from zoo_core.quantization.equalization.graph_editor import GraphEditor

RNG = np.random.default_rng(1)
IMAGES = RNG.normal(size=(2, 3, 8, 8)).astype(np.float32)


def norm(prefix: str, channels: int, *, shift: bool = True) -> dict[str, np.ndarray]:
    mean = RNG.normal(size=channels) if shift else np.zeros(channels)
    return {
        f"{prefix}g": RNG.uniform(-2, 2, channels),
        f"{prefix}b": RNG.normal(size=channels) if shift else np.zeros(channels),
        f"{prefix}m": mean,
        f"{prefix}v": RNG.uniform(0.1, 4, channels),
    }


def norm_node(prefix: str, source: str, target: str) -> onnx.NodeProto:
    names = [source, *(f"{prefix}{letter}" for letter in "gbmv")]
    return helper.make_node("BatchNormalization", names, [target], epsilon=1e-3)


def conv(source: str, weight: str, target: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node("Conv", [source, weight], [target], **attributes)


WEIGHTS = {"w": RNG.normal(size=(4, 3, 3, 3)), "v": RNG.normal(size=(4, 4, 1, 1)), "u": RNG.normal(size=(4, 4, 3, 3))}
CASES: dict[str, tuple[list[onnx.NodeProto], dict[str, Any], int]] = {
    # name: (nodes, constants, convolutions afterwards)
    "behind a convolution": ([conv("input", "w", "a"), norm_node("n", "a", "output")], norm("n", 4), 1),
    "the convolution is read elsewhere too": (
        [conv("input", "w", "a"), norm_node("n", "a", "b"), helper.make_node("Add", ["a", "b"], ["output"])],
        norm("n", 4),
        2,
    ),
    "before a convolution": ([norm_node("n", "input", "a"), conv("a", "w", "output")], norm("n", 3), 1),
    "before two grouped ones": (
        [
            conv("input", "w", "a"), helper.make_node("Relu", ["a"], ["r"]), norm_node("n", "r", "b"),
            conv("b", "g", "c", group=2), conv("b", "g2", "d", group=4),
            helper.make_node("Add", ["c", "d"], ["output"]),
        ],
        {**norm("n", 4), "g": RNG.normal(size=(4, 2, 1, 1)), "g2": RNG.normal(size=(4, 1, 1, 1))},
        3,
    ),
    "padding sees the offset": (
        [norm_node("n", "input", "a"), conv("a", "w", "output", pads=[1, 1, 1, 1])], norm("n", 3), 2),
    "padding without offset": (
        [norm_node("n", "input", "a"), conv("a", "w", "output", pads=[1, 1, 1, 1])], norm("n", 3, shift=False), 1),
    "two in a row behind a function": (
        [helper.make_node("Relu", ["input"], ["r"]), norm_node("n", "r", "a"), norm_node("k", "a", "output")],
        {**norm("n", 3), **norm("k", 3)},
        1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_no_batch_norm_is_left_and_outputs_stay(name: str, build: Any, run: Any) -> None:
    nodes, constants, convolutions = CASES[name]
    model = build(nodes, {**WEIGHTS, **constants})
    (wanted,) = run(model, IMAGES)
    count = sum(node.op_type == "BatchNormalization" for node in model.graph.node)
    assert remove_batch_norms(GraphEditor(model), dict.fromkeys("arb", 4) | {"input": 4}) == count
    kinds = [node.op_type for node in model.graph.node]
    assert "BatchNormalization" not in kinds
    assert kinds.count("Conv") == convolutions
    onnx.checker.check_model(model)
    assert np.allclose(run(model, IMAGES)[0], wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())


def test_a_batch_norm_of_vectors_stays(build: Any) -> None:
    model = build([helper.make_node("Relu", ["input"], ["a"]), norm_node("n", "a", "output")], norm("n", 3), ("n", 3))
    assert remove_batch_norms(GraphEditor(model), {"a": 2}) == 0


def test_transposed_convolution_and_matrix_product(build: Any, run: Any) -> None:
    nodes = [
        helper.make_node("ConvTranspose", ["input", "t"], ["a"], strides=[2, 2]), norm_node("n", "a", "b"),
        helper.make_node("GlobalAveragePool", ["b"], ["p"]), helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w2", "b2"], ["h"]), norm_node("k", "h", "output"),
    ]  # fmt: skip
    constants = {"t": RNG.normal(size=(3, 5, 2, 2)), "w2": RNG.normal(size=(5, 6)), "b2": RNG.normal(size=(1, 6))}
    model = build(nodes, {**constants, **norm("n", 5), **norm("k", 6)})
    (wanted,) = run(model, IMAGES)
    assert remove_batch_norms(GraphEditor(model), {}) == 2
    assert np.allclose(run(model, IMAGES)[0], wanted, rtol=1e-4, atol=1e-5)
