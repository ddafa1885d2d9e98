"""What an evaluation of a detector says of single images, and the numbers behind its pictures."""

import numpy as np
import pytest

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.protocols import Charts, JudgesImages
from zoo_detection.decoder import DetectionDecoder
from zoo_detection.detections import Detections
from zoo_detection.evaluator import DetectionEvaluator
from zoo_detection.families.yolov8 import Yolov8Family
from zoo_detection.labels import BoxLabels
from zoo_detection.postprocessing import PostProcessing

INPUT = InputSpec(3, 160, 320)
NAMES = ("cat", "dog")
CAT, DOG = 0, 1
HERE, THERE, AWAY = [10, 10, 50, 50], [100, 10, 150, 60], [200, 80, 300, 150]


def postprocessing(classes, confidence=0.001):
    return PostProcessing(Yolov8Family(INPUT, classes), confidence=confidence, overlap=0.5, limit=100)


def evaluator_of(images, names=NAMES, *, plot=False, confidence=0.001):
    """Return an evaluator of images, each given by its number, true (box, class) and found (box, score, class)."""
    evaluator = DetectionEvaluator(
        postprocessing(len(names), confidence), ImagePreprocessing(input=INPUT), names, iou=0.5, plot=plot
    )
    for number, true, found in images:
        labels = BoxLabels.of([box for box, _ in true], [kind for _, kind in true], (320, 160), image_id=number)
        boxes = Detections(
            boxes=np.array([box for box, *_ in found], np.float32).reshape(-1, 4),
            scores=np.array([score for _, score, _ in found], np.float32),
            classes=np.array([kind for *_, kind in found], np.int64),
        )
        evaluator.add([boxes], [labels])
    return evaluator


NOISE = [(AWAY, 0.1, CAT), (THERE, 0.1, CAT), ([0, 100, 30, 150], 0.1, CAT)]
IMAGES = (
    (5, [(HERE, CAT)], [(HERE, 0.9, CAT), *NOISE]),
    (3, [(HERE, CAT), (THERE, DOG)], [(HERE, 0.9, CAT), (AWAY, 0.9, DOG)]),
    (4, [], []),
    (9, [], [(AWAY, 0.9, DOG)]),
    (1, [(THERE, DOG)], [(THERE, 0.9, CAT)]),
)
"""A cat among weak guesses, a cat with a dog that is elsewhere, nothing at all, a dog where none is, a dog as a cat."""
SCORES = (1.0, 0.5, 1.0, 0.0, 0.0)


def test_scores_by_hand_in_the_order_of_the_images():
    evaluator = evaluator_of(IMAGES)
    assert isinstance(evaluator, JudgesImages)
    assert evaluator.image_scores() == SCORES
    assert evaluator.right_images() == (True, False, True, False, False)


def test_scores_of_other_processes_stand_one_after_the_other():
    parts = [evaluator_of(IMAGES[:2]), evaluator_of(IMAGES[2:])]
    merged = evaluator_of(())
    merged.merge([part.state() for part in reversed(parts)])
    assert merged.image_scores() == (*SCORES[2:], *SCORES[:2])


def test_weak_boxes_count_where_the_user_wants_them_only():
    """The best confidence lies above the weak guesses; what is shown is what is judged."""
    evaluator = evaluator_of(IMAGES)
    assert 0.1 < evaluator.shown_confidence < 0.9
    assert evaluator_of(IMAGES, confidence=0.85).shown_confidence == pytest.approx(0.85, abs=0.05)
    decoder = DetectionDecoder(postprocessing(2, 0.5), ImagePreprocessing(input=INPUT), NAMES, category_ids=(4, 8))
    judged = decoder.as_judged(evaluator)
    assert judged.postprocessing.confidence == evaluator.shown_confidence
    assert judged.category_ids == (4, 8)
    assert decoder.postprocessing.confidence == 0.5


@pytest.mark.parametrize("plot", [False, True])
def test_drawings_by_hand(plot):
    evaluator = evaluator_of(IMAGES, plot=plot)
    assert isinstance(evaluator, Charts)
    precision, f1, confusion = evaluator.drawings()
    assert [one.name for one in (precision, f1, confusion)] == ["precision_recall", "f1_confidence", "confusion_matrix"]
    assert confusion.rows == ("cat", "dog", "background")
    assert confusion.counts == ((2, 0, 0), (1, 0, 1), (0, 2, 0))
    for chart in (precision, f1):
        assert [(one.label, one.emphasis) for one in chart.series] == [
            ("mean of 2 classes", True),
            ("cat", False),
            ("dog", False),
        ]
        assert all(len(one.x) == len(one.y) == 101 for one in chart.series)
        mean, cat, dog = (np.array(one.y) for one in chart.series)
        np.testing.assert_allclose(mean, (cat + dog) / 2)
    assert f1.x_mark == pytest.approx(evaluator.shown_confidence)
    assert precision.x_mark is None


def test_curves_sum_up_to_the_metrics():
    evaluator = evaluator_of(IMAGES)
    values = {metric.name: metric.value for metric in evaluator.compute()}
    precision, f1, _ = evaluator.drawings()
    mean = precision.series[0]
    assert 100 * np.trapezoid(mean.y, mean.x) == pytest.approx(values["st_map"])
    cat = next(one for one in f1.series if one.label == "cat")
    assert max(cat.y) == pytest.approx(0.8, abs=1e-3)  # of three found cats two are right, and none is missed


def test_of_many_classes_the_ten_with_most_boxes_stand_beside_the_mean():
    names = tuple(f"class {number}" for number in range(50))
    true = [(HERE, kind) for kind in range(12)] + [(THERE, kind) for kind in range(2, 12)]
    precision, _, confusion = evaluator_of([(1, true, [])], names).drawings()
    assert [one.label for one in precision.series] == ["mean of 12 classes", *names[2:12]]
    assert len(confusion.rows) == 41
    assert confusion.rows[-1] == "background"
    assert "the 40 of 50 classes" in confusion.title
    assert confusion.counts[2][-1] == 2  # both boxes of the third class were missed


def test_a_class_alone_is_not_drawn_twice():
    precision, *_ = evaluator_of([(1, [(HERE, CAT)], [(HERE, 0.9, CAT)])]).drawings()
    assert [(one.label, one.emphasis) for one in precision.series] == [("cat", True)]


def test_without_boxes_there_are_no_curves():
    evaluator = evaluator_of([(1, [], []), (2, [], [(HERE, 0.9, DOG)])])
    (confusion,) = evaluator.drawings()
    assert confusion.counts == ((0, 0, 0), (0, 0, 0), (0, 1, 0))
    assert evaluator.image_scores() == (1.0, 0.0)


def test_sentences_count_boxes():
    decoder = DetectionDecoder(postprocessing(5), ImagePreprocessing(input=INPUT), ("a", "b", "c", "d", "e"))
    found = {"detections": [{"label": name} for name in "aabbbcde"]}
    crowd = BoxLabels.of([HERE, THERE, AWAY], [0, 0, 9], (320, 160), crowd=[False, True, False])
    assert decoder.sentence(found, crowd) == "found 3 b, 2 a, 1 c, 2 more; labelled 1 a, 1 class 9"
    nothing = BoxLabels.of([], [], (320, 160))
    assert decoder.sentence({"detections": []}, nothing) == "found nothing; labelled nothing"
