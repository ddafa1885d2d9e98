"""The metrics of image classification against scikit-learn and by hand."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support, top_k_accuracy_score

from zoo_classification.evaluator import ClassificationEvaluator
from zoo_core.errors import UserError

NAMES = tuple(f"class_{index}" for index in range(7))


@pytest.fixture
def answers():
    generator = np.random.default_rng(5)
    labels = generator.integers(0, len(NAMES) - 1, 400)  # the last class has no images
    logits = generator.normal(size=(400, len(NAMES))).astype(np.float32)
    logits[np.arange(400), labels] += 1.0
    return logits, labels


def evaluate(logits, labels, pieces=5):
    evaluator = ClassificationEvaluator(NAMES)
    for part, targets in zip(np.array_split(logits, pieces), np.array_split(labels, pieces), strict=True):
        evaluator.update([part], torch.from_numpy(targets))
    return evaluator


def test_accuracies_agree_with_scikit_learn(answers):
    logits, labels = answers
    values = {metric.name: metric.value for metric in evaluate(logits, labels).compute()}
    assert values["top1"] == pytest.approx(100 * accuracy_score(labels, logits.argmax(1)))
    assert values["top5"] == pytest.approx(100 * top_k_accuracy_score(labels, logits, k=5, labels=range(7)))


def test_per_class_figures_agree_with_scikit_learn(answers):
    logits, labels = answers
    evaluator = evaluate(logits, labels)
    wanted = precision_recall_fscore_support(labels, logits.argmax(1), labels=range(7), zero_division=0)
    for row, precision, recall, f1, support in zip(evaluator.per_class(), *wanted, strict=True):
        assert (row["precision"], row["recall"], row["f1"]) == pytest.approx((100 * precision, 100 * recall, 100 * f1))
        assert row["support"] == support
    values = {metric.name: metric.value for metric in evaluator.compute()}
    present = wanted[3] > 0
    for name, column in zip(("precision", "recall", "f1"), wanted, strict=False):
        assert values[f"macro_{name}"] == pytest.approx(100 * column[present].mean())


def test_confusion_agrees_with_scikit_learn(answers):
    logits, labels = answers
    wanted = confusion_matrix(labels, logits.argmax(1), labels=range(7))
    np.testing.assert_array_equal(evaluate(logits, labels).confusion, wanted)


def test_merge_of_two_processes_equals_one(answers):
    logits, labels = answers
    parts = [evaluate(logits[:150], labels[:150]), evaluate(logits[150:], labels[150:])]
    merged = ClassificationEvaluator(NAMES)
    merged.merge([part.state() for part in parts])
    assert merged.compute() == evaluate(logits, labels).compute()


def test_metrics_are_percent_and_higher_is_better(answers):
    metrics = evaluate(*answers).compute()
    assert [metric.name for metric in metrics] == ["top1", "top5", "macro_precision", "macro_recall", "macro_f1"]
    assert all(metric.unit == "%" and metric.higher_is_better for metric in metrics)


def test_equal_scores_favour_the_earlier_class():
    evaluator = evaluate(np.zeros((2, 7), np.float32), np.array([4, 5]), pieces=1)
    values = {metric.name: metric.value for metric in evaluator.compute()}
    assert values["top5"] == 50.0
    assert values["top1"] == 0.0


def test_outputs_that_are_no_numbers_are_wrong():
    logits = np.full((3, 7), np.nan, np.float32)
    values = {metric.name: metric.value for metric in evaluate(logits, np.array([0, 1, 6]), pieces=1).compute()}
    assert (values["top1"], values["top5"]) == (0.0, 0.0)


def test_no_images_give_zero_not_an_error():
    assert all(metric.value == 0.0 for metric in ClassificationEvaluator(NAMES).compute())


def test_other_number_of_classes_names_both_sides():
    with pytest.raises(UserError, match="10 outputs and there are 7 classes"):
        ClassificationEvaluator(NAMES).update([np.zeros((2, 10), np.float32)], [0, 1])


def test_files_hold_the_counts(answers, tmp_path):
    evaluator = evaluate(*answers)
    files = evaluator.write(tmp_path / "new", "float_test")
    assert [path.name for path in files] == [
        "float_test_confusion_matrix.csv",
        "float_test_confusion_matrix.png",
        "float_test_per_class.csv",
    ]
    rows = list(csv.reader(files[0].read_text().splitlines()))
    assert rows[0][1:] == list(NAMES)
    np.testing.assert_array_equal(np.array([row[1:] for row in rows[1:]], int), evaluator.confusion)
    with Image.open(files[1]) as picture:
        assert picture.width > 200
    assert len(list(csv.reader(files[2].read_text().splitlines()))) == 8


def test_names_that_look_like_formulas_are_drawn(tmp_path):
    evaluator = ClassificationEvaluator(["$\\bad$", "a_b^c"])
    evaluator.update([np.eye(2, dtype=np.float32)], [0, 1])
    assert evaluator.write(tmp_path, "x")[1].stat().st_size > 0


def test_thousand_classes_are_drawn(tmp_path):
    evaluator = ClassificationEvaluator([f"n{index:08d}" for index in range(1000)])
    evaluator.update([np.eye(1000, dtype=np.float32)[:8]], np.arange(8))
    with Image.open(evaluator.write(tmp_path, "x")[1]) as picture:
        assert max(picture.size) <= 1600
