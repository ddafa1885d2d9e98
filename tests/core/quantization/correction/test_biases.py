"""Own the checks of bias correction against shifts computed by hand and by running both graphs."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from zoo_core.quantization.correction.biases import correct_biases
from zoo_core.quantization.tapping import TappedModel

PIXELS = np.array([1.0, 2.0, 3.0, 2.0])


def by_hand(model, *, bias: bool, float_bias: bool = False):
    """Return weights 1.3 and -0.6 quantized to 1 and -1 (scale 1), an input of scale 0.5, and the float graph.

    The float outputs exceed the quantized ones by 0.3 and 0.4 times the pixel.
    """
    conv = ["x", "wd", *(["b"] if bias else [])]
    source = "input"
    original = model(
        [helper.make_node("Conv", [source, "w", *(["b"] if bias else [])], ["output"], "conv")],
        {"w": np.array([1.3, -0.6]).reshape(2, 1, 1, 1), **({"b": np.array([1.0, -2.0])} if bias else {})},
        [1, 1, 2, 2],
        [1, 2, 2, 2],
    )
    constants = {
        "w_quantized": np.array([1, -1], np.int8).reshape(2, 1, 1, 1),
        "w_scale": np.float32(1),
        "w_zero_point": np.int8(0),
        "x_scale": np.float32(0.5),
        "x_zero_point": np.int8(0),
    }
    nodes = [
        helper.make_node("QuantizeLinear", [source, "x_scale", "x_zero_point"], ["xq"], "q"),
        helper.make_node("DequantizeLinear", ["xq", "x_scale", "x_zero_point"], ["x"], "dq"),
        helper.make_node("DequantizeLinear", ["w_quantized", "w_scale", "w_zero_point"], ["wd"], "dw"),
        helper.make_node("Conv", conv, ["output"], "conv"),
    ]
    if bias and float_bias:
        constants["b"] = np.array([1.0, -2.0])
    elif bias:
        constants |= {"b_quantized": np.array([2, -4], np.int32), "b_scale": np.array([0.5], np.float32)}
        constants["b_zero_point"] = np.int32(0)
        names = ["b_quantized", "b_scale", "b_zero_point"]
        nodes.insert(0, helper.make_node("DequantizeLinear", names, ["b"], "db"))
    return model(nodes, constants, [1, 1, 2, 2], [1, 2, 2, 2]), original


def constant(graph, name):
    return next(numpy_helper.to_array(tensor) for tensor in graph.graph.initializer if tensor.name == name)


def test_integer_bias_moves_by_the_mean_error_in_its_own_steps(model, given, bars):
    quantized, original = by_hand(model, bias=True)
    report = correct_biases(quantized, original, given([PIXELS.reshape(1, 1, 2, 2)]), bars)
    # mean pixel 2: errors 0.6 and 0.8 are 1.2 and 1.6 steps of 0.5
    np.testing.assert_array_equal(constant(quantized, "b_quantized"), [2 + 1, -4 + 2])
    assert report.kept
    assert report.layers[0].error == pytest.approx(0.8)
    assert report.layers[0].remaining == pytest.approx(0.2)


def test_float_bias_takes_the_mean_error_whole(model, given, bars):
    quantized, original = by_hand(model, bias=True, float_bias=True)
    correct_biases(quantized, original, given([PIXELS.reshape(1, 1, 2, 2)]), bars)
    np.testing.assert_allclose(constant(quantized, "b"), [1.6, -1.2], rtol=1e-6)


def test_layer_without_bias_gets_an_integer_one_of_the_scale_of_its_products(model, given, bars):
    quantized, original = by_hand(model, bias=False)
    correct_biases(quantized, original, given([PIXELS.reshape(1, 1, 2, 2)]), bars)
    onnx.checker.check_model(quantized, full_check=True)
    conv = next(node for node in quantized.graph.node if node.op_type == "Conv")
    maker = next(node for node in quantized.graph.node if conv.input[2] in node.output)
    integers, scale, zero = (constant(quantized, name) for name in maker.input)
    assert integers.dtype == np.int32
    assert scale == 0.5
    assert zero == 0
    np.testing.assert_array_equal(integers, [1, 2])


def test_means_are_taken_over_all_images(model, given, bars):
    quantized, original = by_hand(model, bias=True, float_bias=True)
    first, second = np.full((1, 1, 2, 2), 1.0), np.full((1, 1, 2, 2), 5.0)
    correct_biases(quantized, original, given([first, second, first, second]), bars, images=4)
    np.testing.assert_allclose(constant(quantized, "b"), [1.0 + 0.3 * 3, -2.0 + 0.4 * 3], rtol=1e-6)


def test_integer_bias_stops_at_the_end_of_32_bits(model, given, bars):
    quantized, original = by_hand(model, bias=True)
    last = 2**31 - 1
    for tensor in quantized.graph.initializer:
        if tensor.name == "b_quantized":
            tensor.CopyFrom(numpy_helper.from_array(np.array([last, 0], np.int32), tensor.name))
    for tensor in original.graph.initializer:
        if tensor.name == "b":
            value = np.array([last * 0.5 * 1.5, 0.0], np.float32)
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    correct_biases(quantized, original, given([PIXELS.reshape(1, 1, 2, 2)]), bars)
    assert constant(quantized, "b_quantized")[0] == last


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("options", [{}, {"QuantizeBias": False}, {"AddQDQPairToWeight": True}])
def test_mean_error_of_every_layer_and_channel_vanishes(quantized_pair, images, bars, per_channel, options):
    quantized, original = quantized_pair(per_channel=per_channel, weights="QInt4", **options)
    calibration = images(6)
    taps = {"stem": "a", "depthwise": "c", "grouped": "e", "head": "output"}
    report = correct_biases(quantized, original, calibration, bars, images=6)
    nodes = {node.name: node for node in quantized.graph.node}
    here = TappedModel(quantized, [nodes[name].output[0] for name in taps])
    there = TappedModel(original, list(taps.values()))
    assert [layer.name for layer in report.layers] == list(taps)
    errors = {name: [] for name in taps}
    for image in calibration:
        found, expected = here.run(image), there.run(image)
        for name, tensor in taps.items():
            difference = expected[tensor] - found[nodes[name].output[0]]
            errors[name].append(difference.mean(axis=tuple({0, *range(2, difference.ndim)})))
    for layer in report.layers:
        mean = np.abs(np.mean(errors[layer.name], axis=0)).max()
        assert mean <= layer.remaining + 1e-5
        assert mean < 0.1 * layer.error
    assert report.snr_after > report.snr_before


def test_correction_that_does_not_help_is_taken_back(model, given, bars):
    """One image, the middle of 49, gives the means; its errors are a hundred times those of the 48 that judge."""
    quantized, original = by_hand(model, bias=True, float_bias=True)
    before = quantized.SerializeToString(deterministic=True)
    images = [np.full((1, 1, 2, 2), 50.0 if number == 24 else 0.5) for number in range(49)]
    report = correct_biases(quantized, original, given(images), bars, images=1)
    assert report.layers[0].error == pytest.approx(20.0)
    assert not report.kept
    assert report.snr_after < report.snr_before
    assert quantized.SerializeToString(deterministic=True) == before
