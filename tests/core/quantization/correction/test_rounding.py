"""Own the checks of learned rounding: against all choices, against the convolution of torch, and its properties."""

import itertools

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from zoo_core.quantization.correction import rounding
from zoo_core.quantization.correction.descent import RoundingProblem, descend
from zoo_core.quantization.correction.layers import pair_layers
from zoo_core.quantization.correction.rounding import learn_rounding
from zoo_core.quantization.correction.samples import row_form

LAYERS = ["stem", "depthwise", "grouped", "head"]


def problem(seed, groups, outputs, inputs, rows, **changes):
    """Return a layer with correlated inputs, whose targets come from float inputs that differ a little."""
    rng = np.random.default_rng(seed)
    mix = np.eye(inputs) + 0.6 * rng.normal(size=(inputs, inputs))
    given = rng.normal(size=(groups, rows, inputs)) @ mix + 0.5
    weights = rng.normal(size=(groups, outputs, inputs)) * 3
    scale = np.broadcast_to(rng.uniform(0.05, 0.2, size=(groups, outputs, 1)), weights.shape)
    exact = given + 0.01 * rng.normal(size=given.shape)
    fields = {
        "inputs": given.astype(np.float32),
        "targets": (exact @ (weights * scale).transpose(0, 2, 1)).astype(np.float32),
        "weights": weights,
        "scale": scale,
        "zero_point": np.zeros(weights.shape, np.int64),
        "bias": np.zeros(groups * outputs),
        "free_bias": False,
        "limits": (-127, 127),
    }
    return RoundingProblem(**(fields | changes))


def mean_squares(layer, integers):
    return np.square(layer.errors(integers).astype(np.float64)).mean(axis=1)


@pytest.mark.parametrize("seed", range(8))
def test_six_weights_get_the_best_of_all_64_choices(seed):
    layer = problem(seed, groups=1, outputs=1, inputs=6, rows=2000)
    floor = np.floor(layer.weights).astype(np.int64)
    choices = [floor + np.array(ups) for ups in itertools.product((0, 1), repeat=6)]
    best = min(mean_squares(layer, choice).item() for choice in choices)
    found = descend(layer, np.rint(layer.weights).astype(np.int64))
    assert mean_squares(layer, found).item() == pytest.approx(best, rel=0.01)


@pytest.mark.parametrize("shape", [(1, 8, 30), (6, 1, 9), (3, 4, 18), (1, 3, 150)])
def test_rounding_is_never_worse_than_nearest_and_moves_by_one_step_at_most(shape):
    layer = problem(1, *shape, rows=100)
    nearest = np.rint(layer.weights).astype(np.int64)
    found = descend(layer, nearest)
    assert (mean_squares(layer, found) <= mean_squares(layer, nearest)).all()
    assert mean_squares(layer, found).sum() < 0.8 * mean_squares(layer, nearest).sum()
    assert (np.abs(found - layer.weights) < 1).all()


def test_weights_stay_within_the_limits():
    layer = problem(2, groups=1, outputs=4, inputs=20, rows=100, limits=(-2, 3))
    found = descend(layer, np.clip(np.rint(layer.weights), -2, 3).astype(np.int64))
    assert found.min() >= -2
    assert found.max() <= 3


def test_error_that_the_bias_can_take_does_not_move_weights():
    """Targets shifted by a constant lead to the same weights, because the bias is free."""
    layer = problem(3, groups=1, outputs=4, inputs=20, rows=200, free_bias=True)
    shifted = problem(3, groups=1, outputs=4, inputs=20, rows=200, free_bias=True, targets=layer.targets + 5)
    nearest = np.rint(layer.weights).astype(np.int64)
    np.testing.assert_array_equal(descend(layer, nearest), descend(shifted, nearest))


@pytest.mark.parametrize(
    ("channels", "options"),
    [
        ((6, 4, 3, 3), {"pads": [1, 0, 2, 1], "strides": [2, 1], "dilations": [1, 2]}),
        ((6, 1, 3, 3), {"group": 6, "pads": [1, 1, 1, 1]}),
        ((6, 2, 1, 1), {"group": 2}),
        ((6, 4, 3, 2), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
        ((6, 4, 3, 2), {"auto_pad": "SAME_LOWER"}),
    ],
)
def test_rows_times_matrix_is_the_convolution(model, channels, options):
    """Every output of onnxruntime's convolution is found again as a row of inputs times the weights as a matrix."""
    rng = np.random.default_rng(0)
    kernels = rng.normal(size=channels)
    inputs = channels[1] * options.get("group", 1)
    node = helper.make_node("Conv", ["input", "w"], ["output"], "conv", **options)
    original = model([node], {"w": kernels}, [1, inputs, 7, 8], [1, 6, None, None])
    form = row_form(stand_in(original, kernels))
    image = rng.normal(size=(1, inputs, 7, 8)).astype(np.float32)
    session = onnx.reference.ReferenceEvaluator(original)
    (expected,) = session.run(None, {"input": image})
    chosen = np.arange(form.positions(expected.shape))
    rows, outputs = form.draw_inputs(image, expected.shape, chosen), form.draw_outputs(expected, chosen)
    np.testing.assert_allclose(rows @ form.matrix(kernels).transpose(0, 2, 1), outputs, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(form.weights(form.matrix(kernels)), kernels)


def stand_in(original, kernels):
    class Layer:
        node = original.graph.node[0]
        float_weight = kernels

    return Layer()


@pytest.mark.parametrize("shape", [(5, 8), (8, 5)])
def test_rows_times_matrix_is_the_product_of_a_gemm(shape):
    transposed = shape == (5, 8)
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], "gemm", transB=int(transposed))
    weights = np.random.default_rng(0).normal(size=shape)

    class Layer:
        float_weight = weights

    Layer.node = node
    form = row_form(Layer())
    values = np.random.default_rng(1).normal(size=(1, 8)).astype(np.float32)
    expected = torch.nn.functional.linear(
        torch.from_numpy(values.astype(float)), torch.from_numpy(weights if transposed else weights.T)
    ).numpy()
    rows = form.draw_inputs(values, (1, 5), np.array([0]))
    np.testing.assert_allclose(rows @ form.matrix(weights).transpose(0, 2, 1), expected[None], rtol=1e-5)
    np.testing.assert_array_equal(form.weights(form.matrix(weights)), weights)


def integers_of(model, original):
    return {layer.name: layer.weight.read() for layer in pair_layers(model, original)}


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("weights", ["QInt4", "QInt8", "QUInt8"])
def test_graph_comes_closer_to_the_float_one_by_single_steps(quantized_pair, images, bars, per_channel, weights):
    quantized, original = quantized_pair(per_channel=per_channel, weights=weights)
    before = {tensor.name: tensor.data_type for tensor in quantized.graph.initializer}
    nearest = integers_of(quantized, original)
    report = learn_rounding(quantized, original, images(60), bars)
    onnx.checker.check_model(quantized, full_check=True)
    assert [layer.name for layer in report.layers] == LAYERS
    assert report.skipped == ()
    assert all(layer.after < layer.before for layer in report.layers)
    # with 8 bits the activations make most of the noise
    assert report.snr_after > report.snr_before + (3 if weights == "QInt4" else 0)
    assert report.kept
    for name, integers in integers_of(quantized, original).items():
        assert np.abs(integers - nearest[name]).max() <= 1
    after = {tensor.name: tensor.data_type for tensor in quantized.graph.initializer}
    assert before.items() <= after.items()


def test_weights_that_the_graph_quantizes_itself_are_learned_too(quantized_pair, images, bars):
    quantized, original = quantized_pair(weights="QInt4", AddQDQPairToWeight=True)
    assert learn_rounding(quantized, original, images(24), bars).kept
    folded, _ = quantized_pair(weights="QInt4")
    learn_rounding(folded, original, images(24), bars)
    expected = integers_of(folded, original)
    for name, integers in integers_of(quantized, original).items():
        np.testing.assert_array_equal(integers, expected[name])


def test_result_depends_on_the_seed_alone(quantized_pair, images, bars, monkeypatch):
    monkeypatch.setattr(rounding, "ROWS", 60)  # so few that every seed draws others
    quantized, original = quantized_pair(weights="QInt4")
    results = []
    for seed in (0, 0, 1):
        candidate = onnx.ModelProto()
        candidate.CopyFrom(quantized)
        learn_rounding(candidate, original, images(12), bars, seed=seed)
        results.append(candidate.SerializeToString(deterministic=True))
    assert results[0] == results[1]
    assert results[0] != results[2]


class StopError(Exception):
    pass


class StoppingBars:
    """Break off after some layers."""

    def __init__(self, layers):
        self._left = layers

    def track(self, description, total):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def advance(self, *_, **__):
        self._left -= 1
        if self._left == 0:
            raise StopError


def test_interrupted_run_goes_on_to_the_same_result(quantized_pair, images, bars, tmp_path):
    quantized, original = quantized_pair(weights="QInt4")
    whole, broken, resumed = onnx.ModelProto(), onnx.ModelProto(), onnx.ModelProto()
    for copy in (whole, broken, resumed):
        copy.CopyFrom(quantized)
    learn_rounding(whole, original, images(12), bars)
    with pytest.raises(StopError):
        learn_rounding(broken, original, images(12), StoppingBars(2), work_dir=tmp_path)
    report = learn_rounding(resumed, original, images(12), bars, work_dir=tmp_path)
    assert report.resumed == 2
    assert resumed.SerializeToString(deterministic=True) == whole.SerializeToString(deterministic=True)


def test_layers_of_other_settings_are_not_taken_up(quantized_pair, images, bars, tmp_path):
    quantized, original = quantized_pair(weights="QInt4")
    other = onnx.ModelProto()
    other.CopyFrom(quantized)
    learn_rounding(quantized, original, images(12), bars, work_dir=tmp_path)
    assert learn_rounding(other, original, images(11), bars, work_dir=tmp_path).resumed == 0


def test_learning_that_does_not_help_is_taken_back(quantized_pair, images, given, bars):
    """Learned from one image, the middle of 49, that is a uniform grey, the weights suit no other image."""
    quantized, original = quantized_pair(weights="QInt8")
    before = quantized.SerializeToString(deterministic=True)
    pictures = list(images(49))
    pictures[24] = np.full((1, 3, 12, 12), 30.0)
    report = learn_rounding(quantized, original, given(pictures), bars, images=1)
    assert report.snr_after < report.snr_before
    assert not report.kept
    assert quantized.SerializeToString(deterministic=True) == before


def test_transposed_convolution_is_named_as_skipped(model, quantized_pair, images, bars):
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("ConvTranspose", ["input", "w"], ["a"], "up", strides=[2, 2]),
        helper.make_node("Conv", ["a", "v"], ["output"], "conv"),
    ]
    constants = {"w": rng.normal(size=(3, 4, 2, 2)), "v": rng.normal(size=(2, 4, 1, 1))}
    original = model(nodes, constants, ["n", 3, 12, 12], ["n", 2, 24, 24])
    quantized, original = quantized_pair(per_channel=False, original=original)
    report = learn_rounding(quantized, original, images(8), bars)
    assert report.skipped == ("up",)
    assert [layer.name for layer in report.layers] == ["conv"]


def test_int4_weights_stay_int4(quantized_pair, images, bars):
    quantized, original = quantized_pair(weights="QInt4")
    learn_rounding(quantized, original, images(8), bars)
    stored = [
        tensor for tensor in quantized.graph.initializer if tensor.name in {f"w{n}_quantized" for n in range(1, 5)}
    ]
    assert [tensor.data_type for tensor in stored] == [onnx.TensorProto.INT4] * 4
    assert all(np.abs(numpy_helper.to_array(tensor).astype(int)).max() >= 7 for tensor in stored)
