"""Matching, encoding, mining and the loss agree with cases computed by hand."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional
from torchvision.ops import box_iou

from zoo_core.artifacts import InputSpec
from zoo_detection.labels import BoxLabels
from zoo_detection.loss.matching import match, pairwise_iou
from zoo_detection.loss.multibox import MultiBoxLoss
from zoo_detection.models.priors import halved_maps, make_priors
from zoo_detection.models.ssd_boxes import corners, decode, encode
from zoo_detection.targets import BoxTargets

PRIORS = torch.tensor([[0.25, 0.25, 0.5, 0.5], [0.75, 0.25, 0.5, 0.5], [0.25, 0.75, 0.5, 0.5], [0.75, 0.75, 0.5, 0.5]])
"""The four quarters of the image."""


def targets(images, size=(100, 200)):
    """Return targets from lists of (box in pixels, class) for each image; size is (height, width)."""
    rows = max(len(one) for one in images)
    boxes, classes = torch.zeros(len(images), rows, 4), torch.full((len(images), rows), -1)
    for number, one in enumerate(images):
        for row, (box, label) in enumerate(one):
            boxes[number, row] = torch.tensor(box, dtype=torch.float32)
            classes[number, row] = label
    labels = tuple(BoxLabels.of([], [], size[::-1]) for _ in images)
    return BoxTargets(boxes=boxes, classes=classes, size=size, labels=labels)


def test_overlaps_agree_with_torchvision():
    corners_ = torch.rand(2, 40, 2, 2).sort(dim=2).values.reshape(2, 40, 4)
    first, second = corners_[:, :25], corners_[:, 25:]
    for number in range(2):
        expected = box_iou(first[number], second[number])
        assert torch.allclose(pairwise_iou(first, second)[number], expected, atol=1e-6)
    assert pairwise_iou(torch.zeros(1, 4), torch.zeros(1, 4)).item() == 0


def test_matching_by_hand():
    overlaps = torch.tensor([[[0.6, 0.1, 0.9], [0.5, 0.2, 0.9], [0.4, 0.3, 0.9], [0.0, 0.0, 0.9]]])
    valid = torch.tensor([[True, True, False]])
    # Priors 0 and 1 reach 0.5 with box 0; box 1 reaches it nowhere and gets prior 2, where it overlaps most.
    assert match(overlaps, valid, 0.5).tolist() == [[0, 0, 1, -1]]


def test_forced_prior_wins_over_a_larger_overlap():
    overlaps = torch.tensor([[[0.9, 0.3], [0.6, 0.2]]])
    assert match(overlaps, torch.tensor([[True, True]]), 0.5).tolist() == [[0, 1]]


def test_two_boxes_that_want_one_prior_get_two():
    overlaps = torch.tensor([[[0.02, 0.03], [0.01, 0.01], [0.0, 0.0]]])
    assert match(overlaps, torch.tensor([[True, True]]), 0.5).tolist() == [[1, 0, -1]]


def test_of_priors_that_overlap_a_box_alike_the_nearest_takes_it():
    overlaps = torch.full((1, 3, 1), 0.004)
    distances = torch.tensor([[[0.2], [0.05], [0.1]]])
    assert match(overlaps, torch.tensor([[True]]), 0.5, distances).tolist() == [[-1, 0, -1]]


def test_box_that_touches_no_prior_takes_none():
    assert match(torch.zeros(1, 3, 1), torch.tensor([[True]]), 0.5).tolist() == [[-1, -1, -1]]
    assert match(torch.zeros(2, 3, 0), torch.zeros(2, 0, dtype=torch.bool), 0.5).tolist() == [[-1] * 3] * 2


def test_encoding_by_hand():
    prior = torch.tensor([[0.5, 0.5, 0.2, 0.4]])
    box = torch.tensor([[0.45, 0.38, 0.85, 0.78]])  # centre 0.65, 0.58; sides 0.4, 0.4
    expected = [0.15 / 0.2 / 0.1, 0.08 / 0.4 / 0.1, math.log(2) / 0.2, 0.0]
    assert encode(box, prior)[0].tolist() == pytest.approx(expected, abs=1e-5)
    assert torch.allclose(decode(encode(box, prior), prior), box, atol=1e-6)


def test_encoding_and_decoding_are_inverse_for_real_priors():
    input = InputSpec(3, 96, 160)
    priors = torch.from_numpy(make_priors(halved_maps(input), input))
    left_top = torch.rand(3, len(priors), 2) * 0.7
    boxes = torch.cat((left_top, left_top + 0.02 + 0.3 * torch.rand(3, len(priors), 2)), dim=-1)
    assert torch.allclose(decode(encode(boxes, priors), priors), boxes, atol=1e-5)
    assert torch.allclose(decode(torch.zeros(len(priors), 4), priors), corners(priors), atol=1e-6)


def test_labels_of_a_batch():
    loss = MultiBoxLoss(PRIORS, 3)
    exact = ((100.0, 0.0, 200.0, 50.0), 2)  # right top quarter of 200 x 100 pixels
    wanted, labels = loss.assign(targets([[exact], []]))
    assert labels.tolist() == [[0, 3, 0, 0], [0, 0, 0, 0]]
    assert torch.allclose(wanted[0, 1], torch.zeros(4), atol=1e-6)


def test_hard_negatives_are_those_least_taken_for_background():
    loss = MultiBoxLoss(torch.rand(8, 4), 1, negatives=3)
    background = torch.tensor([9.0, 1.0, 5.0, 0.5, 7.0, 3.0, 2.0, 8.0])
    logits = torch.stack((background, torch.zeros(8)), dim=1)[None].repeat(2, 1, 1)
    positive = torch.zeros(2, 8, dtype=torch.bool)
    positive[0, 3] = True
    chosen = loss.hardest(logits, positive)
    assert chosen[0].nonzero()[:, 0].tolist() == [1, 5, 6]  # 3 itself is positive; then 1.0, 2.0, 3.0
    assert not chosen[1].any()


def test_fewer_background_boxes_than_allowed():
    loss = MultiBoxLoss(torch.rand(4, 4), 1)
    positive = torch.tensor([[True, True, False, True]])
    assert loss.hardest(torch.rand(1, 4, 2), positive).tolist() == [[False, False, True, False]]


def test_loss_by_hand():
    loss = MultiBoxLoss(PRIORS, 2, negatives=2)
    given = targets([[((100.0, 0.0, 200.0, 50.0), 1)]])
    deltas = torch.zeros(1, 4, 4)
    deltas[0, 1] = torch.tensor([0.5, -3.0, 0.0, 0.0])  # smooth L1: 0.125 and 2.5
    deltas[0, 0] = 100.0  # background: does not count
    logits = torch.zeros(1, 4, 3)
    logits[0, 1] = torch.tensor([0.0, 0.0, 2.0])
    logits[0, 0, 0] = 4.0  # the easiest background box: left out
    found = loss((deltas, logits), given)
    own = -math.log(math.exp(2) / (math.exp(2) + 2))
    assert found["regression_loss"].item() == pytest.approx(2.625)
    assert found["classification_loss"].item() == pytest.approx(own + 2 * math.log(3), rel=1e-5)
    assert found["loss"].item() == pytest.approx(2.625 + own + 2 * math.log(3), rel=1e-5)


def test_batch_equals_its_images_weighed_by_their_boxes():
    """Sums are divided by the positives of the whole batch."""
    input = InputSpec(3, 96, 96)
    loss = MultiBoxLoss(make_priors(halved_maps(input), input), 4)
    images = [[((5.0, 5.0, 60.0, 50.0), 0), ((30.0, 40.0, 90.0, 90.0), 3)], [((0.0, 0.0, 30.0, 30.0), 2)], []]
    outputs = (torch.randn(3, len(loss.priors), 4), torch.randn(3, len(loss.priors), 5))
    whole = loss(outputs, targets(images, (96, 96)))["loss"]
    total = count = 0.0
    for number, one in enumerate(images):
        alone = targets([one], (96, 96)) if one else None
        if alone is None:
            continue
        positives = int((loss.assign(alone)[1] > 0).sum())
        total += positives * loss(tuple(output[[number]] for output in outputs), alone)["loss"].item()
        count += positives
    assert whole.item() == pytest.approx(total / count, rel=1e-5)


def test_classification_counts_three_times_as_many_background_boxes():
    input = InputSpec(3, 96, 96)
    loss = MultiBoxLoss(make_priors(halved_maps(input), input), 1)
    given = targets([[((10.0, 10.0, 60.0, 60.0), 0)]], (96, 96))
    positives = int((loss.assign(given)[1] > 0).sum())
    logits = torch.zeros(1, len(loss.priors), 2)
    found = loss((torch.zeros(1, len(loss.priors), 4), logits), given)["classification_loss"].item()
    assert positives > 0
    assert found == pytest.approx(4 * math.log(2), rel=1e-5)


@pytest.mark.parametrize("rows", [0, 2])
def test_batch_without_boxes_gives_zero_and_gradients(rows):
    loss = MultiBoxLoss(PRIORS, 2)
    empty = BoxTargets(
        boxes=torch.zeros(2, rows, 4), classes=torch.full((2, rows), -1), size=(10, 10),
        labels=(BoxLabels.of([], [], (10, 10)),) * 2,
    )  # fmt: skip
    outputs = (torch.randn(2, 4, 4, requires_grad=True), torch.randn(2, 4, 3, requires_grad=True))
    found = loss(outputs, empty)
    found["loss"].backward()
    assert found["loss"].item() == 0
    assert all(torch.equal(output.grad, torch.zeros_like(output)) for output in outputs)


def test_half_precision_gives_the_loss_in_float32():
    loss = MultiBoxLoss(PRIORS, 2)
    given = targets([[((100.0, 0.0, 200.0, 50.0), 1)]])
    outputs = (torch.randn(1, 4, 4), torch.randn(1, 4, 3))
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(tuple(output.bfloat16() for output in outputs), given)
    assert found["loss"].dtype == torch.float32
    assert found["loss"].item() == pytest.approx(loss(outputs, given)["loss"].item(), rel=0.05)


def test_perfect_outputs_have_nearly_no_loss():
    loss = MultiBoxLoss(PRIORS, 2)
    given = targets([[((90.0, 5.0, 190.0, 60.0), 1)]])
    wanted, labels = loss.assign(given)
    outputs = (wanted, 50.0 * functional.one_hot(labels, 3).float())
    assert loss(outputs, given)["loss"].item() == pytest.approx(0, abs=1e-5)
    assert np.isfinite(wanted.numpy()).all()
