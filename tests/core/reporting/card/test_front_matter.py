"""The front matter is read by the hub's own library as it was meant."""

import math
from dataclasses import replace

import pytest
from huggingface_hub import ModelCard

from zoo_core.errors import UserError
from zoo_core.reporting.card import make_card
from zoo_core.results import MetricValue


@pytest.fixture
def data(record):
    return ModelCard(make_card(record, license_id="Apache-2.0").text).data


def test_fields_of_the_hub(data):
    assert data.library_name == "zoo"
    assert data.pipeline_tag == "image-classification"
    assert data.license == "apache-2.0"
    assert {"stm32", "onnx", "int8", "quantized", "stm32h747i_disco", "tinynet"} <= set(data.tags)
    assert data.metrics == ["accuracy", "f1"]


def test_one_result_per_model_and_metric(data):
    assert data.model_name == "tinynet"
    found = {(entry.metric_type, entry.metric_name, entry.metric_value) for entry in data.eval_results}
    assert found == {
        ("accuracy", "top1 (int8, %)", 80.25),
        ("f1", "macro_f1 (int8, %)", 79.0),
        ("accuracy", "top1 (float, %)", 82.5),
        ("f1", "macro_f1 (float, %)", 80.0),
    }
    assert {(entry.task_type, entry.dataset_name, entry.dataset_split) for entry in data.eval_results} == {
        ("image-classification", "pets", "test")
    }


def test_written_and_read_again_it_is_the_same(record):
    card = make_card(record, license_id="mit")
    first = ModelCard(card.text)
    again = ModelCard(str(first))
    assert again.data.to_dict() == first.data.to_dict()
    assert again.data.to_dict() == card.front_matter


@pytest.mark.parametrize(
    ("use_case", "pipeline"),
    [("detection", "object-detection"), ("reid", "image-feature-extraction"), ("pose", "keypoint-detection")],
)
def test_every_use_case_has_the_hubs_name(record, use_case, pipeline):
    run = replace(record, manifest=replace(record.manifest, use_case=use_case))
    assert ModelCard(make_card(run).text).data.pipeline_tag == pipeline


def test_use_case_of_a_plugin_has_no_pipeline(record):
    run = replace(record, manifest=replace(record.manifest, use_case="counting"))
    data = ModelCard(make_card(run).text).data
    assert data.pipeline_tag is None
    assert {entry.task_type for entry in data.eval_results} == {"counting"}


def test_licence_and_data_set_are_named_only_where_somebody_names_them(record):
    card = make_card(record, code_licence="Apache-2.0")
    assert {"license", "datasets"}.isdisjoint(card.front_matter)
    for form in ("custom", "coco"):
        record.manifest.config["dataset"]["dataset_name"] = form
        assert "datasets" not in make_card(record).front_matter
    record.manifest.config["dataset"]["dataset_name"] = "flowers"
    assert make_card(record).front_matter["datasets"] == ["flowers"]


@pytest.mark.parametrize("wrong", ["my licence", "a\nb: c", "", "-x"])
def test_licence_that_is_no_identifier_is_refused(record, wrong):
    with pytest.raises(UserError, match="licence"):
        make_card(record, license_id=wrong)


def test_float_model_has_no_tags_of_quantization(record):
    data = make_card(replace(record, results=record.results[:2])).front_matter
    assert "onnx" in data["tags"]
    assert {"int8", "quantized"}.isdisjoint(data["tags"])
    assert "model-index" not in data


def test_value_that_is_no_number_is_no_result(with_result):
    metric = MetricValue(name="loss", value=math.nan, split="test", model="int8")
    other = MetricValue(name="top1", value=50.0, unit="%", split="test", model="int8")
    data = ModelCard(make_card(with_result("evaluation", metrics=(metric, other))).text).data
    assert [entry.metric_type for entry in data.eval_results] == ["accuracy"]
