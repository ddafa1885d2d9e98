"""The use case object as the services see it."""

import pytest
import torch

from zoo_classification.config import DataAugmentationSection
from zoo_classification.evaluator import ClassificationEvaluator
from zoo_classification.task import build
from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import DatasetSection, ModelSection, PreprocessingSection, RunConfig
from zoo_core.protocols import Evaluator, ModelInfo
from zoo_core.results import MetricValue

NAMES = ("cat", "dog", "bird")


def make(augmentation=None, shape=(3, 32, 32)):
    config = RunConfig(
        operation_mode="training",
        use_case="classification",
        model=ModelSection(),
        dataset=DatasetSection(),
        preprocessing=PreprocessingSection(),
        data_augmentation=augmentation,
    )
    return build(config, ModelInfo(name="resnet8", input=InputSpec(*shape), class_names=NAMES))


@pytest.mark.parametrize(
    ("metric", "key"),
    [
        (MetricValue(name="top1", value=1, split="test", model="float"), "float_acc_test_set"),
        (MetricValue(name="top1", value=1, split="test", model="int8"), "int_acc_test_set"),
        (MetricValue(name="top1", value=1, split="validation", model="torch"), "float_acc_validation_set"),
        (MetricValue(name="top5", value=1, split="test", model="int8"), None),
        (MetricValue(name="top1", value=1), None),
    ],
)
def test_accuracy_has_st_key(metric, key):
    assert make().metric_key(metric) == key


def test_monitor_is_top1_and_the_evaluator_computes_it():
    task = make()
    evaluator = task.evaluator()
    assert isinstance(evaluator, ClassificationEvaluator)
    monitor = task.monitor()
    assert monitor.higher_is_better
    assert monitor.name in {metric.name for metric in evaluator.compute()}
    static: Evaluator = evaluator
    assert static is evaluator


def test_targets_become_indices():
    targets = make().collate_targets([2, 0, 1])
    assert targets.dtype == torch.int64
    assert targets.tolist() == [2, 0, 1]


def test_drop_keys_shape_the_network():
    assert make().model_options() == {}
    section = DataAugmentationSection.model_validate({"drop": 0.2, "drop_connect": 0.1})
    assert make(section).model_options() == {"drop": 0.2, "drop_path": 0.1}


def test_batches_are_mixed_only_when_asked():
    assert make().batch_transform() is None
    assert make(DataAugmentationSection()).batch_transform() is None
    assert make(DataAugmentationSection.model_validate({"mixup": 0.2, "mixup_prob": 0})).batch_transform() is None
    assert make(DataAugmentationSection.model_validate({"cutmix_minmax": [0.2, 0.8]})).batch_transform() is not None


@pytest.mark.parametrize(
    ("shapes", "good"),
    [
        ([(None, 3)], True),
        ([(1, 3, 1, 1)], True),
        ([(None, None)], True),
        ([(1, 1000)], False),
        ([(1, 4, 8, 8)], False),
        ([(1, 3), (1, 3)], False),
        ([], False),
    ],
)
def test_outputs_must_be_one_number_per_class(shapes, good):
    assert (make().check_outputs(shapes) == ()) is good


def test_loss_follows_the_section():
    logits, labels = torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([0])
    plain, smoothed = make().criterion(), make(DataAugmentationSection()).criterion()
    assert plain(logits, labels) < smoothed(logits, labels)
    assert torch.equal(plain.eval()(logits, labels), smoothed.eval()(logits, labels))


def test_training_batches_are_measured_where_they_have_plain_labels():
    outputs = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [0.0, 1.0, 5.0], [1.0, 0.0, 0.0]])
    found = make().train_metrics(outputs, torch.tensor([0, 1, 1, 0]))
    assert {name: value.item() for name, value in found.items()} == {"top1": 75.0}
    assert make().train_metrics(outputs, torch.full((4, 3), 1 / 3)) == {}
