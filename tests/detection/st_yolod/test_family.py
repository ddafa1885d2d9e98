"""Reading ST_YOLOD's outputs: the same boxes as the training decodes, every score compared, both forms alike."""

import numpy as np
import pytest
import torch

from zoo_core.artifacts import InputSpec
from zoo_core.networks.st_yolod_cells import Cells
from zoo_detection.families.st_yolod import StYolodFamily

INPUT = InputSpec(3, 64, 96)
CELLS = 8 * 12 + 4 * 6 + 2 * 3


def raw_outputs(images=3, classes=5):
    generator = np.random.default_rng(4)
    return [generator.normal(0, 2, (images, CELLS, size)).astype(np.float32) for size in (4, 1, classes)]


def sigmoid(values):
    return 1 / (1 + np.exp(-values.astype(np.float64)))


def expected(outputs):
    """Return boxes in pixels, best score and class of all cells, by torch and float64."""
    boxes = Cells.of((64, 96), (8, 16, 32)).decode(torch.from_numpy(outputs[0])).numpy()
    scores = sigmoid(outputs[1]) * sigmoid(outputs[2])
    return boxes, scores.max(axis=2), scores.argmax(axis=2)


@pytest.mark.parametrize("threshold", [0.0, 0.001, 0.3, 0.9])
def test_raw_outputs_give_every_cell_that_reaches_the_threshold(threshold):
    outputs = raw_outputs()
    boxes, scores, classes = expected(outputs)
    found = StYolodFamily(INPUT, 5).candidates(outputs, threshold)
    assert len(found) == 3
    for image, detections in enumerate(found):
        wanted = scores[image] >= threshold
        assert len(detections) == wanted.sum()
        np.testing.assert_allclose(detections.boxes, boxes[image][wanted], rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(detections.scores, scores[image][wanted], rtol=1e-5)
        assert detections.classes.tolist() == classes[image][wanted].tolist()
    assert {part.dtype for part in (found[0].boxes, found[0].scores)} == {np.dtype(np.float32)}
    assert found[0].classes.dtype == np.int64


def test_decoded_outputs_give_the_same_boxes():
    outputs = raw_outputs()
    shares = (expected(outputs)[0] / np.array([96, 64, 96, 64])).astype(np.float32)
    probabilities = (sigmoid(outputs[1]) * sigmoid(outputs[2])).astype(np.float32)
    family = StYolodFamily(INPUT, 5)
    for raw, decoded in zip(
        family.candidates(outputs, 0.2), family.candidates([shares, probabilities], 0.2), strict=True
    ):
        np.testing.assert_allclose(decoded.boxes, raw.boxes, rtol=1e-3, atol=1e-2)
        np.testing.assert_allclose(decoded.scores, raw.scores, rtol=1e-5)
        assert decoded.classes.tolist() == raw.classes.tolist()


def test_hand_computed_box():
    """Cell (2, 1) of stride 16 in a 64x96 image: place 96 + 6 + 2; centre (2.5, 1.25) * 16, size 2 * 16 by 16."""
    outputs = [np.zeros((1, CELLS, 4), np.float32), np.full((1, CELLS, 1), -9.0, np.float32)]
    outputs.append(np.zeros((1, CELLS, 1), np.float32))
    outputs[0][0, 104] = 0.5, 0.25, np.log(2), 0
    outputs[1][0, 104] = 0
    (found,) = StYolodFamily(INPUT, 1).candidates(outputs, 0.2)
    np.testing.assert_allclose(found.boxes, [[24, 12, 56, 28]], atol=1e-4)
    assert found.scores.tolist() == [0.25]


def test_images_without_a_candidate_are_empty():
    outputs = raw_outputs()
    outputs[1][1] = -30
    found = StYolodFamily(INPUT, 5).candidates(outputs, 0.1)
    assert len(found[1]) == 0
    assert len(found[0]) > 0 < len(found[2])
    assert found[1].boxes.shape == (0, 4)


def test_wild_numbers_raise_no_warning_and_stay_finite():
    outputs = [np.full((1, CELLS, size), value, np.float32) for size, value in ((4, 1e5), (1, -1e5), (2, 1e5))]
    outputs[1][0, :3] = 1e5
    found = StYolodFamily(INPUT, 2).candidates(outputs, 0.0)[0]
    assert np.isfinite(found.boxes).all()
    assert sorted(set(found.scores.tolist())) == [0, 1]
    assert len(StYolodFamily(INPUT, 2).candidates(outputs, 1.0)[0]) == 3


def test_right_shapes_are_accepted():
    family = StYolodFamily(INPUT, 5)
    assert family.check([(None, CELLS, 4), (None, CELLS, 1), (None, CELLS, 5)]) == ()
    assert family.check([(1, CELLS, 4), (1, None, 5)]) == ()


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([(1, CELLS, 85)], ["The model has 1 outputs", "three (boxes, objectness, classes)"]),
        ([(1, CELLS, 4), (1, CELLS, 1), (1, CELLS, 7)], ["Output classes", f"expected (N, {CELLS}, 5)"]),
        ([(1, 99, 4), (1, CELLS, 5)], ["Output boxes has the shape (1, 99, 4)", "64x96 pixels"]),
        ([(1, 4, CELLS, 1), (None, CELLS, 2), (1, CELLS, 5)], ["Output boxes", "Output objectness"]),
    ],
)
def test_wrong_shapes_are_told(shapes, words):
    text = " ".join(StYolodFamily(INPUT, 5).check(shapes))
    assert all(word in text for word in words)


def test_description_tells_decoders_the_strides():
    assert StYolodFamily(INPUT, 5).describe() == {"strides": [8, 16, 32], "boxes": CELLS}


def test_outputs_of_the_network_are_read(make):
    model = make("st_yolodv2pico_actrelu_pt", (3, 64, 96), classes=5).eval()
    with torch.no_grad():
        outputs = [part.numpy() for part in model(torch.randn(2, 3, 64, 96))]
    family = StYolodFamily(INPUT, 5)
    assert family.check([part.shape for part in outputs]) == ()
    assert [len(detections) for detections in family.candidates(outputs, 0.0)] == [CELLS, CELLS]


def test_decoded_cell_counts_once_however_many_classes_reach_the_threshold():
    scores = np.zeros((2, CELLS, 3), np.float32)
    scores[0, 7], scores[0, 8], scores[1, 0] = (0.5, 0.9, 0.6), (0.1, 0.2, 0.4), (0.7, 0, 0)
    found = StYolodFamily(INPUT, 3).candidates([np.zeros((2, CELLS, 4), np.float32), scores], 0.4)
    assert [part.scores.tolist() for part in found] == [pytest.approx([0.9, 0.4]), pytest.approx([0.7])]
    assert [part.classes.tolist() for part in found] == [[1, 2], [0]]
