"""Components are chosen by name, and by what follows where there is no name."""

import json

import pytest

from zoo_core.config.load import load_config
from zoo_core.errors import ConfigError, PluginError
from zoo_core.lazy import LazyRef
from zoo_core.plugins.catalog import Catalog
from zoo_core.specs import BENCHMARK, DatasetSpec, ModelSpec, TargetSpec, TaskSpec

TRAINING = "operation_mode: training\ntraining: {epochs: 1, batch_size: 2}\n"


def test_a_model_tells_the_use_case_and_an_alias_gets_its_name(load):
    loaded = load(f"{TRAINING}model: {{model_name: acme, alpha: 0.5}}\ndataset: {{dataset_name: beans}}\n")
    selection = loaded.selection
    assert (loaded.config.use_case, selection.task.spec.name) == ("counting", "counting")
    assert (selection.model.spec.name, loaded.config.model.model_name) == ("acme_net", "acme_net")
    assert loaded.config.model.alpha == 0.5
    assert "model acme stands for acme_net" in loaded.notes
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
    found = faults("operation_mode: evaluation\nmodel: {model_path: x.onnx}\n")
    assert "counting, sorting" in found["use_case"].hint


NET = "model: {model_name: acme_net}"
LOOP = "epochs: 1, batch_size: 1"
WRONG = [
    ("use_case: countin", "use_case", 'Unknown task "countin". Did you mean counting'),
    ("model: {model_name: acme_nets}", "model.model_name", "Did you mean acme_net"),
    (f"use_case: sorting\n{NET}", "model.model_name", "belongs to use case counting, not to sorting"),
    (f"{NET}\ndataset: {{dataset_name: shelf}}", "dataset.dataset_name", "use case sorting"),
    (f"{NET}\ndataset: {{dataset_name: beens}}", "dataset.dataset_name", "Did you mean beans?"),
    ("model: {model_name: sort_net}\ndataset: {name: anything}", "dataset.name", "zoo list datasets"),
    (f"{NET}\ntraining: {{trainer: sorter, {LOOP}}}", "training.trainer", "serves sorting"),
    (f"{NET}\ntraining: {{trainer: lightening, {LOOP}}}", "training.trainer", "Did you mean lightning"),
    (f"{NET}\nquantization: {{quantizer: onx_quantizer}}", "quantization.quantizer", "Did you mean"),
    (f"{NET}\nbenchmarking: {{board: ACME-H747-DISCO}}", "benchmarking.board", "Did you mean ACME-H747I-DISCO?"),
    (f"{NET}\ndeployment: {{hardware_setup: {{board: host}}}}", "deployment.hardware_setup.board", "acme_board"),
    (f"{NET}\nevaluation: {{target: acme_board}}", "evaluation.target", "cannot run a model"),
]


@pytest.mark.parametrize(("text", "key", "words"), WRONG)
def test_wrong_names_are_explained(faults, text, key, words):
    base = "" if "training:" in text else f"training: {{{LOOP}}}\n"
    assert words in str(faults(f"operation_mode: chain_te\n{base}{text}\n")[key])


def test_a_trainer_brings_its_own_section(load):
    text = "operation_mode: training\nmodel: {model_name: sort_net}\ndataset: {dataset_name: shelf}\n"
    assert load(f"{text}training: {{trainer: sorter, order: hue, {LOOP}}}\n").config.training.order == "hue"


def test_a_model_file_for_a_use_case_that_is_not_installed(faults, tmp_path):
    import torch

    torch.save({"zoo": json.dumps({"use_case": "weighing"})}, tmp_path / "w.pt")
    found = faults("operation_mode: benchmarking\nbenchmarking: {board: host}\nmodel: {model_path: w.pt}\n")
    assert 'Unknown task "weighing"' in found["use_case"].message


@pytest.mark.parametrize("said", [{}, {"use_case": "weighing", "model_name": "scales"}])
def test_measuring_an_onnx_model_needs_no_use_case(load, onnx_file, tmp_path, said):
    import onnx

    model = onnx.load(onnx_file)
    onnx.helper.set_model_props(model, {"zoo": json.dumps(said)})
    onnx.save(model, tmp_path / "bare.onnx")
    text = "operation_mode: benchmarking\nbenchmarking: {board: host}\nmodel: {model_path: bare.onnx}\n"
    loaded = load(text)
    assert loaded.config.use_case == "none"
    assert loaded.selection.task.spec.build.load() is not None


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
    shared = {"aliases": ("coco",), "summary": "x", "build": build, "config": section}
    data = [DatasetSpec(name=f"coco_{task.name}", task=task.name, **shared) for task in tasks]
    model = ModelSpec(
        name="net", task="two", summary="x", build=build, config=LazyRef("zoo_core.config.sections:ModelSection")
    )
    catalog = Catalog.of(*tasks, *data, model)
    text = "operation_mode: prediction\nmodel: {model_name: net, pretrained: True}\n"
    text += "dataset: {dataset_name: coco, prediction_path: .}\n"
    assert load_config(write(text), catalog=catalog).selection.dataset.spec.name == "coco_two"
    with pytest.raises(ConfigError, match=r"use_case .*use_case: NAME"):
        load_config(write(text.replace("model_name: net, pretrained: True", "model_path: x.onnx")), catalog=catalog)


def test_a_qualified_name_stays_qualified(load):
    loaded = load(f"{TRAINING}model: {{model_name: zoo-acme/acme_net}}\ndataset: {{dataset_name: zoo-acme/beans}}\n")
    assert loaded.config.model.model_name == "zoo-acme/acme_net"
    assert loaded.selection.model.spec.name == "acme_net"
    assert loaded.selection.dataset.spec.name == "beans"


BROKEN = [
    ({"config": LazyRef("nowhere.at_all:Section")}, "nowhere"),
    ({"config": LazyRef("zoo_core.config.sections:DatasetSection")}, "no subclass of ModelSection"),
    ({"config": LazyRef("zoo_core.config.sections:PATHS_OF_SPLIT")}, "no subclass of ModelSection"),
]


@pytest.mark.parametrize(("fields", "words"), BROKEN)
def test_a_broken_class_of_a_plugin_names_the_plugin(write, fields, words):
    build = LazyRef("nowhere:build")
    task = TaskSpec(name="one", summary="x", build=build)
    catalog = Catalog.of(task, ModelSpec(name="net", task="one", summary="x", build=build, **fields))
    with pytest.raises(PluginError, match=words):
        load_config(write("operation_mode: deployment\nmodel: {model_name: net, pretrained: True}\n"), catalog=catalog)
    odd = TaskSpec(name="one", summary="x", build=build, sections={"odd": LazyRef("zoo_core.config.section:Section")})
    with pytest.raises(PluginError, match="a section odd"):
        load_config(write("operation_mode: deployment\n"), catalog=Catalog.of(odd))


@pytest.fixture
def shared():
    """Return a catalogue in which two use cases have a model of one name, and one of them is known by its keys."""
    build = LazyRef("nowhere:build")
    section = LazyRef("zoo_core.config.sections:ModelSection")
    tasks = [
        TaskSpec(name="plain", summary="x", build=build),
        TaskSpec(name="special", summary="x", build=build, keys=("prediction.batch_size", "mlflow.uri")),
    ]
    models = [
        ModelSpec(name="plain_net", aliases=("net",), task="plain", summary="x", build=build, config=section),
        ModelSpec(name="net", task="special", summary="x", build=build, config=section),
        ModelSpec(name="lib", task="plain", summary="x", build=build, config=section, family=LazyRef("json:__all__")),
    ]
    data = LazyRef("zoo_core.config.sections:DatasetSection")
    host = TargetSpec(name="host", summary="x", build=build, abilities=frozenset({BENCHMARK}))
    shelf = DatasetSpec(name="shelf", task="special", summary="x", build=build, config=data)
    return Catalog.of(*tasks, *models, shelf, host)


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("model: {model_name: net, pretrained: True}\n", "plain_net"),
        ("model: {model_name: net, pretrained: True}\nprediction: {batch_size: 3}\n", "net"),
        ("model: {model_name: net, pretrained: True}\ndataset: {dataset_name: shelf}\n", "net"),
        ("model: {model_name: net, pretrained: True}\nmlflow: {uri: }\n", "plain_net"),
        ("use_case: special\nmodel: {model_name: net, pretrained: True}\n", "net"),
    ],
)
def test_a_model_that_several_use_cases_have_is_told_by_keys_of_one_of_them(write, shared, text, model):
    path = write(f"operation_mode: benchmarking\nbenchmarking: {{board: host}}\n{text}")
    chosen = load_config(path, catalog=shared).selection.model
    assert (chosen.spec.name, chosen.spec.task) == (model, "special" if model == "net" else "plain")


def test_keys_of_a_use_case_tell_it_without_a_model(write, shared):
    write("", "x.onnx")
    text = "operation_mode: benchmarking\nbenchmarking: {board: host}\nmodel: {model_path: x.onnx}\n"
    text += "prediction: {batch_size: 3}\n"
    assert load_config(write(text), catalog=shared).config.use_case == "special"
