"""Files as ST's documentation shows them are taken as they are, with the classification package installed."""

import json
import re
from pathlib import Path

import pytest
import yaml

from zoo_core.config.load import load_config, reload_config
from zoo_core.config.render import annotated_yaml, composed_files, resolved_yaml
from zoo_core.config.schema_json import file_schema
from zoo_core.plugins import get_catalog

DATA = Path(__file__).parent / "data"
FOLDERS = ("data/imagenet/train", "data/imagenet/val", "train", "val", "datasets/flower_photos", "conf/datasets")
REPLACED = {
    "path to data_dir": "../data",
    "<training-dataset-root-directory>": "../train",
    "<validation-dataset-root-directory>": "../val",
    "<training-set-root-directory>": "../train",
    "<test-set-root-directory>": "../val",
    "<path-to-an-ONNX-QDQ-model-file>": "../model.onnx",
}


@pytest.fixture
def load_file(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELS_DIR", str(tmp_path / "models"))
    for folder in FOLDERS:
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "conf/datasets/deployment_labels_imagenet.txt").write_text("tench\n")
    (tmp_path / "model.onnx").write_bytes(b"")

    def load(name, *overrides):
        text = (DATA / name).read_text()
        for placeholder, path in REPLACED.items():
            text = text.replace(placeholder, path)
        path = tmp_path / "conf" / name
        path.write_text(text)
        return load_config(path, overrides, catalog=get_catalog())

    return load


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("st_*.yaml")))
def test_every_file_passes_and_survives_being_saved(load_file, name):
    loaded = load_file(name)
    assert loaded.config.use_case == "classification"
    again = reload_config(loaded.config.canonical(), loaded.composed.base_dir, catalog=get_catalog())
    assert again.config == loaded.config
    assert not again.notes


def test_release_400_with_imagenet(load_file, tmp_path):
    loaded = load_file("st_400_imagenet.yaml")
    config = loaded.config
    assert loaded.letters == "tqeb"
    assert loaded.selection.dataset.spec.name == "imagenet"
    assert config.dataset.data_dir == tmp_path / "data"
    assert config.dataset.class_names is None
    assert config.dataset.workers == 4
    assert config.training.log_interval == 50
    assert config.training.optimizer.weight_decay == pytest.approx(2e-5)
    assert config.training.lr_scheduler.sched == "cosine"
    assert config.data_augmentation.crop_range == (0.08, 1.0)
    assert config.preprocessing.normalization.mean == (0.485, 0.456, 0.406)
    assert config.preprocessing.rescaling.scale == pytest.approx(1 / 255)
    assert config.quantization.onnx_extra_options.CalibMovingAverage is True
    assert loaded.selection.missing == ()
    assert loaded.selection.benchmark_target.spec.name == "stm32h747i_disco"
    assert "general.workers is read as dataset.workers" in loaded.notes
    assert re.fullmatch(r"\./pt/src/experiments_outputs/\d{4}(_\d\d){5}", config.hydra.run.dir)


def test_release_400_with_own_images(load_file, tmp_path):
    loaded = load_file("st_400_custom.yaml", "benchmarking.board=host")
    assert loaded.selection.dataset.spec.name == "custom"
    assert loaded.config.dataset.validation_path == tmp_path / "val"
    assert loaded.warnings == ()


def test_deployment_of_release_400(load_file):
    loaded = load_file("st_400_deployment.yaml")
    assert loaded.letters == "d"
    assert loaded.config.operation_mode == "deployment"
    assert loaded.config.deployment.hardware_setup.board == "STM32H747I-DISCO"
    assert loaded.selection.missing == ()
    assert loaded.selection.deploy_target.spec.name == "stm32h747i_disco"


def test_the_older_layout(load_file, tmp_path):
    config = load_file("st_v3_training.yaml").config
    assert config.model.model_name == "mobilenetv2_a035_pt"
    assert config.model.input_shape == (3, 224, 224)
    assert config.model.pretrained is True
    assert config.general.seed == 127
    assert config.dataset.training_path == tmp_path / "datasets" / "flower_photos"
    assert config.dataset.validation_split == 0.15
    assert (config.training.optimizer.opt, config.training.lr_scheduler.lr) == ("adam", 0.001)
    assert config.training.callbacks.ReduceLROnPlateau.factor == 0.5
    assert config.data_augmentation.random_rotation.factor == 0.15


def test_the_older_layout_with_a_schedule(load_file, tmp_path):
    training = load_file("st_v3_schedule.yaml").config.training
    assert training.frozen_layers.resolve(3) == (0, 1)
    assert training.trained_model_path == tmp_path / "models" / "step_1.pt"
    schedule = training.callbacks.LearningRateScheduler.schedule
    assert schedule(169, 0.0) == pytest.approx(0.01 * 0.001)


def test_a_file_is_shown_with_the_origin_of_every_value(load_file):
    loaded = load_file("st_400_custom.yaml", "training.epochs=7", "training.optimizer.opt-eps=1e-8")
    text = annotated_yaml(loaded)
    assert yaml.safe_load(text) == loaded.config.canonical()
    lines = {line.split(":")[0].strip(): line for line in text.splitlines()}
    file = loaded.composed.file.read_text().splitlines()
    assert lines["epochs"].endswith("# command line")
    assert lines["opt_eps"].endswith("# command line")
    assert lines["use_case"].endswith("# inferred")
    assert lines["test_split"].endswith("# default")
    workers = re.search(r"st_400_custom\.yaml:(\d+) as general\.workers$", lines["workers"])
    assert "workers: 4" in file[int(workers[1]) - 1]
    batch = re.search(r"st_400_custom\.yaml:(\d+)$", lines["batch_size"] if "128" in lines["batch_size"] else text)
    assert batch


def test_the_resolved_file_loads_to_the_same_configuration(load_file, tmp_path):
    loaded = load_file("st_v3_schedule.yaml")
    path = tmp_path / "conf" / "resolved.yaml"
    path.write_text(resolved_yaml(loaded.config))
    assert load_config(path, catalog=get_catalog()).config == loaded.config
    assert "!!" not in path.read_text()


def test_the_files_of_hydra(load_file):
    loaded = load_file("st_400_custom.yaml", "training.epochs=7")
    files = {name: yaml.safe_load(text) for name, text in composed_files(loaded.composed).items()}
    assert files["overrides.yaml"] == ["training.epochs=7"]
    assert files["config.yaml"]["training"]["epochs"] == 7
    assert files["config.yaml"]["general"]["workers"] == 4
    assert files["hydra.yaml"]["hydra"]["run"]["dir"] == loaded.config.hydra.run.dir


KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def allowed(schema, definitions, value):
    """Judge a value by the small part of JSON schema that is used here."""
    if "$ref" in schema:
        return allowed(definitions[schema["$ref"].rpartition("/")[2]], definitions, value)
    if "anyOf" in schema:
        return any(allowed(choice, definitions, value) for choice in schema["anyOf"])
    kind = schema.get("type")
    if "enum" in schema or "const" in schema:
        fits = value in schema.get("enum", [schema.get("const")])
    elif kind in ("integer", "number"):
        fits = isinstance(value, int if kind == "integer" else int | float) and not isinstance(value, bool)
        fits = fits and value > schema.get("exclusiveMinimum", float("-inf")) and value >= schema.get("minimum", value)
    else:
        fits = kind is None or isinstance(value, KINDS[kind])
    if fits and kind == "string":
        fits = re.search(schema.get("pattern", ""), value) is not None
    if fits and kind == "object" and "properties" in schema:
        known = schema["properties"]
        fits = all(key in known and allowed(known[key], definitions, item) for key, item in value.items())
    return fits


def test_the_schema_takes_what_the_loader_takes(load_file):
    catalog = get_catalog()
    schema = json.loads(json.dumps(file_schema(catalog.tasks.get("classification"), catalog)))
    assert set(schema["properties"]) >= {"operation_mode", "use_case", "model", "dataset", "data_augmentation", "hydra"}
    assert "postprocessing" not in schema["properties"]
    definitions = schema["$defs"]
    loaded = load_file("st_400_custom.yaml")
    canonical = loaded.config.canonical()
    written = {"training": {"epochs": "2*3", "frozen_layers": None, "optimizer": {"opt-eps": "1e-8"}}}
    for data in (canonical, written):
        for name, value in data.items():
            assert allowed(schema["properties"][name], definitions, value), name
    for wrong in (
        {"training": {"epoch": 3}},
        {"training": {"epochs": "ten"}},
        {"operation_mode": "chain_x"},
        {"model": 3},
    ):
        ((name, value),) = wrong.items()
        assert not allowed(schema["properties"][name], definitions, value), name
