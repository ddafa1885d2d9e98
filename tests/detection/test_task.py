"""What the use case decides: the family that reads outputs, the smallest scores, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import DatasetSection, PreprocessingSection, RunConfig
from zoo_core.errors import UserError
from zoo_core.protocols import ModelInfo
from zoo_core.results import MetricValue
from zoo_detection.config import DetectionAugmentationSection, DetectionModelSection, PostprocessingSection
from zoo_detection.families.catalogue import FAMILIES
from zoo_detection.families.choice import choose_family
from zoo_detection.names import MODEL_TYPES
from zoo_detection.task import build

INPUT = InputSpec(3, 64, 96)
NAMES = ("cat", "dog")
PLAIN = PostprocessingSection()


def info(*, tags=(), origin=None, name="model"):
    return ModelInfo(name=name, input=INPUT, class_names=NAMES, tags=frozenset(tags), origin=origin or {})


def task_of(tag="st_yolod", name="st_yolodv2pico_actrelu_pt", **sections):
    values = {"model": DetectionModelSection(model_name=name), "dataset": DatasetSection(), **sections}
    config = RunConfig.model_construct(
        operation_mode="evaluation", use_case="detection", preprocessing=PreprocessingSection(), **values
    )
    return build(config, info(tags=[tag], name=name))


def test_model_types_are_the_names_of_the_catalogue():
    assert sorted(MODEL_TYPES) == sorted(name for entry in FAMILIES for name in entry.names)


@pytest.mark.parametrize(
    ("model_type", "origin", "tags", "family"),
    [
        ("yolov8n", {"decoding": {"family": "st_yolod"}}, ["ssd"], "yolov8"),
        (None, {"decoding": {"family": "st_yolod"}}, ["ssd"], "st_yolod"),
        (None, {"decoding": {"family": "st_yoloxn"}}, [], "st_yolox"),
        (None, {}, ["st_yolod", "other"], "st_yolod"),
        (None, {"decoding": {}}, ["st_yolod"], "st_yolod"),
        ("st_yololcv1", {}, [], "yolov2"),
    ],
)
def test_who_says_what_the_outputs_are(model_type, origin, tags, family):
    section = DetectionModelSection(model_type=model_type)
    assert choose_family(section, info(tags=tags, origin=origin), PLAIN).name == family


def test_nobody_says_what_the_outputs_are():
    with pytest.raises(UserError, match=r"model\.model_type is missing(.|\n)*st_yolod, ssd, yolov8"):
        choose_family(DetectionModelSection(), info(), PLAIN)


def test_priors_in_the_file_come_before_those_of_the_name():
    stored = [[0.5, 0.5, 0.25, 0.75], [0.1, 0.2, 0.3, 0.4]]
    own = choose_family(
        DetectionModelSection(), info(origin={"decoding": {"family": "ssd", "anchor_boxes": stored}}), PLAIN
    )
    np.testing.assert_allclose(own.priors, stored, rtol=1e-6)
    named = choose_family(DetectionModelSection(model_name="ssdlite_mobilenetv2_pt"), info(tags=["ssd"]), PLAIN)
    cells = 4 * 6 + 2 * 3 + 1 * 2 + 3 * 1  # 64 x 96 pixels, six maps, each half of the one before
    assert named.priors.shape == (6 * cells, 4)
    by_file = choose_family(DetectionModelSection(model_type="ssd"), info(name="ssd"), PLAIN)  # from ssd.onnx
    np.testing.assert_array_equal(by_file.priors, named.priors)


def test_anchors_reach_the_families_that_have_them():
    anchors = PostprocessingSection(yolo_anchors=(1.0, 2.0, 3.0, 4.0))
    family = choose_family(DetectionModelSection(model_type="yolov2t"), info(), anchors)
    assert family.describe()["anchor_sizes"] == [[1, 2], [3, 4]]
    for other in ("st_yolod", "ssd", "yolov8n"):
        section = DetectionModelSection(model_type=other, model_name="ssdlite_mobilenetv2_pt")
        with pytest.raises(UserError, match=r"yolo_anchors: models of the type \w+ have no anchors"):
            choose_family(section, info(), anchors)


def test_smallest_scores():
    task = task_of()
    assert task.evaluator().postprocessing.confidence == 0.001
    assert task.decoder().postprocessing.confidence == 0.5
    assert task.decoder().describe()["confidence_threshold"] == 0.5  # what devices get
    given = task_of(postprocessing=PostprocessingSection(confidence_thresh=0.2))
    assert given.evaluator().postprocessing.confidence == given.decoder().postprocessing.confidence == 0.2


def test_only_st_yolod_takes_several_sizes():
    scales = DetectionAugmentationSection(multiscale_range=1)
    assert task_of(data_augmentation=scales).batch_transform() is not None
    ssd = task_of("ssd", "ssdlite_mobilenetv2_pt", data_augmentation=scales)
    with pytest.raises(UserError, match="multiscale_range: models of the type ssd take one size only"):
        ssd.batch_transform()
    still = DetectionAugmentationSection(multiscale_range=0)
    assert task_of("ssd", "ssdlite_mobilenetv2_pt", data_augmentation=still).batch_transform() is None


def test_models_of_others_have_no_loss():
    task = task_of(model=DetectionModelSection(model_type="yolov8n"))
    with pytest.raises(UserError, match="yolov8 cannot be trained here; st_yolod and ssd can"):
        task.criterion()


def test_keys_of_st_in_the_log():
    def key(name, model="float", split="test"):
        return task_of().metric_key(MetricValue(name=name, value=1.0, model=model, split=split))

    assert key("st_map") == "float_model_map"
    assert key("st_mrec", "int8") == "quantized_model_mrec"
    assert key("map") is None
    assert key("st_map", split="") is None


def test_shapes_of_another_family_are_told():
    problems = task_of().check_outputs([(1, 6, 84)])
    assert "1 outputs; ST_YOLOD has three" in problems[0]
    assert "model.model_type" in problems[-1]
    assert task_of().check_outputs([(1, 126, 4), (1, 126, 1), (None, 126, 2)]) == ()


@pytest.mark.parametrize(
    ("own", "stored", "wanted"),
    [((17, 18), [3, 4], [17, 18]), ((), [3, 4], [3, 4]), ((), [], [1, 2]), ((), [1, 2, 3], [1, 2])],
)
def test_numbers_of_classes_in_result_files(own, stored, wanted):
    """Those of the data set, else those that the model file knows, else 1, 2, ..."""
    config = RunConfig.model_construct(
        operation_mode="prediction",
        use_case="detection",
        preprocessing=PreprocessingSection(),
        model=DetectionModelSection(),
        dataset=DatasetSection(),
    )
    known = {"decoding": {"family": "st_yolod", "category_ids": stored}}
    task = build(config, ModelInfo(name="m", input=INPUT, class_names=NAMES, class_ids=own, origin=known))
    assert task.decoder().describe()["category_ids"] == wanted
