"""Graphs with single layers in float or in integers, against onnxruntime's own exclusion of nodes."""

import numpy as np
import onnx
import pytest

from zoo_core.errors import UserError
from zoo_core.quantization.diagnosis.noise import LIMIT_DB, measure_noise, output_snr
from zoo_core.quantization.diagnosis.pairing import pair_graphs
from zoo_core.quantization.diagnosis.sensitivity import layer_sensitivity, rank_layers
from zoo_core.quantization.diagnosis.single_layers import INPUT, only_quantized, without_quantization
from zoo_core.quantization.graph import prepare_graph
from zoo_core.quantization.tapping import TappedModel


def outputs(model, images):
    tapped = TappedModel(model, ["output"])
    return np.concatenate([tapped.run(image)["output"] for image in images])


def kinds(model):
    return [node.op_type for node in model.graph.node]


@pytest.fixture
def prepared(save_network, tmp_path):
    return onnx.load(str(prepare_graph(save_network(batch=1), 17, tmp_path)))


@pytest.fixture
def pictures(images):
    return images(5)


NODES = ["stem_conv", "deep_conv", "join", "pool", "head"]


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize("per_channel", [True, False])
def test_layer_in_float_is_what_excluding_its_node_gives(prepared, quantized, pictures, name, per_channel):
    ours = without_quantization(quantized(prepared, pictures, per_channel=per_channel), prepared, [name])
    excluded = quantized(prepared, pictures, per_channel=per_channel, excluded=[name])
    np.testing.assert_allclose(outputs(ours, pictures), outputs(excluded, pictures), rtol=0, atol=1e-5)


def test_several_layers_in_float_are_what_excluding_their_nodes_gives(prepared, quantized, pictures):
    names = ["stem_conv", "stem_relu", "deep_conv"]
    ours = without_quantization(quantized(prepared, pictures), prepared, ["stem_conv", "deep_conv"])
    excluded = quantized(prepared, pictures, excluded=names)
    np.testing.assert_allclose(outputs(ours, pictures), outputs(excluded, pictures), rtol=0, atol=1e-5)


def test_layers_can_be_taken_out_one_after_the_other(prepared, quantized, pictures):
    found = quantized(prepared, pictures)
    both = without_quantization(found, prepared, ["stem_conv", "deep_conv"])
    one = without_quantization(found, prepared, ["deep_conv"])
    np.testing.assert_array_equal(
        outputs(without_quantization(one, prepared, ["stem_conv"]), pictures), outputs(both, pictures)
    )


@pytest.mark.parametrize("activation", ["Relu", "Clip"])
def test_all_layers_in_float_are_the_float_model(convolutions, quantized, batch, activation):
    rng = np.random.default_rng(1)
    model = convolutions(4 * rng.normal(size=(16, 3)), rng.normal(size=(4, 16)), activation=activation)
    images = batch()
    found = quantized(model, images)
    assert activation not in kinds(found)
    restored = without_quantization(found, model, ["first", "second"])
    assert activation in kinds(restored)
    assert "QuantizeLinear" not in kinds(restored)
    assert output_snr(restored, model, images) == LIMIT_DB
    assert {tensor.data_type for tensor in restored.graph.initializer} == {onnx.TensorProto.FLOAT}


def test_argument_stays_as_it_is(prepared, quantized, pictures):
    found = quantized(prepared, pictures)
    before = found.SerializeToString()
    without_quantization(found, prepared, ["deep_conv"])
    assert found.SerializeToString() == before


def test_unknown_layer_is_refused_with_the_nearest_name(prepared, quantized, pictures):
    with pytest.raises(UserError, match='no layer "stem_con"') as caught:
        without_quantization(quantized(prepared, pictures), prepared, ["stem_con"])
    assert "stem_conv" in str(caught.value.hint)


def test_noise_of_single_layers_is_what_noise_says_of_their_output(convolutions, quantized, batch, bars):
    rng = np.random.default_rng(1)
    model = convolutions(rng.normal(size=(16, 3)), rng.normal(size=(4, 16)))
    images = batch()
    found = quantized(model, images)
    pair = pair_graphs(found, model)
    rows = {row.tensor: row for row in measure_noise(found, model, images, bars)}
    last = only_quantized(pair, "second")
    assert output_snr(last, model, images) == pytest.approx(rows["output"].own, abs=0.05)
    assert kinds(last).count("Relu") == 1
    first = only_quantized(pair, "first")
    tapped = TappedModel(first, ["b"])
    wanted = TappedModel(model, ["b"])
    signal = noise = 0.0
    for image in images:
        x, y = wanted.run(image)["b"], tapped.run(image)["b"]
        signal, noise = signal + float((x**2).sum()), noise + float(((x - y) ** 2).sum())
    assert 10 * np.log10(signal / noise) == pytest.approx(rows["b"].own, abs=0.05)
    only_input = only_quantized(pair, INPUT)
    assert kinds(only_input).count("QuantizeLinear") == 1
    assert output_snr(only_input, model, images) < 60


def test_every_layer_can_be_quantized_alone(prepared, quantized, pictures):
    found = quantized(prepared, pictures)
    pair = pair_graphs(found, prepared)
    for name in (INPUT, *(layer.name for layer in pair.layers)):
        model = only_quantized(pair, name)
        onnx.checker.check_model(model, full_check=True)
        assert output_snr(model, prepared, pictures) >= output_snr(found, prepared, pictures) - 1


def test_each_layer_is_measured_once_in_the_order_asked_for(prepared, quantized, pictures, bars):
    found = quantized(prepared, pictures)
    layers = rank_layers(measure_noise(found, prepared, pictures, bars))
    assert set(layers) == {"", "stem_conv", "deep_conv", "join", "pool", "flat", "head"}
    titles = []
    effects = layer_sensitivity(found, prepared, layers[:3], lambda _, title: titles.append(title) or 1.0, bars)
    assert [effect.layer for effect in effects] == list(layers[:3])
    assert len(titles) == 3
