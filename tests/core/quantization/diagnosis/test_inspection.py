"""Planted causes of a loss are named, ranked by what they cost, and written to files."""

import csv
import io
import json

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from zoo_core.quantization.diagnosis.files import write_inspection
from zoo_core.quantization.diagnosis.inspection import inspect
from zoo_core.quantization.tapping import TappedModel
from zoo_core.reporting.inspection_picture import LayerBar, draw_inspection, shortened
from zoo_core.results import MetricValue


def weights(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def report_of(inspection, name):
    return next(report for report in inspection.layers if report.layer == name)


def refuse(constant):
    raise AssertionError(constant)


def codes(inspection, name):
    return [reason.code for reason in report_of(inspection, name).reasons]


class Agreement:
    """Judge models by the share of places where the largest output is that of the float model."""

    split = "validation"

    def __init__(self, model, images, *, higher_is_better=True):
        self._images = images
        self._wanted = [self._decide(model, image) for image in images]
        self._higher = higher_is_better
        self.titles = []
        self.asked = set()

    def __len__(self):
        return len(self._images)

    def _decide(self, model, image):
        return TappedModel(model, ["output"]).run(image)["output"].argmax(axis=1)

    def measure(self, path, title, *, images=None):
        model = onnx.load(str(path))
        self.titles.append(title)
        self.asked.add(images)
        pairs = zip(self._wanted, self._images, strict=True)
        share = 100 * float(np.mean([(self._decide(model, image) == wanted).mean() for wanted, image in pairs]))
        return MetricValue(
            name="top1",
            value=share if self._higher else 100 - share,
            unit="%",
            higher_is_better=self._higher,
            split=self.split,
        )


@pytest.fixture
def sabotaged(convolutions, quantized, batch):
    """Return a model whose first weight has channels of very different size, which the second makes up for."""
    factors = 2.0 ** np.linspace(-7, 7, 16)
    model = convolutions(weights(1, 16, 3) * factors[:, None], weights(2, 4, 16) / factors)
    return quantized(model, batch()), model


def test_wide_spread_of_channels_is_named_and_gone_per_channel(sabotaged, quantized, batch, bars):
    found, model = sabotaged
    inspection = inspect(found, model, batch(), bars)
    assert report_of(inspection, "first").own > 25  # as a whole its output looks sound
    assert codes(inspection, "first") == ["channel_spread", "activation_spread"]
    text = str(report_of(inspection, "first").reasons[0])
    assert "quantization.optimize: True" in text
    assert "granularity: per_channel" in text
    assert codes(inspection, "second") == ["input_spread"]
    per_channel = inspect(quantized(model, batch(), per_channel=True), model, batch(), bars)
    assert "channel_spread" not in [reason.code for layer in per_channel.layers for reason in layer.reasons]


def test_outlier_of_an_activation_is_named(convolutions, quantized, batch, bars):
    model = convolutions(np.abs(weights(1, 16, 3)), weights(2, 4, 16))
    many = batch(40)  # so many that the outlier is less than one value in a thousand
    many.images[2][0, :, 3, 4] = 300.0
    inspection = inspect(quantized(model, many, per_channel=True), model, many, bars, images=None)
    assert codes(inspection, "")[0] == "range_outlier"
    assert "calibrate_method: Percentile" in str(report_of(inspection, "").reasons[0])
    assert "300" in str(report_of(inspection, "").reasons[0])


def test_concatenation_of_unlike_ranges_is_named(graph, quantized, batch, bars):
    model = graph(
        [
            helper.make_node("Conv", ["input", "boxes"], ["large"], "boxes"),
            helper.make_node("Conv", ["input", "scores"], ["small"], "scores"),
            helper.make_node("Concat", ["large", "small"], ["output"], "join", axis=1),
        ],
        {"boxes": 200 * weights(1, 4, 3)[:, :, None, None], "scores": 0.2 * weights(2, 4, 3)[:, :, None, None]},
    )
    inspection = inspect(quantized(model, batch(), per_channel=True), model, batch(), bars)
    reason = report_of(inspection, "join").reasons[0]
    assert reason.code == "shared_scale"
    assert '"large"' in reason.evidence
    assert '"small"' in reason.evidence
    assert "nodes_to_exclude: [join]" in reason.remedy


def test_range_that_is_too_narrow_is_named(convolutions, quantized, batch, bars):
    model = convolutions(weights(1, 16, 3), weights(2, 4, 16))
    calm = batch()
    loud = batch()
    loud.images = [20 * image for image in loud.images]
    inspection = inspect(quantized(model, calm, per_channel=True), model, loud, bars)
    assert codes(inspection, "")[0] == "clipping"


def test_bias_that_was_cut_off_is_named(convolutions, quantized, batch, bars):
    model = convolutions(weights(1, 16, 3), weights(2, 4, 16), bias=weights(3, 16))
    found = quantized(model, batch())
    tensor = next(tensor for tensor in found.graph.initializer if tensor.name == "b1_quantized")
    tensor.CopyFrom(numpy_helper.from_array(np.full(16, 2**31 - 1, np.int32), tensor.name))
    inspection = inspect(found, model, batch(), bars)
    assert codes(inspection, "first")[0] == "bias_overflow"
    assert any("bias-overflow" in line for line in inspection.lines())


def test_shift_of_channels_is_named(convolutions, quantized, batch, bars):
    # Inputs that are nearly constant turn every error of a weight into a shift of its channel.
    images = batch()
    images.images = [np.float32(1.0) + np.float32(0.01) * image for image in images.images]
    first = weights(1, 16, 3)
    first[:, 2] = -first[:, :2].sum(axis=1)
    model = convolutions(first, np.ones((4, 16)))
    inspection = inspect(quantized(model, images), model, images, bars)
    shares = [row.shift for row in inspection.tensors if row.layer == "first" and row.shift is not None]
    assert shares[0] > 0.9
    assert "mean_shift" in codes(inspection, "first")


def test_sound_model_has_no_reasons(convolutions, quantized, batch, bars):
    model = convolutions(weights(1, 16, 3), weights(2, 4, 16))
    images = batch(draw="uniform")
    inspection = inspect(quantized(model, images, per_channel=True), model, images, bars)
    assert not any(report.reasons for report in inspection.layers)
    assert inspection.findings == ()
    assert inspection.output_snr > 30


def test_layers_are_ranked_by_what_they_cost(sabotaged, batch, bars):
    found, model = sabotaged
    judge = Agreement(model, list(batch()))
    inspection = inspect(found, model, batch(), bars, judge=judge, judge_images=5)
    assert judge.titles[:2] == ["float", "quantized"]
    assert judge.titles[2:] == ['only "second" quantized', 'only "first" quantized', "only the input quantized"]
    assert judge.asked == {5}
    assert inspection.reference.value == 100
    losses = [report.loss for report in inspection.layers]
    assert losses == sorted(losses, reverse=True)
    assert inspection.layers[0].layer == "second"
    assert inspection.layers[0].loss > 3 * inspection.layers[-1].loss
    assert inspection.lines()[1].startswith("top1: float 100.00 %, quantized ")
    assert "of top1" in inspection.lines()[2]


def test_metric_that_is_better_when_lower_turns_the_loss(sabotaged, batch, bars):
    judge = Agreement(sabotaged[1], list(batch()), higher_is_better=False)
    inspection = inspect(*sabotaged, batch(), bars, judge=judge)
    assert inspection.layers[0].layer == "second"
    assert inspection.layers[0].loss > 0


def test_losses_no_larger_than_a_gain_are_taken_for_chance(sabotaged, batch, bars):
    values = {"float": 80.0, "quantized": 60.0, 'only "first" quantized': 79.0, 'only "second" quantized': 82.0}

    class Fixed(Agreement):
        def measure(self, path, title, *, images=None):
            return MetricValue(name="top1", value=values.get(title, 70.0), unit="%", split=self.split)

    inspection = inspect(*sabotaged, batch(), bars, judge=Fixed(sabotaged[1], list(batch())))
    assert inspection.chance == 2.0
    assert inspection.layers[0].layer == ""
    assert [report.own for report in inspection.layers[1:]] == sorted(report.own for report in inspection.layers[1:])
    assert "gain up to 2.00 %" in inspection.lines()[2]


def test_only_the_worst_layers_are_measured(sabotaged, batch, bars):
    inspection = inspect(*sabotaged, batch(), bars, layers=1)
    assert [report.value is None for report in inspection.layers] == [False, True, True]
    assert inspection.measure == "output_snr"
    assert "at the output" in inspection.lines()[1]


def test_picture_takes_long_names_many_layers_and_none(tmp_path):
    name = "backbone/" + "block/" * 20 + "conv"
    assert len(shortened(name)) <= 48
    assert shortened("node_Conv_1") == "node_Conv_1"
    many = [LayerBar(name=f"{index}{name}", own=200.0 - index, accumulated=-3.0) for index in range(60)]
    for bars in (many, [], [LayerBar(name="x", own=3.0, effect=-0.1, reason="range outlier")]):
        path = tmp_path / f"{len(bars)}.png"
        draw_inspection(path, bars, effect="loss")
        assert path.read_bytes().startswith(b"\x89PNG")


def test_files_hold_every_tensor_and_every_layer(sabotaged, batch, bars, tmp_path):
    inspection = inspect(*sabotaged, batch(), bars)
    table, report, picture = write_inspection(inspection, tmp_path / "new")
    rows = list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"))))
    assert [row["tensor"] for row in rows] == [row.tensor for row in inspection.tensors]
    assert float(rows[0]["own"]) == pytest.approx(inspection.tensors[0].own, abs=1e-3)
    data = json.loads(report.read_text(encoding="utf-8"), parse_constant=refuse)
    assert [layer["layer"] for layer in data["layers"]] == [layer.layer for layer in inspection.layers]
    assert data["layers"][0]["reasons"][0]["code"] == inspection.layers[0].reasons[0].code
    assert data["output_snr"] == pytest.approx(inspection.output_snr, abs=1e-3)
    assert picture.read_bytes().startswith(b"\x89PNG")
