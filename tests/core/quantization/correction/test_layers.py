"""Own the checks of what counts as a layer: products with a bias added behind, shared biases, layers kept float."""

import numpy as np
import pytest
from onnx import helper, numpy_helper

from zoo_core.quantization.correction.bias_terms import can_shift, read_bias, shift_bias
from zoo_core.quantization.correction.biases import correct_biases
from zoo_core.quantization.correction.layers import pair_layers
from zoo_core.quantization.correction.rounding import learn_rounding


def tokens(model, opset=17):
    """Build a product over 36 tokens of 12 numbers, its bias added by a node of its own, and a product without."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Reshape", ["input", "shape"], ["t"], "cut"),
        helper.make_node("MatMul", ["t", "w"], ["m"], "dense"),
        helper.make_node("Add", ["b", "m"], ["a"], "dense_bias"),
        helper.make_node("Relu", ["a"], ["r"], "relu"),
        helper.make_node("MatMul", ["r", "v"], ["output"], "plain"),
    ]
    constants = {
        "shape": np.array([1, 36, 12]),
        "w": rng.normal(size=(12, 20)),
        "b": rng.normal(size=20) * 3,
        "v": rng.normal(size=(20, 6)),
    }
    return model(nodes, constants, [1, 3, 12, 12], [1, 36, 6], opset)


def test_bias_added_behind_a_product_belongs_to_it(model, quantized_pair, images, bars):
    quantized, original = quantized_pair(original=tokens(model, 21), weights="QInt4", per_channel=False)
    dense, plain = pair_layers(quantized, original)
    assert (dense.output, dense.original_output) == ("r", "a")  # the ReLU is left to the range of the Add's output
    assert can_shift(quantized, dense)
    assert not can_shift(quantized, plain)
    before = read_bias(quantized, dense)
    report = correct_biases(quantized, original, images(8), bars)
    moved = read_bias(quantized, dense) - before
    assert report.layers[0].error - report.layers[0].remaining <= np.abs(moved).max() + 1e-9
    assert report.layers[1].remaining == report.layers[1].error


def test_products_are_learned_over_all_tokens(model, quantized_pair, images, bars):
    quantized, original = quantized_pair(original=tokens(model, 21), weights="QInt4", per_channel=False)
    report = learn_rounding(quantized, original, images(8), bars)
    assert report.skipped == ()
    assert all(layer.after < layer.before for layer in report.layers)
    assert report.kept


def test_bias_that_two_layers_use_stays(model, quantized_pair, images, bars):
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Conv", ["input", "w1", "b"], ["a"], "one"),
        helper.make_node("Conv", ["input", "w2", "b"], ["c"], "two"),
        helper.make_node("Sub", ["a", "c"], ["output"], "both"),
    ]
    constants = {"w1": rng.normal(size=(4, 3, 1, 1)), "w2": rng.normal(size=(4, 3, 1, 1)), "b": rng.normal(size=4)}
    original = model(nodes, constants, [1, 3, 12, 12], [1, 4, 12, 12])
    quantized, original = quantized_pair(original=original, QuantizeBias=False)
    # onnxruntime copies a bias that two layers use; other quantizers need not
    first, second = (node for node in quantized.graph.node if node.op_type == "Conv")
    second.input[2] = first.input[2]
    one, two = pair_layers(quantized, original)
    assert not can_shift(quantized, one)
    assert not can_shift(quantized, two)
    correct_biases(quantized, original, images(4), bars)
    stored = next(tensor for tensor in quantized.graph.initializer if tensor.name == first.input[2])
    np.testing.assert_array_equal(numpy_helper.to_array(stored), constants["b"].astype(np.float32))


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_shift_counts_behind_the_factor_of_a_gemm(model, beta):
    """The shift is what the output gains, whatever a Gemm multiplies its bias by."""
    nodes = [
        helper.make_node("Flatten", ["input"], ["x"], "flat"),
        helper.make_node("DequantizeLinear", ["wq", "s"], ["w"], "dw"),
        helper.make_node("Gemm", ["x", "w", "b"], ["output"], "gemm", beta=beta, transB=1),
    ]
    constants = {"wq": np.ones((2, 3), np.int8), "s": np.float32(1), "b": np.array([1.0, 2.0])}
    quantized = model(nodes, constants, [1, 3, 1, 1], [1, 2])
    float_nodes = [nodes[0], helper.make_node("Gemm", ["x", "w", "b"], ["output"], "gemm", beta=beta, transB=1)]
    float_constants = {"w": np.ones((2, 3)), "b": np.array([1.0, 2.0])}
    original = model(float_nodes, float_constants, [1, 3, 1, 1], [1, 2])
    (layer,) = pair_layers(quantized, original)
    np.testing.assert_allclose(shift_bias(quantized, layer, np.array([0.5, -1.0])), [0.5, -1.0], rtol=1e-6)
    np.testing.assert_allclose(read_bias(quantized, layer), beta * np.array([1.0, 2.0]) + [0.5, -1.0], rtol=1e-6)
