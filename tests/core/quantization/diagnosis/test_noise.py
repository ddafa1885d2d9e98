"""Noise of tensors against closed formulas and against a calculation by hand."""

import math

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from zoo_core.errors import DataError, UserError
from zoo_core.quantization.diagnosis.noise import LIMIT_DB, decibels, measure_noise, output_snr

STEP = 0.05


def rounded(values, scale, zero_point=0):
    return (np.clip(np.rint(values / scale) + zero_point, -128, 127) - zero_point) * scale


def ratio(wanted, got):
    return 10 * math.log10(np.square(wanted, dtype=np.float64).sum() / np.square(wanted - got, dtype=np.float64).sum())


def constants(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def by_tensor(rows):
    return {row.tensor: row for row in rows}


def matrix(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.fixture
def pair(convolutions, quantized, batch):
    model = convolutions(matrix(1, 16, 3), matrix(2, 4, 16))
    return quantized(model, batch()), model


def test_noise_of_rounding_is_a_twelfth_of_the_squared_step(graph, quantized, batch, bars):
    # Widrow: rounding a spread-out signal to steps of s adds noise of power s^2 / 12.
    weight = np.random.default_rng(3).uniform(-1, 1, size=(64, 64, 1, 1))
    model = graph([helper.make_node("Conv", ["input", "w"], ["output"], "only")], {"w": weight}, shape=(64, 8, 8))
    images = batch(shape=(64, 8, 8), draw="uniform")
    found = quantized(model, images)
    rows = by_tensor(measure_noise(found, model, images, bars))
    stored = constants(found)
    power = 1.0 / 3.0  # of numbers that are uniform between -1 and 1
    for tensor in ("input", "w"):
        expected = 10 * math.log10(power / (float(stored[f"{tensor}_scale"]) ** 2 / 12))
        assert rows[tensor].own == pytest.approx(expected, abs=0.2)


def test_both_senses_agree_with_a_calculation_by_hand(pair, batch, bars):
    found, model = pair
    images = batch()
    rows = by_tensor(measure_noise(found, model, images, bars))
    stored, floats = constants(found), constants(model)
    x = np.concatenate(list(images))
    apply = lambda weight, values: np.einsum("oi,nihw->nohw", weight[:, :, 0, 0], values)  # noqa: E731
    grid = lambda name, values: rounded(values, stored[f"{name}_scale"], int(stored[f"{name}_zero_point"]))  # noqa: E731
    weight = {name: stored[f"{name}_quantized"] * stored[f"{name}_scale"] for name in ("w1", "w2")}
    b = np.maximum(apply(floats["w1"], x), 0)
    output = apply(floats["w2"], b)
    whole_b = grid("b", apply(weight["w1"], grid("input", x)))
    whole_output = grid("output", apply(weight["w2"], whole_b))
    assert rows["b"].layer == "first"
    assert rows["b"].own == pytest.approx(ratio(b, grid("b", apply(weight["w1"], x))), abs=0.05)
    assert rows["b"].step == pytest.approx(ratio(b, grid("b", b)), abs=0.05)
    linear = apply(floats["w1"], x)
    assert rows["b"].stored == pytest.approx(ratio(linear, apply(weight["w1"], x)), abs=0.05)
    error = linear - apply(weight["w1"], x)
    share = np.square(error.mean(axis=(0, 2, 3))).sum() / np.square(error).mean(axis=(0, 2, 3)).sum()
    assert rows["b"].shift == pytest.approx(share, abs=1e-3)
    wanted, got = b, grid("b", apply(weight["w1"], x))
    lost = np.square(wanted - got).sum(axis=(0, 2, 3)) / np.square(wanted).sum(axis=(0, 2, 3))
    assert rows["b"].channels == pytest.approx(-10 * math.log10(np.minimum(lost, 1).mean()), abs=0.05)
    assert rows["b"].accumulated == pytest.approx(ratio(b, whole_b), abs=0.05)
    assert rows["output"].accumulated == pytest.approx(ratio(output, whole_output), abs=0.05)
    assert rows["w1"].own == pytest.approx(ratio(floats["w1"], weight["w1"][:, :, :, :]), abs=0.05)
    assert output_snr(found, model, images) == pytest.approx(rows["output"].accumulated, abs=0.05)


def test_clip_that_the_range_stands_for_is_no_noise(convolutions, quantized, batch, bars):
    model = convolutions(8 * matrix(1, 16, 3), matrix(2, 4, 16), activation="Clip")
    images = batch()
    found = quantized(model, images, per_channel=True)
    assert not any(node.op_type == "Clip" for node in found.graph.node)
    rows = by_tensor(measure_noise(found, model, images, bars))
    assert rows["b"].own > 35


def test_worst_tensor_comes_first_and_every_image_is_read_once(pair, batch, bars):
    images = batch()
    rows = measure_noise(*pair, images, bars)
    assert [row.own for row in rows] == sorted(row.own for row in rows)
    assert images.reads == len(images) == bars.steps


def test_some_images_are_taken_at_even_distances(pair, batch, bars):
    images = batch(9)
    some = batch(9)
    some.images = [some.images[index] for index in (0, 3, 6)]
    assert measure_noise(*pair, images, bars, images=3) == measure_noise(*pair, some, bars)
    assert output_snr(*pair, images, images=3) == output_snr(*pair, some)


def test_float_model_has_no_noise(pair, batch):
    assert output_snr(pair[1], pair[1], batch()) == LIMIT_DB


def test_ratio_of_special_powers():
    assert decibels(100.0, 1.0) == pytest.approx(20.0)
    assert decibels(1.0, 0.0) == LIMIT_DB
    assert decibels(0.0, 1.0) == -LIMIT_DB
    assert decibels(1.0, math.nan) == -LIMIT_DB
    assert decibels(1.0, math.inf) == -LIMIT_DB


def test_concatenation_shows_the_operand_that_its_scale_crushes(graph, quantized, batch, bars):
    model = graph(
        [
            helper.make_node("Conv", ["input", "boxes"], ["large"], "boxes"),
            helper.make_node("Conv", ["input", "scores"], ["small"], "scores"),
            helper.make_node("Concat", ["large", "small"], ["output"], "join", axis=1),
        ],
        {"boxes": 200 * matrix(1, 4, 3)[:, :, None, None], "scores": 0.2 * matrix(2, 4, 3)[:, :, None, None]},
    )
    images = batch()
    rows = measure_noise(quantized(model, images), model, images, bars)
    operands = {row.tensor: row.own for row in rows if row.kind == "operand"}
    assert operands["small"] < 3
    assert operands["large"] > 30


def test_lower_opset_of_the_float_graph_is_no_hindrance(pair, batch, bars):
    found, model = pair
    older = onnx.version_converter.convert_version(model, 14)
    for node, source in zip(older.graph.node, model.graph.node, strict=True):
        assert node.name == source.name
    assert measure_noise(found, older, batch(), bars) == measure_noise(found, model, batch(), bars)


def test_graphs_that_do_not_belong_together_are_refused(pair, convolutions, batch, bars):
    found, model = pair
    other = convolutions(matrix(1, 8, 3), matrix(2, 4, 8))
    with pytest.raises(UserError, match="has the shape"):
        measure_noise(found, other, batch(), bars)
    for node in model.graph.node:
        node.name = f"other_{node.name}"
    with pytest.raises(UserError, match="no layer in common"):
        measure_noise(found, model, batch(), bars)


def test_no_images_are_refused(pair, batch, bars):
    with pytest.raises(DataError, match="no images"):
        measure_noise(*pair, batch(0), bars)
