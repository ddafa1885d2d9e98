"""Equalization as a whole: it keeps the function, brings rescaled graphs back, and undoes what breaks them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from zoo_core.errors import DataError
from zoo_core.quantization.equalization import equalize, sequence
from zoo_core.quantization.equalization.graph_editor import GraphEditor
from zoo_core.quantization.equalization.propagation import propagate
from zoo_core.quantization.equalization.scaling import apply_factors
from zoo_core.quantization.equalization.statistics import measure_channels, measure_shapes

RNG = np.random.default_rng(8)
SHAPE = (3, 8, 8)


def he(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))


def conv(source: str, name: str, target: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node("Conv", [source, f"{name}.w", f"{name}.b"], [target], f"{name}_conv", **attributes)


@pytest.fixture
def residual(build: Any) -> onnx.ModelProto:
    """Return a residual network with a depthwise layer and a classifier."""
    sizes = {"stem": (8, 3, 3, 3), "wide": (16, 8, 1, 1), "deep": (16, 1, 3, 3), "narrow": (8, 16, 1, 1)}
    constants = {f"{name}.w": he(*shape) for name, shape in sizes.items()}
    constants |= {f"{name}.b": 0.1 * RNG.normal(size=shape[0]) for name, shape in sizes.items()}
    nodes = [
        conv("input", "stem", "a", pads=[1, 1, 1, 1]), helper.make_node("Relu", ["a"], ["x"]),
        conv("x", "wide", "c"), helper.make_node("Relu", ["c"], ["d"]),
        conv("d", "deep", "e", group=16, pads=[1, 1, 1, 1]), helper.make_node("Relu", ["e"], ["f"]),
        conv("f", "narrow", "g"), helper.make_node("Add", ["g", "x"], ["h"]),
        helper.make_node("GlobalAveragePool", ["h"], ["p"]), helper.make_node("Flatten", ["p"], ["q"]),
        helper.make_node("Gemm", ["q", "head.w", "head.b"], ["output"], transB=1),
    ]  # fmt: skip
    return build(nodes, {**constants, "head.w": he(5, 8), "head.b": RNG.normal(size=5)}, ("batch", *SHAPE))


def weights(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def sabotage(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose channels are rescaled by 2^-6 to 2^6 without changing what it computes."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    editor = GraphEditor(copy)
    elements = propagate(editor, measure_shapes(copy, np.zeros((1, *SHAPE), np.float32)))
    representatives = elements.representatives()
    factors = 2.0 ** RNG.uniform(-6, 6, len(representatives))
    factors[0] = 1.0
    apply_factors(editor, elements, factors[representatives])
    return copy


@pytest.mark.parametrize("per_channel", [True, False])
def test_a_rescaled_network_becomes_what_the_original_becomes(
    residual: onnx.ModelProto, images: Callable[..., Any], bars: Any, per_channel: bool
) -> None:
    rescaled = sabotage(residual)
    before = weights(rescaled)
    assert max(np.abs(before[name] / value).max() for name, value in weights(residual).items()) > 8
    for model in (residual, rescaled):
        report = equalize(model, images(6, shape=SHAPE), bars, per_channel=per_channel)
        assert report.parity < 1e-4
        assert report.notes == ()
        assert report.layers == 5
        assert report.channels == 8 + 16 + 16
    found = weights(rescaled)
    for name, value in weights(residual).items():
        # A factor common to all channels of a tensor changes no rounding, so each weight is compared by its own range.
        assert np.allclose(found[name] / np.abs(found[name]).max(), value / np.abs(value).max(), atol=0.05), name


def fake_quantized(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose weights are rounded to 8 bits per tensor."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if value.ndim > 1:
            step = np.abs(value).max() / 127
            tensor.CopyFrom(numpy_helper.from_array((np.round(value / step) * step).astype(np.float32), tensor.name))
    return copy


def test_rounded_weights_cost_a_rescaled_network_little_after_equalization(
    residual: onnx.ModelProto, images: Any, bars: Any, run: Any
) -> None:
    rescaled = sabotage(residual)
    probe = np.concatenate(list(images(16, shape=SHAPE)))
    (wanted,) = run(residual, probe)

    def error(model: onnx.ModelProto) -> float:
        (found,) = run(fake_quantized(model), probe)
        return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))

    plain, broken = error(residual), error(rescaled)
    equalize(rescaled, images(6, shape=SHAPE), bars, per_channel=False)
    assert broken > 5 * plain
    assert error(rescaled) < 1.5 * plain


def test_a_step_that_changes_the_outputs_is_undone(
    residual: onnx.ModelProto, images: Any, bars: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(editor: GraphEditor, elements: Any, factors: np.ndarray) -> None:
        apply_factors(editor, elements, factors)
        layer = elements.layers[-1]
        layer.write_bias(editor, layer.read_bias(editor) + 0.01)

    before = residual.SerializeToString(deterministic=True)
    monkeypatch.setattr(sequence, "apply_factors", spoil)
    report = equalize(residual, images(3, shape=SHAPE), bars, per_channel=True)
    assert residual.SerializeToString(deterministic=True) == before
    assert report.channels == 0
    assert "Cross-layer equalization was undone" in report.notes[0]


def test_dead_channels_and_what_reads_them_lose_their_weights(
    residual: onnx.ModelProto, images: Any, bars: Any
) -> None:
    for tensor in residual.graph.initializer:
        value = numpy_helper.to_array(tensor).copy()
        if tensor.name == "wide.w":
            value[3] = 1e-14
        if tensor.name == "wide.b":
            value[3] = -1.0
        tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    report = equalize(residual, images(3, shape=SHAPE), bars, per_channel=True)
    found = weights(residual)
    assert report.dead_channels == 2
    assert not found["wide.w"][3].any()
    assert not found["deep.w"][3].any()
    assert found["deep.w"][4].all()


def test_a_channel_no_image_moves_keeps_its_weights(residual: onnx.ModelProto, images: Any, bars: Any) -> None:
    for tensor in residual.graph.initializer:
        if tensor.name == "wide.b":
            value = numpy_helper.to_array(tensor).copy()
            value[3] = -50.0
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    report = equalize(residual, images(3, shape=SHAPE), bars, per_channel=True)
    assert report.dead_channels == 0
    assert weights(residual)["deep.w"][3].all()


@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 1, 1, 1]])
def test_a_bias_that_no_image_falls_below_moves_behind_the_relu(
    pads: list[int], build: Any, images: Any, bars: Any, run: Any
) -> None:
    nodes = [conv("input", "one", "a"), helper.make_node("Relu", ["a"], ["b"]), conv("b", "two", "output", pads=pads)]
    constants = {"one.w": he(4, 3, 1, 1), "one.b": [0.0, 90.0, 0.0, 80.0], "two.w": he(5, 4, 3, 3), "two.b": [0.1] * 5}
    model = build(nodes, constants, ("batch", *SHAPE))
    probe = next(iter(images(1, shape=SHAPE)))
    (wanted,) = run(model, probe)
    report = equalize(model, images(6, shape=SHAPE), bars, per_channel=True)
    assert report.shifted_channels == (0 if any(pads) else 2)
    assert np.allclose(run(model, probe)[0], wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())
    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    tapped.graph.output.append(onnx.ValueInfoProto(name="b"))
    lows = np.concatenate([run(tapped, image)[1] for image in images(6, shape=SHAPE)]).min(axis=(0, 2, 3))
    highs = np.concatenate([run(tapped, image)[1] for image in images(6, shape=SHAPE)]).max(axis=(0, 2, 3))
    assert (lows / highs > 0.5).sum() == (2 if any(pads) else 0)


def test_channels_clipped_at_six_keep_their_scale(build: Any, images: Any, bars: Any) -> None:
    nodes = [
        conv("input", "one", "a"), helper.make_node("Clip", ["a", "low", "high"], ["b"]),
        conv("b", "two", "c"), helper.make_node("Relu", ["c"], ["d"]), conv("d", "three", "output"),
    ]  # fmt: skip
    constants = {"low": 0.0, "high": 6.0, "one.w": he(4, 3, 1, 1), "two.w": he(5, 4, 1, 1), "three.w": he(2, 5, 1, 1)}
    constants |= {f"{name}.b": RNG.normal(size=size) for name, size in (("one", 4), ("two", 5), ("three", 2))}
    model = build(nodes, constants, ("batch", *SHAPE))
    first = weights(model)["one.w"].copy()
    report = equalize(model, images(3, shape=SHAPE), bars, per_channel=True)
    assert np.array_equal(weights(model)["one.w"], first)
    assert report.channels == 5


def test_the_small_network_of_the_other_tests_loses_its_batch_norm(save_network: Any, images: Any, bars: Any) -> None:
    for options in ({}, {"batch": 2}, {"channels_last": True}):
        model = onnx.load(str(save_network(**options)))
        report = equalize(model, images(3), bars, per_channel=False)
        assert report.batch_norms == 1
        assert report.parity < 1e-5
        onnx.checker.check_model(model, full_check=True)


def test_without_images_there_is_an_error(residual: onnx.ModelProto, images: Any, bars: Any) -> None:
    with pytest.raises(DataError, match="no images"):
        equalize(residual, images(0, shape=SHAPE), bars, per_channel=True)


def test_statistics_are_those_of_all_images(residual: onnx.ModelProto, images: Any, bars: Any, run: Any) -> None:
    tapped = onnx.ModelProto()
    tapped.CopyFrom(residual)
    tapped.graph.output.append(onnx.ValueInfoProto(name="e"))
    found = measure_channels(residual, {"e": 1}, images(5, shape=SHAPE), bars)["e"]
    values = np.concatenate([run(tapped, image)[1] for image in images(5, shape=SHAPE)])
    flat = values.transpose(1, 0, 2, 3).reshape(16, -1)
    assert np.allclose(found.low, flat.min(axis=1), atol=1e-5)
    assert np.allclose(found.high, flat.max(axis=1), atol=1e-5)
    assert np.allclose(found.variance, flat.var(axis=1), rtol=1e-4)
