"""Components are chosen by name, and by what follows where there is no name."""

import json

import pytest

from zoo_core.config.load import load_config
from zoo_core.lazy import LazyRef
from zoo_core.plugins.catalog import Catalog
from zoo_core.specs import DatasetSpec, ModelSpec, TaskSpec

TRAINING = "operation_mode: training\ntraining: {epochs: 1, batch_size: 2}\n"


def test_a_model_tells_the_use_case_and_an_alias_gets_its_name(load):
    loaded = load(f"{TRAINING}model: {{model_name: acme, alpha: 0.5}}\ndataset: {{dataset_name: beans}}\n")
    selection = loaded.selection
    assert (loaded.config.use_case, selection.task.spec.name) == ("counting", "counting")
    assert (selection.model.spec.name, loaded.config.model.model_name) == ("acme_net", "acme_net")
    assert loaded.config.model.alpha == 0.5
    assert "model acme is acme_net" in loaded.notes
    assert selection.dataset.spec.name == "beans"
    assert selection.trainer.spec.name == "lightning"
    assert selection.quantizer is selection.benchmark_target is selection.deploy_target is None
    assert loaded.config.training.margin == 0.3
    assert selection.missing == ()


@pytest.mark.parametrize(
    ("text", "use_case"),
    [
        ("use_case: object_counting\nmodel: {model_path: x.onnx}\n", "counting"),
        ("model: {model_path: x.onnx, model_type: density}\n", "counting"),
        ("model: {model_path: x.onnx}\ndataset: {dataset_name: shelf}\n", "sorting"),
        ("model: {model_path: x.onnx, model_name: sort_net}\n", "sorting"),
    ],
)
def test_ways_to_tell_the_use_case(load, write, text, use_case):
    write("", "x.onnx")
    loaded = load(f"operation_mode: benchmarking\nbenchmarking: {{board: host}}\n{text}")
    assert loaded.config.use_case == use_case


@pytest.fixture
def onnx_file(tmp_path):
    import onnx
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "g",
        [value],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    model = helper.make_model(graph)
    onnx.helper.set_model_props(model, {"zoo": json.dumps({"use_case": "sorting", "model_name": "sort_net"})})
    onnx.save(model, tmp_path / "told.onnx")
    return tmp_path / "told.onnx"


def test_a_model_file_tells_use_case_and_model(load, onnx_file):
    loaded = load("operation_mode: benchmarking\nbenchmarking: {board: host}\nmodel: {model_path: told.onnx}\n")
    assert loaded.config.use_case == "sorting"
    assert loaded.config.model.model_name == "sort_net"
    assert loaded.config.model.model_path == onnx_file
    assert any("holds sort_net" in note for note in loaded.notes)


def test_weights_tell_the_model_of_the_next_step(load, tmp_path):
    import torch

    torch.save({"state_dict": {}, "zoo": {"use_case": "counting", "model_name": "acme_net"}}, tmp_path / "step_1.pt")
    loaded = load(f"{TRAINING}general: {{model_path: step_1.pt}}\ndataset: {{dataset_name: beans}}\n")
    assert loaded.selection.model.spec.name == "acme_net"
    assert loaded.config.model.model_name == "acme_net"


def test_a_model_file_that_says_nothing_leaves_the_use_case_open(write, faults):
    write("no model", "x.onnx")
    found = faults("operation_mode: benchmarking\nbenchmarking: {board: host}\nmodel: {model_path: x.onnx}\n")
    assert set(found) == {"use_case"}
    assert "counting, sorting" in found["use_case"].hint


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("use_case: countin\n", "use_case", 'Unknown task "countin". Did you mean counting?'),
        ("model: {model_name: acme_nets}\n", "model.model_name", "Did you mean acme_net"),
        ("use_case: sorting\nmodel: {model_name: acme_net}\n", "model.model_name", "belongs to use case counting, not to sorting"),
        ("model: {model_name: acme_net}\ndataset: {dataset_name: shelf}\n", "dataset.dataset_name", "use case sorting"),
        ("model: {model_name: acme_net}\ndataset: {dataset_name: beens}\n", "dataset.dataset_name", "Did you mean beans?"),
        ("model: {model_name: sort_net}\ndataset: {dataset_name: anything}\n", "dataset.dataset_name", "zoo list datasets"),
        ("model: {model_name: acme_net}\ntraining: {trainer: sorter, epochs: 1, batch_size: 1}\n", "training.trainer", "serves sorting"),
        ("model: {model_name: acme_net}\ntraining: {trainer: lightening, epochs: 1, batch_size: 1}\n", "training.trainer", "Did you mean lightning"),
        ("model: {model_name: acme_net}\nquantization: {quantizer: onx_quantizer}\n", "quantization.quantizer", "Did you mean"),
        ("model: {model_name: acme_net}\nbenchmarking: {board: ACME-H747-DISCO}\n", "benchmarking.board", "Did you mean ACME-H747I-DISCO?"),
        ("model: {model_name: acme_net}\ndeployment: {hardware_setup: {board: host}}\n", "deployment.hardware_setup.board", "acme_board"),
        ("model: {model_name: acme_net}\nevaluation: {target: acme_board}\n", "evaluation.target", "cannot run a model"),
    ],
)  # fmt: skip
def test_wrong_names_are_explained(faults, text, key, words):
    base = "" if "training:" in text else "training: {epochs: 1, batch_size: 1}\n"
    assert words in str(faults(f"operation_mode: chain_te\n{base}{text}")[key])


def test_a_free_name_means_the_folder_format(load):
    loaded = load(f"{TRAINING}model: {{model_name: acme_net}}\ndataset: {{name: my_flowers, training_path: .}}\n")
    assert loaded.selection.dataset.spec.name == "folder"
    assert loaded.config.dataset.dataset_name == "my_flowers"
    assert any("my_flowers" in note for note in loaded.notes)


BENCH = "operation_mode: benchmarking\nmodel: {model_url: https://x.example/a.onnx}\nuse_case: counting\n"


def test_a_board_that_nobody_provides_is_missing_not_wrong(load):
    loaded = load(f"{BENCH}benchmarking: {{board: STM32H747I-DISCO, clock: 7}}\ntools: {{vendor: {{x: 1}}}}\n")
    (missing,) = loaded.selection.missing
    assert (missing.key, missing.name) == ("benchmarking.board", "STM32H747I-DISCO")
    assert loaded.warnings == (missing.message,)
    assert missing.message == (
        'benchmarking.board: no installed plugin provides "STM32H747I-DISCO". '
        "Boards come with target plugins such as zoo-stm32; see: zoo list targets"
    )
    assert loaded.config.benchmarking.board == "STM32H747I-DISCO"


def test_a_board_that_the_mode_does_not_need_is_nobodys_business(load):
    loaded = load(
        "operation_mode: deployment\nuse_case: counting\nmodel: {model_url: https://x.example/a.onnx}\n"
        "benchmarking: {board: STM32H747I-DISCO}\ndeployment: {hardware_setup: {board: acme_board}}\n"
    )
    assert loaded.selection.missing == ()
    assert loaded.warnings == ()
    assert loaded.selection.deploy_target.spec.name == "acme_board"


def test_a_target_brings_its_own_keys(load, faults):
    loaded = load(f"{BENCH}benchmarking: {{board: ACME-H747I-DISCO, clock: 7}}\n")
    assert loaded.config.benchmarking.clock == 7
    assert loaded.selection.benchmark_target.spec.name == "acme_board"
    assert "clock" in str(faults(f"{BENCH}benchmarking: {{board: host, clock: 7}}\n")["benchmarking.clock"])


def test_use_cases_may_share_the_name_of_a_data_set(write):
    build = LazyRef("nowhere:build")
    section = LazyRef("zoo_core.config.sections:DatasetSection")
    tasks = [TaskSpec(name=name, summary="x", build=build, default_dataset=None) for name in ("one", "two")]
    data = [
        DatasetSpec(
            name=f"coco_{task.name}", aliases=("coco",), task=task.name, summary="x", build=build, config=section
        )
        for task in tasks
    ]
    model = ModelSpec(
        name="net", task="two", summary="x", build=build, config=LazyRef("zoo_core.config.sections:ModelSection")
    )
    catalog = Catalog.of(*tasks, *data, model)
    text = "operation_mode: prediction\nmodel: {model_name: net, pretrained: True}\ndataset: {dataset_name: coco, prediction_path: .}\n"
    assert load_config(write(text), catalog=catalog).selection.dataset.spec.name == "coco_two"
