"""Random factors on the elements of a graph keep what it computes, whatever operators it has."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from zoo_core.quantization.equalization.elements import FIXED, Elements
from zoo_core.quantization.equalization.graph_editor import GraphEditor
from zoo_core.quantization.equalization.propagation import propagate
from zoo_core.quantization.equalization.scaling import apply_factors
from zoo_core.quantization.equalization.statistics import measure_shapes

RNG = np.random.default_rng(3)
IMAGE = RNG.normal(size=(1, 3, 8, 8)).astype(np.float32)


def weight(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape) / np.sqrt(np.prod(shape[1:]))


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, [name.strip("-") for name in inputs.split()], outputs.split(), **attributes)


STEM = [node("Conv", "input w0 b0", "x0", pads=[1, 1, 1, 1]), node("Relu", "x0", "x")]
HEAD = [node("Conv", "y w9 b9", "output")]
BASE = {"w0": weight(6, 3, 3, 3), "b0": weight(6, 1)[:, 0], "b9": weight(4, 1)[:, 0]}
IN_SIX = {"w9": weight(4, 6, 1, 1)}

CASES: dict[str, tuple[list[onnx.NodeProto], dict[str, Any], int]] = {
    # name: (nodes from x of 6 channels to y, constants, free elements)
    "plain": ([node("Identity", "x", "y")], IN_SIX, 6),
    "leaky": ([node("LeakyRelu", "x0", "y", alpha=0.1)], IN_SIX, 6),
    "prelu": ([node("PRelu", "x0 slope", "y")], {**IN_SIX, "slope": weight(6, 1, 1)}, 6),
    "pools": (
        [
            node("MaxPool", "x", "a", kernel_shape=[2, 2], strides=[2, 2]),
            node("AveragePool", "a", "b", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
            node("GlobalAveragePool", "b", "y"),
        ],
        IN_SIX,
        6,
    ),
    "depthwise has factors of its own on either side": (
        [node("Conv", "x wd", "d", group=6, pads=[1, 1, 1, 1]), node("Relu", "d", "y")],
        {**IN_SIX, "wd": weight(6, 1, 3, 3)},
        12,
    ),
    "grouped": (
        [node("Conv", "x wg bg", "y", group=2)],
        {**IN_SIX, "wg": weight(6, 3, 1, 1), "bg": weight(6, 1)[:, 0]},
        12,
    ),
    "residual shares one factor": (
        [node("Conv", "x wr br", "r"), node("Add", "r x", "s"), node("Relu", "s", "y")],
        {**IN_SIX, "wr": weight(6, 6, 1, 1), "br": weight(6, 1)[:, 0]},
        6,
    ),
    "constants follow": (
        [node("Add", "x c", "a"), node("Sub", "k a", "b"), node("Mul", "b m", "e"), node("Div", "e n", "y")],
        {**IN_SIX, "c": weight(6, 1, 1), "k": 0.7, "m": weight(1, 6, 1, 1), "n": 2.0},
        6,
    ),
    "one constant for two additions": (
        [node("Add", "x c", "a"), node("Conv", "a wr", "r"), node("Relu", "r", "q"), node("Add", "q c", "y")],
        {**IN_SIX, "c": weight(6, 1, 1), "wr": weight(6, 6, 1, 1)},
        12,
    ),
    "concat": (
        [node("Conv", "x wr", "r"), node("Concat", "x r", "y", axis=1)],
        {"w9": weight(4, 8, 1, 1), "wr": weight(2, 6, 1, 1)},
        8,
    ),
    "concat with the input": ([node("Concat", "x input", "y", axis=1)], {"w9": weight(4, 9, 1, 1)}, 6),
    "split": (
        [node("Split", "x sizes", "p q", axis=1), node("Relu", "q", "q1"), node("Concat", "q1 p", "y", axis=1)],
        {**IN_SIX, "sizes": np.array([2, 4])},
        6,
    ),
    "slice": (
        [node("Slice", "x starts ends axes steps", "y")],
        {"w9": weight(4, 3, 1, 1), "starts": np.array([-1]), "ends": np.array([-100]), "axes": np.array([1]),
         "steps": np.array([-2])},
        3,
    ),
    "gather": ([node("Gather", "x chosen", "y", axis=1)], {"w9": weight(4, 2, 1, 1), "chosen": np.array([4, 1])}, 2),
    "channel shuffle": (
        [node("Reshape", "x s1", "a"), node("Transpose", "a", "b", perm=[0, 2, 1, 3, 4]), node("Reshape", "b s2", "y")],
        {**IN_SIX, "s1": np.array([0, 2, 3, 8, 8]), "s2": np.array([0, 6, 8, 8])},
        6,
    ),
    "squeeze and excite": (
        [
            node("GlobalAveragePool", "x", "g"), node("Conv", "g ws bs", "s0"), node("Relu", "s0", "s"),
            node("Conv", "s we", "e"), node("Sigmoid", "e", "gate"), node("Mul", "gate x", "y"),
        ],
        {**IN_SIX, "ws": weight(2, 6, 1, 1), "bs": weight(2, 1)[:, 0], "we": weight(6, 2, 1, 1)},
        8,
    ),
    "swish cannot be scaled": ([node("Sigmoid", "x0", "s"), node("Mul", "x0 s", "y")], IN_SIX, 0),
    "hard swish cannot be scaled": ([node("HardSwish", "x0", "y")], IN_SIX, 0),
    "padding with zeros": (
        [node("Pad", "x pads", "y")],
        {"w9": weight(4, 8, 1, 1), "pads": np.array([0, 1, 1, 1, 0, 1, 0, 0])},
        6,
    ),
    "padding with ones": ([node("Pad", "x pads one", "y")],
                          {**IN_SIX, "pads": np.array([0, 0, 1, 1, 0, 0, 0, 0]), "one": 1.0}, 0),
    "resize": ([node("Resize", "x - scales", "y", mode="linear")], {**IN_SIX, "scales": np.array([1.0, 1, 2, 2])}, 6),
    "space to depth and back": (
        [node("SpaceToDepth", "x", "a", blocksize=2), node("Relu", "a", "b"),
         node("DepthToSpace", "b", "y", blocksize=2, mode="DCR")],
        IN_SIX,
        6,
    ),
    "transposed convolution": (
        [node("ConvTranspose", "x wt bt", "t", group=2, strides=[2, 2]), node("Relu", "t", "y")],
        {"w9": weight(4, 4, 1, 1), "wt": weight(6, 2, 2, 2), "bt": weight(4, 1)[:, 0]},
        10,
    ),
    "maximum of two": ([node("Conv", "x wr", "r"), node("Max", "x r", "y")], {**IN_SIX, "wr": weight(6, 6, 1, 1)}, 6),
    "computed weights": (
        [node("Softmax", "w0", "u"), node("Conv", "input u", "c"), node("Relu", "c", "y")], IN_SIX, 0),
    "read by an operator that is not known": (
        [node("Softplus", "x", "p"), node("Add", "p x", "y")], IN_SIX, 0),
}  # fmt: skip


def propagated(model: onnx.ModelProto) -> tuple[GraphEditor, Elements]:
    editor = GraphEditor(model)
    return editor, propagate(editor, measure_shapes(model, IMAGE))


def random_factors(elements: Elements) -> np.ndarray:
    representatives = elements.representatives()
    factors = 2.0 ** RNG.uniform(-6, 6, len(representatives))
    factors[FIXED] = 1.0
    return factors[representatives]


def free_elements(elements: Elements) -> int:
    made = [elements.labels[layer.target] for layer in elements.layers]
    read = [elements.labels[layer.source] for layer in elements.layers]
    both = [set(elements.representatives()[np.concatenate([a.ravel() for a in group])]) for group in (made, read)]
    return len((both[0] & both[1]) - {FIXED})


@pytest.mark.parametrize("name", CASES)
def test_factors_on_elements_keep_the_function(name: str, build: Any, run: Any) -> None:
    nodes, constants, free = CASES[name]
    stem = STEM if name != "computed weights" else []
    model = build([*stem, *nodes, *HEAD], {**BASE, **constants})
    (wanted,) = run(model, IMAGE)
    editor, elements = propagated(model)
    before = {tensor.name: tensor.SerializeToString() for tensor in model.graph.initializer}
    apply_factors(editor, elements, random_factors(elements))
    changed = {t.name for t in model.graph.initializer if before.get(t.name) != t.SerializeToString()}
    assert bool(changed) == bool(free)
    assert np.allclose(run(model, IMAGE)[0], wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())
    assert free_elements(elements) == free


@pytest.mark.parametrize("attributes", [{"transB": 1, "alpha": 0.5, "beta": 2.0}, {}])
def test_flattened_channels_belong_together(attributes: dict[str, Any], build: Any, run: Any) -> None:
    head = weight(5, 6 * 64) if attributes else weight(6 * 64, 5)
    nodes = [*STEM, node("Flatten", "x", "f"), node("Gemm", "f w b", "h", **attributes), node("Relu", "h", "r"),
             node("MatMul", "r v", "output")]  # fmt: skip
    model = build(nodes, {**BASE, "w": head, "b": weight(5, 1)[:, 0], "v": weight(5, 4)})
    (wanted,) = run(model, IMAGE)
    editor, elements = propagated(model)
    apply_factors(editor, elements, random_factors(elements))
    assert free_elements(elements) == 6 + 5
    assert np.allclose(run(model, IMAGE)[0], wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


def test_mean_over_height_and_width_lets_factors_through(build: Any) -> None:
    nodes = [*STEM, node("ReduceMean", "x", "m", axes=[2, 3], keepdims=0), node("MatMul", "m v", "output")]
    _, elements = propagated(build(nodes, {**BASE, "v": weight(6, 4)}))
    assert free_elements(elements) == 6


def test_mean_over_channels_joins_them(build: Any) -> None:
    nodes = [*STEM, node("ReduceMean", "x", "m", axes=[1]), node("Conv", "m v", "output")]
    _, elements = propagated(build(nodes, {**BASE, "v": weight(4, 1, 1, 1)}))
    assert free_elements(elements) == 1


def test_weights_that_two_layers_share_stay(build: Any) -> None:
    nodes = [*STEM, node("Conv", "x v", "p"), node("Conv", "p v", "y"), *HEAD]
    _, elements = propagated(build(nodes, {**BASE, **IN_SIX, "v": weight(6, 6, 1, 1)}))
    assert free_elements(elements) == 0


def test_outputs_inside_the_graph_stay(build: Any) -> None:
    _, elements = propagated(build([*STEM, node("Identity", "x", "y"), *HEAD], {**BASE, **IN_SIX},
                                   outputs=("output", "x")))  # fmt: skip
    assert free_elements(elements) == 0
