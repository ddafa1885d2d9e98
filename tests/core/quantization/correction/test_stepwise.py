"""Own the checks that a graph run piece by piece gives what it gives in one go."""

import numpy as np
import pytest
from onnx import numpy_helper

from zoo_core.quantization.correction.agreement import output_snr, pick_images
from zoo_core.quantization.correction.stepwise import StepwiseModel
from zoo_core.quantization.tapping import TappedModel


def test_values_are_those_of_the_whole_graph(quantized_pair, images, tmp_path):
    quantized, _ = quantized_pair()
    linear = [node for node in quantized.graph.node if node.op_type in ("Conv", "Gemm")]
    taps = [tensor for node in linear for tensor in (node.input[0], node.output[0])]
    whole = TappedModel(quantized, taps)
    steps = StepwiseModel(quantized, images(3), tmp_path / "steps")
    for node in linear:
        steps.pass_over([node.input[0]])
        pair = [node.input[0], node.output[0]]
        for image, values in zip(images(3), steps.values(pair), strict=True):
            expected = whole.run(image)
            for name in pair:
                np.testing.assert_allclose(values[name], expected[name], rtol=1e-5, atol=1e-5)


def test_only_what_is_still_needed_stays_on_disk(quantized_pair, images, tmp_path):
    quantized, _ = quantized_pair()
    steps = StepwiseModel(quantized, images(3), tmp_path / "steps")
    gemm = next(node for node in quantized.graph.node if node.op_type == "Gemm")
    steps.pass_over([gemm.input[0]])
    (left,) = (tmp_path / "steps").iterdir()
    assert left.stat().st_size == 3 * 8  # 8 activations of one byte for each of 3 images


def test_change_of_a_later_node_counts_and_passed_ones_are_refused(quantized_pair, images, tmp_path):
    """With the weights of the classifier negated, the mean of its outputs before and after is its bias."""
    quantized, original = quantized_pair()
    head = next(node for node in quantized.graph.node if node.op_type == "Gemm")
    steps = StepwiseModel(quantized, images(2), tmp_path / "steps")
    steps.pass_over([head.input[0]])
    (before, _) = (values[head.output[0]] for values in steps.values([head.output[0]]))
    for tensor in quantized.graph.initializer:
        if tensor.name == "w4_quantized":
            tensor.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(tensor), tensor.name))
    (after, _) = (values[head.output[0]] for values in steps.values([head.output[0]]))
    bias = next(numpy_helper.to_array(tensor) for tensor in original.graph.initializer if tensor.name == "b4")
    np.testing.assert_allclose((before + after)[0] / 2, bias, atol=0.01)
    with pytest.raises(ValueError, match="passed"):
        list(steps.values(["input"]))


def test_groups_of_images_are_spread_and_apart(given, tmp_path):
    calibration = given([np.full((1, 1, 1, 1), number) for number in range(60)])
    learned, judging = pick_images(calibration, (20, 10), tmp_path)
    one, other = ([int(image.item()) for image in group] for group in (learned, judging))
    assert (len(one), len(other)) == (20, 10)
    assert not set(one) & set(other)
    for group in (one, other):
        assert group[0] < 6
        assert group[-1] > 53
        assert np.diff(group).max() <= 8


def test_few_images_serve_both_groups(given, tmp_path):
    calibration = given([np.full((1, 1, 1, 1), number) for number in range(5)])
    learned, judging = pick_images(calibration, (20, 3), tmp_path)
    assert [int(image.item()) for image in learned] == [0, 1, 2, 3, 4]
    assert len(judging) == 3


def test_ratio_of_signal_to_noise_is_that_of_its_definition(quantized_pair, images, tmp_path):
    quantized, original = quantized_pair()
    (few,) = pick_images(images(6), (4,), tmp_path)
    here, there = TappedModel(quantized, ["output"]), TappedModel(original, ["output"])
    found = np.concatenate([here.run(image)["output"] for image in few])
    expected = np.concatenate([there.run(image)["output"] for image in few])
    ratios = (expected**2).sum(axis=1) / ((expected - found) ** 2).sum(axis=1)
    assert output_snr(quantized, original, few) == pytest.approx(np.mean(10 * np.log10(ratios)), abs=1e-3)
