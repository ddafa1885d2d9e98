"""Suppression gives what torchvision gives, whatever the portions in which candidates are taken."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import batched_nms, nms

from zoo_detection.detections import Detections
from zoo_detection.suppression import suppress


def made(boxes, scores, classes):
    return Detections(
        boxes=np.asarray(boxes, np.float32).reshape(-1, 4),
        scores=np.asarray(scores, np.float32),
        classes=np.asarray(classes, np.int64),
    )


def crowded(generator, count, classes, *, whole):
    """Return boxes around few places, so that many overlap; with `whole` of whole pixels and few different scores."""
    corners = generator.integers(0, 8, (count, 2)) * 40 + generator.uniform(0, 16, (count, 2))
    sizes = generator.uniform(20, 70, (count, 2))
    boxes = np.concatenate([corners, corners + sizes], axis=1)
    scores = generator.uniform(0, 1, count)
    if whole:
        boxes, scores = boxes.round(), scores.round(1)
    return made(boxes, scores, generator.integers(0, classes, count))


@pytest.mark.parametrize(("count", "limit"), [(1, 5), (40, 10), (900, 5), (3000, 100), (3000, 10_000)])
def test_equals_batched_nms_of_torchvision(count, limit):
    found = crowded(np.random.default_rng(count), count, 5, whole=True)
    boxes, scores = torch.from_numpy(found.boxes).double(), torch.from_numpy(found.scores).double()
    wanted = batched_nms(boxes, scores, torch.from_numpy(found.classes), 0.5)[:limit].numpy()

    kept = suppress(found, overlap=0.5, limit=limit)

    assert len(kept) == len(wanted)
    assert (kept.scores == found.scores[wanted]).all()
    order = np.lexsort((*kept.boxes.T, kept.classes, -kept.scores))
    other = found.chosen(wanted)
    if limit >= count:  # at a limit, any of equal scores may be the last
        others = np.lexsort((*other.boxes.T, other.classes, -other.scores))
        assert (kept.boxes[order] == other.boxes[others]).all()
        assert (kept.classes[order] == other.classes[others]).all()


@given(st.integers(0, 10_000), st.integers(1, 700), st.integers(1, 90), st.floats(0.05, 0.95), st.integers(1, 50))
@settings(max_examples=60)
def test_equals_suppression_of_each_class_alone(seed, count, classes, overlap, limit):
    found = crowded(np.random.default_rng(seed), count, classes, whole=False)
    wanted = []
    for number in range(classes):
        own = np.flatnonzero(found.classes == number)
        keep = nms(torch.from_numpy(found.boxes[own]).double(), torch.from_numpy(found.scores[own]).double(), overlap)
        wanted += own[keep.numpy()].tolist()
    wanted.sort(key=lambda index: (-found.scores[index], index))

    kept = suppress(found, overlap=overlap, limit=limit)

    assert kept.boxes.tolist() == found.boxes[wanted[:limit]].tolist()
    assert kept.classes.tolist() == found.classes[wanted[:limit]].tolist()


def test_overlap_of_exactly_the_threshold_is_kept_and_more_is_not():
    # 10 x 10 beside 10 x 5 inside of it: IoU 50 / 100
    boxes = [[0, 0, 10, 10], [0, 0, 10, 5]]
    assert len(suppress(made(boxes, [0.9, 0.8], [0, 0]), overlap=0.5, limit=9)) == 2
    assert len(suppress(made(boxes, [0.9, 0.8], [0, 0]), overlap=0.49, limit=9)) == 1
    assert len(suppress(made(boxes, [0.9, 0.8], [0, 1]), overlap=0.49, limit=9)) == 2


def test_a_suppressed_box_suppresses_nothing():
    # each overlaps its neighbour by 60 / 140, the first and the third by 20 / 180
    boxes = [[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]]
    kept = suppress(made(boxes, [0.9, 0.8, 0.7], [0, 0, 0]), overlap=0.4, limit=9)
    assert kept.boxes[:, 0].tolist() == [0, 8]


def test_equal_scores_keep_their_order():
    boxes = [[100 * index, 0, 100 * index + 10, 10] for index in range(600)]
    kept = suppress(made(boxes, [0.5] * 600, [0] * 600), overlap=0.5, limit=7)
    assert kept.boxes[:, 0].tolist() == [0, 100, 200, 300, 400, 500, 600]


def test_nothing_and_no_limit():
    nothing = made([], [], [])
    assert len(suppress(nothing, overlap=0.5, limit=10)) == 0
    assert len(suppress(made([[0, 0, 1, 1]], [1], [0]), overlap=0.5, limit=0)) == 0


def test_a_box_of_absurd_size_does_not_disturb_the_others():
    boxes = [[-3e38, -3e38, 3e38, 3e38], [0, 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60]]
    kept = suppress(made(boxes, [0.9, 0.8, 0.7, 0.6], [7, 7, 7, 7]), overlap=0.5, limit=9)
    assert kept.scores.tolist() == pytest.approx([0.9, 0.8, 0.6])


def test_a_good_box_is_found_behind_thousands_that_are_alike():
    alike = [[index % 7, 0, 100 + index % 7, 100] for index in range(5000)]
    found = made([*alike, [500, 500, 600, 600]], [*np.linspace(0.9, 0.2, 5000), 0.1], [0] * 5001)
    kept = suppress(found, overlap=0.5, limit=100)
    assert kept.boxes.tolist() == [[0, 0, 100, 100], [500, 500, 600, 600]]
