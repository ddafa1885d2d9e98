"""Outputs of SSD detectors are read in each form they come in."""

import numpy as np
import pytest
import torch

from zoo_core.artifacts import InputSpec
from zoo_detection.families.ssd import SsdFamily
from zoo_detection.models.ssd import ssd_priors
from zoo_detection.models.ssd_boxes import decode
from zoo_stm32.headers.entries import problems
from zoo_stm32.headers.families import find_family

INPUT = InputSpec(3, 120, 200)
PRIORS = ssd_priors("ssdlite_mobilenetv2_pt", INPUT)


def family(classes=5):
    return SsdFamily(INPUT, classes, priors=PRIORS)


def outputs(classes=5, images=2):
    generator = np.random.default_rng(5)
    deltas = generator.normal(size=(images, len(PRIORS), 4)).astype(np.float32)
    logits = generator.normal(scale=3, size=(images, len(PRIORS), classes + 1)).astype(np.float32)
    return deltas, logits


def expected(deltas, logits, threshold):
    """Return (class, box, score) of every hit of one image, by torch and plain loops."""
    boxes = decode(torch.from_numpy(deltas), torch.from_numpy(PRIORS)).numpy() * [200, 120, 200, 120]
    scores = torch.softmax(torch.from_numpy(logits).double(), dim=1).numpy()
    hits = [
        (label - 1, *boxes[number], scores[number, label])
        for number in range(len(boxes))
        for label in range(1, scores.shape[1])
        if scores[number, label] >= threshold
    ]
    return np.array(sorted(hits)).reshape(-1, 6)


def as_rows(found):
    rows = np.column_stack((found.classes, found.boxes, found.scores)).astype(np.float64)
    return np.array(sorted(map(tuple, rows))).reshape(-1, 6)


def forms(deltas, logits):
    """Return the same numbers in each form."""
    decoded = decode(torch.from_numpy(deltas), torch.from_numpy(PRIORS)).numpy()
    probabilities = torch.softmax(torch.from_numpy(logits), dim=2).numpy()
    return {
        "raw": (deltas, logits),
        "raw, other order": (logits, deltas),
        "probabilities, encoded": (deltas, probabilities),
        "probabilities, decoded": (probabilities, decoded),
        "logits, decoded": (decoded, logits),
        "inside": (decoded, probabilities[..., 1:]),
        "inside, other order": (probabilities[..., 1:], decoded),
    }


@pytest.mark.parametrize("form", list(forms(*outputs())))
@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.6])
def test_every_form_gives_the_same_boxes(form, threshold):
    deltas, logits = outputs()
    found = family().candidates(forms(deltas, logits)[form], threshold)
    assert len(found) == 2
    for number, one in enumerate(found):
        assert one.boxes.dtype == one.scores.dtype == np.float32
        assert one.classes.dtype == np.int64
        np.testing.assert_allclose(
            as_rows(one), expected(deltas[number], logits[number], threshold), rtol=2e-4, atol=2e-3
        )


@pytest.mark.parametrize("classes", [3, 4])
def test_boxes_are_told_from_scores_of_as_many_columns(classes):
    """With 3 classes raw scores, and with 4 classes plain probabilities, have four columns like boxes."""
    deltas, logits = outputs(classes)
    for name, form in forms(deltas, logits).items():
        if name == "raw, other order" and classes == 3:
            continue  # logits beside encoded boxes look alike: ours come boxes first
        found = family(classes).candidates(form, 0.3)
        for number, one in enumerate(found):
            np.testing.assert_allclose(
                as_rows(one), expected(deltas[number], logits[number], 0.3), rtol=2e-4, atol=2e-3
            )


def test_eight_bit_probabilities_are_still_probabilities():
    deltas, logits = outputs(80, 1)
    probabilities = torch.softmax(torch.from_numpy(logits), dim=2).numpy()
    rounded = (np.round(probabilities * 256) / 256).astype(np.float32)
    found = family(80).candidates((deltas, rounded), 0.3)[0]
    np.testing.assert_allclose(np.sort(found.scores), np.sort(rounded[..., 1:][rounded[..., 1:] >= 0.3]))


def test_new_networks_give_zeros_which_are_priors():
    size = (1, len(PRIORS))
    found = family(1).candidates((np.zeros((*size, 4), np.float32), np.zeros((*size, 2), np.float32)), 0.5)[0]
    assert len(found) == len(PRIORS)
    np.testing.assert_allclose(found.boxes[:, 2] - found.boxes[:, 0], PRIORS[:, 2] * 200, rtol=1e-4)


def test_no_candidates_and_extreme_numbers():
    deltas, logits = np.full((1, len(PRIORS), 4), 1e4, np.float32), np.zeros((1, len(PRIORS), 6), np.float32)
    logits[..., 0] = 1e4
    found = family().candidates((deltas, logits), 0.01)[0]
    assert (len(found), found.boxes.shape) == (0, (0, 4))
    logits[0, 7, 3] = 2e4
    found = family().candidates((deltas, logits), 0.01)[0]
    assert found.classes.tolist() == [2]
    assert found.scores.tolist() == [1.0]


def test_shapes_are_checked():
    count = len(PRIORS)
    reader = family()
    for good in (
        [(None, count, 4), (None, count, 6)], [(1, count, 6), (1, count, 4)], [(1, 77, 4), (1, 77, 5)],
        [(None, None, None), (None, None, None)],
    ):  # fmt: skip
        assert reader.check(good) == ()
    assert "two outputs" in reader.check([(1, count, 4)])[0]
    assert "two outputs" in reader.check([(1, count, 4), (count, 6)])[0]
    assert "5 classes" in reader.check([(1, count, 4), (1, count, 9)])[0]
    assert "77 boxes and the scores of 78" in reader.check([(1, 77, 4), (1, 78, 5)])[0]
    assert f"input of 120x200 there are {count}" in reader.check([(1, 3000, 4), (1, 3000, 6)])[0]


def test_description_is_what_headers_need():
    facts = family().describe()
    needs = tuple(
        key for key in find_family("ssd", "STM32N6").needs if key in ("xy_variance", "wh_variance", "anchor_boxes")
    )
    assert len(needs) == 3
    assert problems(facts, needs, ("total_boxes",), "decoding") == []
    np.testing.assert_allclose(facts["anchor_boxes"], PRIORS)
    assert (facts["xy_variance"], facts["wh_variance"]) == (0.1, 0.2)
