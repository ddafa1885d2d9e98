"""A file becomes one immutable configuration, or one error that lists everything."""

import json
import os
import subprocess
import sys
import time

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from zoo_core.config.load import load_config, reload_config
from zoo_core.errors import EXIT_USER, ConfigError
from zoo_core.lazy import LazyRef
from zoo_core.plugins.catalog import Catalog
from zoo_core.specs import DatasetSpec, TaskSpec

GOOD = """
operation_mode: chain_tqeb
model:
  model_name: acme_net
  input_shape: (32, 32, 3)
dataset:
  dataset_name: my_parts
  training_path: images
preprocessing:
  rescaling: {scale: 1/127.5, offset: -1}
training:
  epochs: 2*5
  batch_size: 16
  margin: 0.25
  frozen_layers: (0:-1)
  callbacks:
    LearningRateScheduler:
      schedule: |
        lambda epoch, lr:
          0.1 if epoch < 2 else
          lr * 0.5
quantization:
  quantizer: onnx_quantizer
benchmarking:
  board: host
"""


@pytest.fixture
def good(load, tmp_path):
    (tmp_path / "images").mkdir()
    return load(GOOD)


def test_everything_has_its_value(good, tmp_path):
    config = good.config
    assert (config.operation_mode, config.use_case, good.letters) == ("chain_tqeb", "counting", "tqeb")
    assert config.model.input_shape == (3, 32, 32)
    assert config.dataset.training_path == tmp_path / "images"
    assert config.preprocessing.rescaling.scale == pytest.approx(1 / 127.5)
    assert config.training.epochs == 10
    assert config.training.frozen_layers.resolve(4) == (0, 1, 2)
    assert config.training.callbacks.LearningRateScheduler.schedule(5, 0.2) == pytest.approx(0.1)
    assert config.general.seed == 42
    assert config.deployment is config.data_augmentation is config.tools is None
    assert good.selection.dataset.spec.name == "folder"
    assert good.warnings == ()


def test_nothing_can_be_changed(good):
    with pytest.raises(ValidationError, match="frozen"):
        good.config.training.epochs = 3
    with pytest.raises(ValidationError, match="frozen"):
        good.config.training = None


def test_every_fault_is_listed_in_the_order_of_the_file(write, catalog, tmp_path):
    text = """operation_mode: chain_tq
model: {model_name: acme_nett}
dataset:
  dataset_name: folder
  training_pth: images
  validation_path: nowhere
general: {workers: two}
training:
  batch_size: 0
quantization: {granularity: per_chanel}
postprocesing: {x: 1}
epochs: 3
"""
    with pytest.raises(ConfigError) as caught:
        load_config(write(text), ["general.seed=x", "training.lr_scheduler.sched=cosin"], catalog=catalog)
    issues = caught.value.issues
    assert [(issue.key, issue.line) for issue in issues] == [
        ("model.model_name", 2),
        ("dataset.training_pth", 5),
        ("dataset.validation_path", 6),
        ("general.workers", 7),
        ("training.epochs", 8),
        ("training.batch_size", 9),
        ("quantization.granularity", 10),
        ("postprocesing", 11),
        ("epochs", 12),
        ("general.seed", None),
        ("training.lr_scheduler.sched", None),
    ]
    by_key = {issue.key: str(issue) for issue in issues}
    assert f"{tmp_path}/nowhere" in by_key["dataset.validation_path"]
    assert "Did you mean training_path?" in by_key["dataset.training_pth"]
    assert "expected a whole number of at least 0, found 'two'" in by_key["general.workers"]
    assert "Did you mean postprocessing" not in by_key["postprocesing"]
    assert "belongs to training" in by_key["epochs"]
    assert "(command line)" in by_key["general.seed"]
    assert caught.value.exit_code == EXIT_USER
    assert str(caught.value).startswith("11 problems in the configuration:")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["user_config.yaml"]


MODEL_NEEDED = [
    ("training", "", "model.model_name", "name of a model"),
    ("chain_eqe", "model: {model_name: acme_net}", "model.model_path", "pretrained: True"),
    ("benchmarking", "use_case: counting", "model.model_path", "trained already"),
]


@pytest.mark.parametrize(("mode", "text", "key", "words"), MODEL_NEEDED)
def test_a_mode_without_its_model(faults, mode, text, key, words):
    sections = "dataset: {dataset_name: beans}\ntraining: {epochs: 1, batch_size: 1}\nquantization: {optimize: False}\n"
    assert words in str(faults(f"operation_mode: {mode}\n{sections}benchmarking: {{board: host}}\n{text}\n")[key])


@pytest.mark.parametrize(
    "source", ["model_path: w.pt", "model_name: acme_net, pretrained: True", "model_path: https://x.example/w.onnx"]
)
def test_sources_of_a_trained_model(load, write, source):
    write("", "w.pt")
    loaded = load(
        f"operation_mode: evaluation\nuse_case: counting\nmodel: {{{source}}}\ndataset: {{dataset_name: beans}}\n"
    )
    assert (loaded.config.model.model_url or "").endswith("w.onnx") == ("https" in source)


@pytest.mark.parametrize(
    ("mode", "missing"),
    [
        ("training", {"training", "dataset"}),
        ("quantization", {"quantization"}),
        ("evaluation", {"dataset"}),
        ("prediction", {"dataset"}),
        ("benchmarking", {"benchmarking"}),
        ("deployment", {"deployment"}),
        ("chain_tqeb", {"training", "dataset", "quantization", "benchmarking"}),
    ],
)
def test_sections_that_a_mode_needs(faults, mode, missing):
    found = faults(f"operation_mode: {mode}\nmodel: {{model_name: acme_net, pretrained: True}}\n")
    assert {key for key, issue in found.items() if "section is missing" in issue.message} == missing


DATA_NEEDED = [
    ("training", "validation_path: .", ["training_path is needed for training"]),
    ("evaluation", "class_names: [a, b]", ["test_path or validation_path or training_path is needed for evaluation"]),
    ("prediction", "test_path: .", ["prediction_path is needed for prediction"]),
    ("evaluation", "validation_path: .", []),
    ("prediction", "prediction_path: .", []),
    ("quantization", "class_names: [a, b]", []),
]


@pytest.mark.parametrize(("mode", "keys", "sentences"), DATA_NEEDED)
def test_data_that_a_mode_needs(write, catalog, mode, keys, sentences):
    text = f"operation_mode: {mode}\nmodel: {{model_name: acme_net, pretrained: True}}\n"
    text += "quantization: {optimize: False}\ntraining: {epochs: 1, batch_size: 1}\n"
    path = write(f"{text}dataset: {{dataset_name: folder, {keys}}}\n")
    if sentences:
        with pytest.raises(ConfigError) as caught:
            load_config(path, catalog=catalog)
        assert [issue.message.rstrip(".") for issue in caught.value.issues] == sentences
    else:
        load_config(path, catalog=catalog)


def test_sections_of_other_modes_are_checked_but_need_not_be_complete(load, faults):
    base = (
        "operation_mode: evaluation\nmodel: {model_name: acme_net, pretrained: True}\ndataset: {dataset_name: beans}\n"
    )
    loaded = load(f"{base}general: {{log_interval: 5}}\ntraining: {{batch_size: 4}}\ndeployment: {{IDE: GCC}}\n")
    assert loaded.config.training is None
    assert loaded.config.deployment is None
    found = faults(f"{base}training: {{batch_siz: 4}}\ndataset2: 3\n")
    assert set(found) == {"training.batch_siz", "dataset2"}
    found = faults(f"{base}training: {{resume_training_from: gone.pt}}\n")
    assert set(found) == {"training.resume_training_from"}


def test_counts_and_names_must_agree(faults):
    base = "operation_mode: evaluation\nmodel: {model_name: acme_net, pretrained: True}\n"
    found = faults(f"{base}dataset: {{dataset_name: beans, num_classes: 3, class_names: [a, b, a, c]}}\n")
    assert "holds 4 names" in found["dataset.num_classes"].message
    assert "a stands twice" in found["dataset.class_names"].message
    found = faults(
        f"{base.replace('True', 'True, pretrained_model_path: user_config.yaml')}dataset: {{dataset_name: beans}}\n"
    )
    assert "Keep one" in found["model.pretrained_model_path"].hint


def test_class_names_may_be_empty_and_may_be_numbers(load):
    base = (
        "operation_mode: evaluation\nmodel: {model_name: acme_net, pretrained: True}\ndataset: {dataset_name: beans, "
    )
    assert load(f"{base}class_names: '', classes_file_path: ''}}\n").config.dataset.class_names is None
    assert load(f"{base}class_names: [0, 1, x]}}\n").config.dataset.class_names == ("0", "1", "x")


def test_a_section_that_means_nothing(faults):
    base = (
        "operation_mode: evaluation\nmodel: {model_name: acme_net, pretrained: True}\ndataset: {dataset_name: beans}\n"
    )
    found = faults(f"{base}postprocessing: {{noise: 1}}\napp: 3\n")
    assert "means nothing for use case counting" in found["postprocessing"].message
    assert "app" in found


def test_faults_of_moved_keys_name_the_key_and_line_of_the_user(faults):
    text = """operation_mode: training
model: {model_name: acme_net}
dataset: {dataset_name: beans}
general:
  workers: -1
  model_path: none.pt
training:
  epochs: 1
  batch_size: 1
  optimizer:
    Adam: {learning_rate: fast}
"""
    found = faults(text)
    assert {key: issue.line for key, issue in found.items()} == {
        "general.workers": 5,
        "general.model_path": 6,
        "training.optimizer.Adam.learning_rate": 11,
    }


def test_what_follows_from_a_failed_reference_is_not_told_twice(faults, monkeypatch):
    monkeypatch.delenv("UNSET_HERE", raising=False)
    base = "operation_mode: training\nmodel: {model_name: acme_net}\ntraining: {epochs: 1, batch_size: 1}\n"
    found = faults(
        f"{base}dataset: {{dataset_name: folder, training_path: '${{UNSET_HERE}}/x', seed: [1, '${{model.nme}}']}}\n"
    )
    assert set(found) == {"dataset.training_path", "dataset.seed.1"}


def test_paths_of_overrides_refer_to_the_current_directory(write, catalog, tmp_path, monkeypatch):
    for folder in ("conf", "here/images"):
        (tmp_path / folder).mkdir(parents=True)
    path = write(
        "operation_mode: training\nmodel: {model_name: acme_net}\ntraining: {epochs: 1, batch_size: 1}\n", "conf/x.yaml"
    )
    monkeypatch.chdir(tmp_path / "here")
    loaded = load_config(path, ["dataset.dataset_name=folder", "dataset.training_path=images"], catalog=catalog)
    assert loaded.config.dataset.training_path == tmp_path / "here" / "images"
    monkeypatch.undo()


@pytest.mark.parametrize("mode", ["", "operation_mode:\n", "operation_mode: 3\n", "operation_mode: chain_xyz\n"])
def test_a_wrong_mode_does_not_hide_the_rest(faults, mode):
    found = faults(f"{mode}model: {{model_name: acme_net, alfa: 2}}\n")
    assert set(found) == {"operation_mode", "model.alfa"}
    assert "chain_ followed by letters" in found["operation_mode"].hint


def test_a_saved_configuration_is_the_same(good, catalog):
    again = reload_config(good.config.canonical(), good.composed.base_dir, catalog=catalog)
    assert again.config == good.config
    assert again.selection == good.selection
    changed = reload_config(good.config.canonical(), good.composed.base_dir, ["training.epochs=3"], catalog=catalog)
    assert changed.config.training.epochs == 3
    assert changed.config.model == good.config.model
    with pytest.raises(ConfigError, match=r"training\.epochz \(command line\)"):
        reload_config(good.config.canonical(), good.composed.base_dir, ["training.epochz=3"], catalog=catalog)


TEXTS = st.text(alphabet="ab {}\\'\"#:é", min_size=1, max_size=10).filter(lambda text: text.strip() == text)
RATES = st.none() | st.floats(1e-8, 1.0)
FILES = st.fixed_dictionaries(
    {
        "operation_mode": st.just("chain_tb"),
        "general": st.fixed_dictionaries({"seed": st.none() | st.integers(0, 10**6), "project_name": TEXTS}),
        "model": st.just({"model_name": "acme"}),
        "dataset": st.fixed_dictionaries(
            {"dataset_name": st.just("beans")},
            optional={"class_names": st.none() | st.lists(TEXTS, min_size=1, max_size=4, unique=True)},
        ),
        "preprocessing": st.fixed_dictionaries(
            {
                "normalization": st.fixed_dictionaries(
                    {"mean": RATES | st.lists(st.floats(0, 1), min_size=1, max_size=4)}
                )
            }
        ),
        "training": st.fixed_dictionaries(
            {
                "epochs": st.integers(1, 10) | st.just("2*3"),
                "batch_size": st.just(2),
                "dist_bn": st.sampled_from(["", "reduce", None]),
                "optimizer": st.fixed_dictionaries({"opt-eps": RATES, "opt": st.sampled_from(["sgd", "adamw"])}),
                "lr_scheduler": st.fixed_dictionaries({"lr": RATES}),
                "frozen_layers": st.sampled_from([None, "None", "(0:-1)", "(8, 110:121, -1)"]),
            }
        ),
        "benchmarking": st.fixed_dictionaries(
            {"board": st.sampled_from(["host", "acme_board", "STM32H747I-DISCO"])},
        ),
    }
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILES)
def test_any_configuration_survives_being_saved(write, catalog, data):
    loaded = load_config(write(yaml.safe_dump(data, allow_unicode=True)), catalog=catalog)
    saved = json.loads(json.dumps(loaded.config.canonical()))
    again = reload_config(saved, loaded.composed.base_dir, catalog=catalog)
    assert again.config == loaded.config
    assert again.config.canonical() == saved
    assert loaded.config.general.seed == data["general"]["seed"]
    assert loaded.config.training.dist_bn == data["training"]["dist_bn"]


def test_loading_is_quick_and_light(write, tmp_path):
    (tmp_path / "images").mkdir()
    path = write(
        "operation_mode: training\nmodel: {model_name: resnet8}\n"
        "dataset: {training_path: images}\ntraining: {epochs: 1, batch_size: 1}\n"
    )
    script = (
        "import sys, time; start = time.perf_counter()\n"
        "from pathlib import Path; from zoo_core.plugins import get_catalog\n"
        "from zoo_core.config.load import load_config\n"
        f"load_config(Path({str(path)!r}), ['training.epochs=2'], catalog=get_catalog())\n"
        "heavy = {'torch', 'timm', 'onnx', 'numpy', 'PIL', 'rich', 'lightning'} & set(sys.modules)\n"
        "print(sorted(heavy), time.perf_counter() - start)"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    heavy, seconds = done.stdout.rsplit(" ", 1)
    assert heavy == "[]"
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    assert float(seconds) < (10.0 if busy else 2.0)
    assert time.perf_counter() > started


def test_sections_that_are_no_sections_are_each_named(faults):
    found = faults("operation_mode: training\ngeneral: 3\nmodel: [1]\ndataset: images\ntraining: True\n")
    assert {key: issue.line for key, issue in found.items()} == {
        "general": 2,
        "model": 3,
        "dataset": 4,
        "training": 5,
        "use_case": None,
    }
    assert "expected a section with keys, found 'images'" in found["dataset"].message


def test_only_one_callback_may_set_the_learning_rate(faults):
    base = "operation_mode: training\nmodel: {model_name: acme_net}\ndataset: {dataset_name: beans}\n"
    callbacks = "{ReduceLROnPlateau: {patience: 1}, LearningRateScheduler: {schedule: 'lambda e: 0.1'}}"
    found = faults(f"{base}training: {{epochs: 1, batch_size: 1, callbacks: {callbacks}}}\n")
    assert "both set the learning rate" in found["training.callbacks"].message


def test_a_component_that_needs_a_key_gets_asked_for(write, catalog):
    build, required = LazyRef("nowhere:build"), LazyRef("sections_of_invented_components:NeedsSize")
    task = TaskSpec(name="one", summary="x", build=build, default_dataset="sized")
    data = DatasetSpec(name="sized", task="one", summary="x", build=build, config=required)
    path = write(
        "operation_mode: benchmarking\nmodel: {model_url: https://x.example/a.onnx}\nbenchmarking: {board: b}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_config(path, catalog=Catalog.of(task, data))
    (issue,) = caught.value.issues
    assert issue.key == "dataset.size"
    assert "a value is needed: a whole number" in issue.message
