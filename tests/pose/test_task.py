"""What the use case decides: the family that reads outputs, the loss, the monitor, ST's keys, and what it refuses."""

from __future__ import annotations

import pytest

from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import PreprocessingSection, RunConfig
from zoo_core.errors import UserError
from zoo_core.protocols import ModelInfo
from zoo_core.results import MetricValue
from zoo_pose.augmentation.transform import TrainTransform
from zoo_pose.config import (
    PoseAugmentationSection,
    PoseDatasetSection,
    PoseModelSection,
    PosePostprocessingSection,
    PoseTrainingSection,
)
from zoo_pose.config.training import HeatmapsSection
from zoo_pose.families.choice import choose_family
from zoo_pose.loss.criterion import HeatmapLoss
from zoo_pose.loss.yolo import YoloPoseLoss
from zoo_pose.task import build

INPUT = InputSpec(3, 64, 96)
PLAIN = PosePostprocessingSection()
CELLS = 8 * 12 + 4 * 6 + 2 * 3


def info(*, tags=(), origin=None, shapes=(), names=()):
    return ModelInfo(
        name="model",
        input=INPUT,
        class_names=tuple(names),
        tags=frozenset(tags),
        origin=origin or {},
        output_shapes=tuple(shapes),
    )


def task_of(tag="heatmaps_spe", *, keypoints=17, model=None, **sections):
    values = {
        "model": PoseModelSection(),
        "dataset": PoseDatasetSection(keypoints=keypoints),
        "preprocessing": PreprocessingSection(),
        "training": PoseTrainingSection(epochs=1, batch_size=2),
        **sections,
    }
    config = RunConfig.model_construct(operation_mode="evaluation", use_case="pose", **values)
    return build(config, model or info(tags=[tag]))


@pytest.mark.parametrize(
    ("model_type", "origin", "tags", "family"),
    [
        ("spe", {"decoding": {"family": "yolo_mpe"}}, ["heatmaps_spe"], "spe"),
        (None, {"decoding": {"family": "yolo_mpe"}}, ["heatmaps_spe"], "heatmaps_spe"),
        (None, {"decoding": {"family": "yolo_mpe"}}, [], "yolo_mpe"),
        (None, {}, ["yolo_mpe", "other"], "yolo_mpe"),
        ("head_spe", {}, [], "head_spe"),
    ],
)
def test_who_says_what_the_outputs_are(model_type, origin, tags, family):
    section = PoseModelSection(model_type=model_type)
    assert choose_family(section, info(tags=tags, origin=origin), PLAIN, 17).name == family


@pytest.mark.parametrize(
    ("shapes", "keypoints", "family"),
    [
        ([(1, 17, 16, 24)], 17, "heatmaps_spe"),
        ([(1, 16, 24, 13)], 13, "heatmaps_spe"),
        ([(1, 1, 17, 3)], 17, "spe"),
        ([(1, 56, CELLS)], 17, "yolo_mpe"),
        ([(1, 63), (1, 1), (1, 1)], 21, "hand_spe"),
        ([(1, 30), (1, 1)], 10, "head_spe"),
    ],
)
def test_shapes_tell_the_family_of_models_of_others(shapes, keypoints, family):
    assert choose_family(PoseModelSection(), info(shapes=shapes), PLAIN, keypoints).name == family


def test_nobody_says_what_the_outputs_are():
    with pytest.raises(UserError, match=r"model\.model_type is missing(.|\n)*heatmaps_spe, spe, yolo_mpe"):
        choose_family(PoseModelSection(), info(shapes=[(1, 1000)]), PLAIN, 17)


@pytest.mark.parametrize(
    ("section", "origin", "names", "count"),
    [
        ({"keypoints": 13}, {"decoding": {"keypoints": 21}}, ["a"] * 17, 13),
        ({}, {"decoding": {"keypoints": 21}}, ["a"] * 17, 21),
        ({}, {}, ["a", "b", "c"], 3),
    ],
)
def test_who_says_how_many_keypoints_there_are(section, origin, names, count):
    model = info(origin=origin, names=names, tags=["spe"])
    assert task_of(model=model, dataset=PoseDatasetSection(**section)).skeleton.keypoints == count


def test_the_model_file_names_keypoints_and_links():
    model = info(origin={"decoding": {"bindings": [[0, 1], [1, 2]]}}, names=["head", "body", "tail"], tags=["spe"])
    skeleton = task_of(model=model, dataset=PoseDatasetSection()).skeleton
    assert (skeleton.names, skeleton.links) == (("head", "body", "tail"), ((0, 1), (1, 2)))


def test_nobody_says_how_many_keypoints_there_are():
    with pytest.raises(UserError, match=r"how many keypoints(.|\n)*dataset\.keypoints"):
        _ = task_of(dataset=PoseDatasetSection()).skeleton


def test_monitors():
    """The mean similarity decides for one pose, a share from 0 to 1; precision in percent for several."""
    single, several = task_of().monitor(), task_of("yolo_mpe").monitor()
    assert (single.name, single.unit, single.higher_is_better) == ("oks", "", True)
    assert (several.name, several.unit, several.higher_is_better) == ("map", "%", True)


@pytest.mark.parametrize(
    ("tag", "name", "model", "key"),
    [
        ("heatmaps_spe", "oks", "float", "float_OKS"),
        ("heatmaps_spe", "oks", "int8", "quantized_OKS"),
        ("spe", "oks", "float", "float_OKS"),
        ("heatmaps_spe", "map", "float", None),
        ("heatmaps_spe", "pck", "float", None),
        ("yolo_mpe", "ap50", "float", "float_mAP_0.5"),
        ("yolo_mpe", "map", "int8", "quantized_mAP_0.5_0.95"),
        ("yolo_mpe", "ap75", "int8", None),
        ("yolo_mpe", "oks", "float", None),
    ],
)
def test_keys_of_st_in_the_log(tag, name, model, key):
    value = MetricValue(name=name, value=1.0, model=model, split="test")
    assert task_of(tag).metric_key(value) == key
    assert task_of(tag).metric_key(MetricValue(name=name, value=1.0, model=model, split="")) is None


@pytest.mark.parametrize(
    ("tag", "shapes", "right"),
    [
        ("heatmaps_spe", [(1, 13, 16, 24)], [(None, 17, 16, 24)]),
        ("spe", [(1, 17, 16, 24)], [(1, 1, 17, 3)]),
        ("yolo_mpe", [(1, 44, CELLS)], [(1, 56, CELLS)]),
        ("hand_spe", [(1, 63)], [(1, 51)]),
    ],
)
def test_shapes_of_other_outputs_are_told(tag, shapes, right):
    task = task_of(tag, model=info(tags=[tag]))
    problems = task.check_outputs(shapes)
    assert str(shapes[0]) in problems[0]
    assert f"{tag} with 17 keypoints" in problems[-1]
    assert "model.model_type and dataset.keypoints" in problems[-1]
    assert task.check_outputs(right) == ()


def test_rows_of_another_number_of_keypoints_are_explained():
    problems = task_of("yolo_mpe").check_outputs([(1, 44, CELLS)])
    assert "13 keypoints" in problems[0]


def test_losses():
    heatmaps = PoseTrainingSection(epochs=1, batch_size=2, heatmaps=HeatmapsSection(loss="focal"))
    assert isinstance(task_of(training=heatmaps).criterion(), HeatmapLoss)
    assert isinstance(task_of("yolo_mpe").criterion(), YoloPoseLoss)
    for other in ("spe", "hand_spe", "head_spe"):
        task = task_of(model=info(tags=[other]))
        with pytest.raises(UserError, match=f"{other} cannot be trained here; heatmaps_spe and yolo_mpe can"):
            task.criterion()


def test_smallest_scores():
    task = task_of("yolo_mpe")
    assert task.evaluator().postprocessing.confidence == 0.001
    assert task.decoder().postprocessing.confidence == 0.5
    given = task_of("yolo_mpe", postprocessing=PosePostprocessingSection(confidence_thresh=0.2))
    assert given.evaluator().postprocessing.confidence == given.decoder().postprocessing.confidence == 0.2


def test_devices_get_the_confidence_of_keypoints_from_models_of_one_pose():
    section = PosePostprocessingSection(kpts_conf_thresh=0.3, confidence_thresh=0.6)
    single = task_of(postprocessing=section).decoder().describe()
    assert (single["confidence_threshold"], single["family"]) == (0.3, "heatmaps_spe")
    several = task_of("yolo_mpe", postprocessing=section).decoder().describe()
    assert (several["confidence_threshold"], several["total_boxes"]) == (0.6, CELLS)


def test_sizes_of_training():
    sizes = {"random_periodic_resizing": {"image_sizes": [(64, 64), (96, 128)]}}
    task = task_of(data_augmentation=PoseAugmentationSection.model_validate(sizes))
    assert task.training_sizes == ((64, 64), (96, 128))
    assert isinstance(task.train_transform(), TrainTransform)
    assert task_of().training_sizes == ()
