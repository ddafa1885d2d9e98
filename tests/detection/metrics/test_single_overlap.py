"""ST's numbers at one overlap, against a box-by-box calculation of their definition."""

from itertools import pairwise

import numpy as np
import pytest

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_detection.detections import Detections
from zoo_detection.labels import BoxLabels
from zoo_detection.metrics.records import ImageRecord, Tables
from zoo_detection.metrics.single_overlap import single_overlap, smoothed

SIDE = 200
PREPROCESSING = ImagePreprocessing(input=InputSpec(3, SIDE, SIDE))


def record(true, found, size=(SIDE, SIDE), crowd=None, image_id=0):
    """Return a record from rows left, top, right, bottom, class, and left, top, right, bottom, score, class."""
    true, found = np.array(true, np.float64).reshape(-1, 5), np.array(found, np.float32).reshape(-1, 6)
    labels = BoxLabels.of(true[:, :4], true[:, 4], size, crowd=crowd, image_id=image_id)
    boxes = Detections(boxes=found[:, :4], scores=found[:, 4], classes=found[:, 5].astype(np.int64))
    return ImageRecord(labels=labels, found=boxes)


def measured(*records, classes=1, overlap=0.5):
    return single_overlap(Tables(records, classes), PREPROCESSING, overlap)


def slow_iou(one, other):
    if one[0] > other[2] or one[2] < other[0] or one[1] > other[3] or one[3] < other[1]:
        return 0.0
    width = min(one[2], other[2]) - max(one[0], other[0]) + 1
    height = min(one[3], other[3]) - max(one[1], other[1]) + 1
    areas = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def slow_hits(records, number, overlap):
    """Return hits, best score first, and the number of true boxes."""
    rows = [
        (float(score), image, box)
        for image, one in enumerate(records)
        for box, score, kind in zip(one.found.boxes, one.found.scores, one.found.classes, strict=True)
        if kind == number
    ]
    rows.sort(key=lambda row: -row[0])
    true = [
        [box for box, kind in zip(one.labels.boxes, one.labels.classes, strict=True) if kind == number]
        for one in records
    ]
    taken, hits = set(), []
    for _, image, box in rows:
        overlaps = [slow_iou(box.astype(np.float64).round(3), other) for other in true[image]]
        best = int(np.argmax(overlaps)) if overlaps else -1
        hit = best >= 0 and overlaps[best] >= overlap and (image, best) not in taken
        taken |= {(image, best)} if hit else set()
        hits.append(hit)
    return hits, [row[0] for row in rows], sum(map(len, true))


def slow_average(hits, total):
    """Integrate the precision between measured points by hand."""
    recalls, precisions, right = [0.0], [1.0], 0
    for number, hit in enumerate(hits, start=1):
        right += hit
        recalls.append(right / total)
        precisions.append(right / number)
    recalls.append(1.0)
    precisions.append(0.0)
    heights = []
    for level in range(101):
        at = level / 100
        last = max(index for index, recall in enumerate(recalls) if recall <= at + 1e-15)
        if last == len(recalls) - 1:
            heights.append(precisions[-1])
        else:
            share = (at - recalls[last]) / (recalls[last + 1] - recalls[last])
            heights.append(precisions[last] + share * (precisions[last + 1] - precisions[last]))
    return sum((one + other) / 200 for one, other in pairwise(heights))


@pytest.mark.parametrize("overlap", [0.3, 0.5, 0.75])
@pytest.mark.parametrize("seed", range(4))
def test_against_a_calculation_box_by_box(seed, overlap):
    generator = np.random.default_rng(seed)
    records = []
    for _ in range(12):
        count = int(generator.integers(0, 6))
        corners = generator.uniform(0, 120, (count, 2)).round(1)
        true = np.concatenate([corners, corners + generator.uniform(5, 70, (count, 2)).round(1)], axis=1)
        kinds = generator.integers(0, 3, count)
        near = np.repeat(true, 3, axis=0) + generator.normal(0, 5, (3 * count, 4))
        near = np.clip(np.concatenate([near, [[0, 0, 50, 50]]]), 0, SIDE)
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1).clip(0, SIDE)
        others = np.append(np.repeat(kinds, 3), 1)
        scores = generator.uniform(0, 1, len(near))
        records.append(
            record(
                np.concatenate([true, kinds[:, None]], axis=1),
                np.concatenate([near, scores[:, None], others[:, None]], axis=1),
            )
        )
    result = measured(*records, classes=3, overlap=overlap)
    for number in range(3):
        hits, _, total = slow_hits(records, number, overlap)
        assert result.by_class[number].boxes == total
        assert result.by_class[number].average_precision == pytest.approx(slow_average(hits, total), abs=1e-9)


def test_precision_between_points_has_no_envelope():
    # miss, hit: the precision climbs from 0 to 1/2 at recall 1, and falls there to 0
    one = record([[0, 0, 50, 50, 0]], [[100, 100, 150, 150, 0.9, 0], [0, 0, 50, 50, 0.8, 0]])
    curves = measured(one).by_class[0]
    assert curves.average_precision == pytest.approx(0.5 * 0.99 / 2 * 0.99 + 0.5 * 0.01 * 0.99 / 2, abs=1e-9)


def test_one_pixel_more_decides():
    # 9 x 9 of 19 x 9: 9/19 < 0.5, with a pixel more 10/20
    one = record([[0, 0, 19, 9, 0]], [[0, 0, 9, 9, 0.9, 0]])
    assert measured(one).by_class[0].recall == 1
    assert measured(one, overlap=0.51).by_class[0].recall == 0


def test_a_true_box_is_found_only_once_and_classes_do_not_mix():
    one = record(
        [[0, 0, 50, 50, 0], [100, 100, 150, 150, 1]],
        [[0, 0, 50, 50, 0.9, 0], [1, 0, 51, 50, 0.9, 0], [100, 100, 150, 150, 0.9, 0]],
    )
    result = measured(one, classes=2)
    assert result.by_class[0].precision == pytest.approx(1 / 3)
    assert result.by_class[0].recall == 1
    assert result.by_class[1].recall == result.by_class[1].average_precision == 0
    assert result.mean("recall") == 0.5


def test_best_confidence_lies_where_f1_is_best():
    rows = [[10 * k, 0, 10 * k + 8, 8, 0.8, 0] for k in range(10)]
    wrong = [[10 * k, 100, 10 * k + 8, 108, 0.3, 0] for k in range(10)]
    one = record([[*row[:4], 0] for row in rows], rows + wrong)
    result = measured(one)
    curves = result.by_class[0]
    assert (curves.precision, curves.recall) == (pytest.approx(1.0, abs=0.02), pytest.approx(1.0))
    assert 0.3 < result.best_confidence < 0.8
    assert curves.f1 == pytest.approx(1.0, abs=0.01)


def test_crowds_are_neither_found_nor_missed():
    one = record([[0, 0, 50, 50, 0], [100, 0, 150, 50, 0]], [[0, 0, 50, 50, 0.9, 0]], crowd=[False, True])
    curves = measured(one).by_class[0]
    assert (curves.boxes, curves.recall) == (1, 1)


def test_overlap_is_that_on_the_input():
    # on the original of 20 x 20 a pixel is ten pixels of the input, so one pixel more counts little
    one = record([[0, 0, 1.9, 0.9, 0]], [[0, 0, 0.9, 0.9, 0.9, 0]], size=(20, 20))
    assert measured(one).by_class[0].recall == 1
    small = record([[0, 0, 1.9, 0.9, 0]], [[0, 0, 0.9, 0.9, 0.9, 0]], size=(200, 200))
    assert measured(small, overlap=0.6).by_class[0].recall == 1


def test_nothing():
    assert measured().by_class == {}
    assert measured().mean("recall") is None
    assert measured(record([], [[0, 0, 9, 9, 0.9, 0]])).by_class == {}
    nothing_found = measured(record([[0, 0, 9, 9, 0]], [])).by_class[0]
    assert nothing_found.average_precision == nothing_found.precision == nothing_found.f1 == 0


def test_smoothing_keeps_length_and_level():
    assert smoothed(np.ones(1000)).tolist() == pytest.approx([1] * 1000)
    step = smoothed(np.r_[np.zeros(500), np.ones(500)])
    assert len(step) == 1000
    assert step[449] == pytest.approx(0, abs=1e-12)
    assert step[499] == pytest.approx(50 / 101)
    assert step[550] == pytest.approx(1)
