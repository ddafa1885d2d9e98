"""What an evaluation of a classifier says of single images, and the numbers behind its picture."""

import numpy as np
import pytest

from zoo_classification.decoder import ClassificationDecoder
from zoo_classification.evaluator import ClassificationEvaluator
from zoo_core.protocols import Charts, JudgesImages

NAMES = ("cat", "dog", "owl")
FIRST = np.array([[9, 1, 1], [9, 1, 1], [1, 1, 9]], np.float32)
"""Answers cat, cat, owl."""
SECOND = np.array([[np.nan, 1, 1], [1, 9, 1]], np.float32)
"""Answers nothing, dog."""


@pytest.fixture
def evaluator():
    found = ClassificationEvaluator(NAMES)
    found.update([FIRST], [0, 1, 2])
    found.update([SECOND], [2, 1])
    return found


def test_scores_by_hand_in_the_order_of_the_images(evaluator):
    assert isinstance(evaluator, JudgesImages)
    assert evaluator.image_scores() == (1.0, 0.0, 1.0, 0.0, 1.0)
    assert evaluator.right_images() == (True, False, True, False, True)


def test_scores_sum_up_to_top1(evaluator):
    top1 = evaluator.compute()[0].value
    assert top1 == pytest.approx(100 * np.mean(evaluator.image_scores()))


def test_scores_of_two_processes_stand_one_after_the_other(evaluator):
    other = ClassificationEvaluator(NAMES)
    other.update([FIRST[:2]], [1, 0])
    merged = ClassificationEvaluator(NAMES)
    merged.merge([other.state(), evaluator.state()])
    assert merged.image_scores() == (0.0, 1.0, *evaluator.image_scores())


def test_the_drawing_is_the_confusion_matrix(evaluator):
    assert isinstance(evaluator, Charts)
    (table,) = evaluator.drawings()
    assert table.name == "confusion_matrix"
    assert table.rows == NAMES
    assert table.counts == tuple(map(tuple, evaluator.confusion.tolist()))
    assert table.counts[1] == (1, 1, 0)  # dogs: one taken for a cat, one for a dog


def test_of_a_thousand_classes_forty_are_drawn():
    evaluator = ClassificationEvaluator([f"n{number:04d}" for number in range(1000)])
    evaluator.update([np.eye(1000, dtype=np.float32)[[7, 7, 900]]], [7, 999, 900])
    (table,) = evaluator.drawings()
    assert len(table.rows) == len(table.counts) == len(table.counts[0]) == 40
    assert {"n0007", "n0999"} <= set(table.rows)
    assert "40 of 1000" in table.title


def test_sentences_say_what_is_true():
    decoder = ClassificationDecoder(NAMES)
    (record,) = decoder.decode([np.log([[0.04, 0.93, 0.03]]).astype(np.float32)], [(8, 8)])
    assert decoder.sentence(record, 0) == "predicted dog (93 %), is cat"
    assert decoder.sentence(record, 1) == "predicted dog (93 %), which is right"
