"""Planted faults of quantized graphs are found, named and told apart from what is harmless."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from zoo_core.quantization.diagnosis.lint import lint
from zoo_core.quantization.graph import prepare_graph


@pytest.fixture
def clean(save_network, quantized, images, tmp_path):
    """Return the shared network, quantized per channel, one image at a time."""
    prepared = onnx.load(str(prepare_graph(save_network(batch=1), 17, tmp_path)))
    return quantized(prepared, images(5), per_channel=True)


@pytest.fixture
def chain(convolutions, quantized, batch):
    """Return conv-relu-conv, quantized per tensor."""
    rng = np.random.default_rng(1)
    bias = rng.normal(size=16)
    return quantized(convolutions(rng.normal(size=(16, 3)), rng.normal(size=(4, 16)), bias=bias), batch())


def codes(model):
    return {finding.code: finding.severity for finding in lint(model)}


def only(model, code):
    return next(finding for finding in lint(model) if finding.code == code)


def change(model, name, edit):
    """Replace a constant by what a function makes of it."""
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    values = numpy_helper.to_array(tensor).copy()
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(edit(values), values.dtype), name))


def node_named(model, name):
    return next(node for node in model.graph.node if node.name == name)


def test_sound_graph_gives_no_finding(clean):
    assert lint(clean) == ()


@pytest.mark.parametrize("value", [0.0, np.inf, np.nan, -1.0])
def test_scale_that_is_no_positive_number(chain, value):
    change(chain, "b_scale", lambda _: value)
    finding = only(chain, "scale")
    assert (finding.severity, finding.names) == ("error", ("b",))


def test_denormal_scale_and_infinite_range(chain):
    change(chain, "b_scale", lambda _: 1e-40)
    assert codes(chain)["denormal-scale"] == "error"
    change(chain, "b_scale", lambda _: 3e38)
    assert only(chain, "infinite-range").names == ("b",)


def test_bias_that_was_cut_off(chain):
    change(chain, "b1_quantized", lambda values: np.where(np.arange(16) == 3, 2**31 - 1, values))
    finding = only(chain, "bias-overflow")
    assert (finding.severity, finding.names) == ("error", ("first",))


def test_sum_that_can_leave_32_bits_is_counted_to_the_last_unit(chain):
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in chain.graph.initializer}
    zero = int(stored["input_zero_point"])
    inputs = np.array([-128, 127]) - zero
    products = int(np.abs(stored["w1_quantized"][0].astype(int)).sum() * np.abs(inputs).max())
    room = 2**31 - 1 - products
    change(chain, "b1_quantized", lambda values: np.where(np.arange(16) == 0, room, values))
    assert "sum-overflow" not in codes(chain)
    change(chain, "b1_quantized", lambda values: np.where(np.arange(16) == 0, room + 1, values))
    assert codes(chain)["sum-overflow"] == "warning"


def test_bias_of_another_scale_than_the_products(chain):
    change(chain, "b1_quantized_scale", lambda values: values * 1.5)
    assert only(chain, "bias-scale").names == ("first",)


def test_layer_left_in_float_between_quantized_ones(convolutions, graph, quantized, batch):
    rng = np.random.default_rng(1)
    weights = {f"w{index}": rng.normal(size=(3, 3, 1, 1)) for index in range(3)}
    names = ["input", "a", "b", "output"]
    nodes = [
        helper.make_node("Conv", [names[index], f"w{index}"], [names[index + 1]], f"conv{index}") for index in range(3)
    ]
    model = graph(nodes, weights)
    found = quantized(model, batch(), excluded=["conv1"])
    assert codes(found) == {"float-weight": "warning"}
    assert only(found, "float-weight").names == ("conv1",)
    together = only(quantized(model, batch(), excluded=["conv1", "conv2"]), "float-ends")
    assert together.names == ("conv2",)


def test_cheap_layers_in_float_are_one_note(graph, quantized, batch):
    nodes = [
        helper.make_node("Conv", ["input", "w"], ["a"], "conv"),
        helper.make_node("Softsign", ["a"], ["b"], "first_soft"),
        helper.make_node("Softsign", ["b"], ["c"], "second_soft"),
        helper.make_node("Conv", ["c", "w"], ["output"], "last"),
    ]
    model = graph(nodes, {"w": np.eye(3)[:, :, None, None]})
    found = quantized(model, batch(), excluded=["first_soft", "second_soft"])
    finding = only(found, "float-island")
    assert (finding.severity, finding.names) == ("note", ("first_soft", "second_soft"))
    assert "2 Softsign" in finding.message


def test_softmax_at_the_end_is_harmless(graph, quantized, batch):
    nodes = [
        helper.make_node("Conv", ["input", "w"], ["a"], "conv"),
        helper.make_node("Softmax", ["a"], ["output"], "soft", axis=1),
    ]
    found = quantized(graph(nodes, {"w": np.eye(3)[:, :, None, None]}), batch(), excluded=["soft"])
    assert codes(found) == {"float-ends": "note"}


def test_weight_left_in_float(chain):
    chain.graph.initializer.append(numpy_helper.from_array(np.ones((4, 16, 1, 1), np.float32), "bare"))
    node_named(chain, "second").input[1] = "bare"
    finding = only(chain, "float-weight")
    assert (finding.severity, finding.names) == ("warning", ("second",))
    assert "float-island" not in codes(chain)


def test_input_left_in_float(chain):
    node_named(chain, "second").input[0] = "b"
    assert only(chain, "float-input").names == ("second",)


def test_output_left_in_float(clean):
    node = node_named(clean, "join")
    node.input[0] = "d"
    finding = only(clean, "float-output")
    assert (finding.severity, finding.names) == ("warning", ("deep_conv",))


def test_batch_norm_left(graph, quantized, batch):
    nodes = [
        helper.make_node("Conv", ["input", "w"], ["a"], "conv"),
        helper.make_node("BatchNormalization", ["a", "s", "b", "m", "v"], ["output"], "norm"),
    ]
    ones, zeros = np.ones(3), np.zeros(3)
    model = graph(nodes, {"w": np.eye(3)[:, :, None, None], "s": ones, "b": zeros, "m": zeros, "v": ones})
    assert only(quantized(model, batch()), "batch-norm").names == ("norm",)


def test_activation_that_was_always_zero(convolutions, quantized, batch):
    rng = np.random.default_rng(1)
    found = quantized(convolutions(rng.normal(size=(16, 3)), np.zeros((4, 16))), batch())
    assert only(found, "zero-range").names == ("output_QuantizeLinear_Input",)


def test_dead_channels(convolutions, quantized, batch):
    weight = np.random.default_rng(1).normal(size=(16, 3))
    weight[5] = 0.0
    found = quantized(convolutions(weight, np.ones((4, 16))), batch(), per_channel=True)
    assert codes(found) == {"dead-channels": "note"}
    assert only(found, "dead-channels").names == ("w1_quantized",)


def test_operators_of_onnxruntime_only(convolutions, quantized, batch):
    rng = np.random.default_rng(1)
    model = convolutions(rng.normal(size=(16, 3)), rng.normal(size=(4, 16)))
    found = quantized(model, batch(), UseQDQContribOps=True)
    finding = only(found, "other-operators")
    assert finding.severity == "warning"
    assert "com.microsoft.QuantizeLinear" in finding.message
    assert set(codes(found)) == {"other-operators"}


def test_two_opsets_at_once(chain):
    chain.opset_import.append(helper.make_opsetid("ai.onnx", 13))
    assert "13, 17" in only(chain, "mixed-opsets").message


def test_free_number_of_images_is_a_note(chain):
    chain.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    assert codes(chain) == {"dynamic-batch": "note"}


def test_float_model_is_told_to_be_one(convolutions):
    assert codes(convolutions(np.ones((4, 3)), np.ones((4, 4)))) == {"not-quantized": "error"}


def test_many_places_are_one_line(graph, quantized, batch):
    names = ["input", *(f"t{index}" for index in range(6)), "output"]
    nodes = [helper.make_node("Conv", [names[index], "w"], [names[index + 1]], f"c{index}") for index in range(7)]
    found = quantized(graph(nodes, {"w": np.eye(3)[:, :, None, None]}), batch())
    for tensor in found.graph.initializer:
        if tensor.name.endswith("_scale"):
            tensor.CopyFrom(numpy_helper.from_array(np.zeros(tensor.dims, np.float32), tensor.name))
    finding = only(found, "scale")
    assert len(finding.names) == 9  # input, weight, six between and the output
    assert len(str(finding).splitlines()) == 1
    assert "and 6 more" in finding.message


def test_gravest_finding_comes_first(chain):
    chain.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    node_named(chain, "second").input[0] = "b"
    change(chain, "input_scale", lambda _: 0.0)
    severities = [finding.severity for finding in lint(chain)]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert severities[0] == "error"
    assert severities[-1] == "note"
