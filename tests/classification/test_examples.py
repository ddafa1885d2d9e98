"""The files that users start from: each is accepted as it stands, and the demonstration keeps its promise."""

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
import yaml

from zoo_classification.starter import TEXT
from zoo_core.config.load import load_config, reload_config
from zoo_core.plugins import get_catalog

EXAMPLES = Path(__file__).parents[2] / "examples"
DEMO = EXAMPLES / "digits_chain_tqeb.yaml"


@pytest.fixture
def starter(tmp_path):
    path = tmp_path / "starter.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["demo", "starter"])
def test_file_is_accepted_without_a_remark(name, starter):
    loaded = load_config({"demo": DEMO, "starter": starter}[name], catalog=get_catalog())
    assert loaded.letters == "tqeb"
    assert (loaded.notes, loaded.warnings) == ((), ())
    assert loaded.selection.model.name == "resnet8"


def test_fashion_mnist_is_accepted_once_its_folder_exists(tmp_path):
    path = [f"dataset.data_dir={tmp_path}"]
    loaded = load_config(EXAMPLES / "fashion_mnist_chain_tqe.yaml", path, catalog=get_catalog())
    assert loaded.selection.dataset.name == "fashion_mnist"
    assert loaded.letters == "tqe"
    assert [name for name, _ in loaded.config.data_augmentation.functions] == ["random_flip", "random_translation"]


def test_every_recipe_is_accepted_once_its_folder_exists(tmp_path):
    names = sorted(path.stem for path in (resources.files("zoo_classification") / "conf" / "recipe").iterdir())
    task = get_catalog().tasks.resolve("classification")
    assert names == sorted(task.spec.recipes)
    for name in names:
        path = tmp_path / f"{name}.yaml"
        path.write_text(task.load(task.spec.recipes[name]), encoding="utf-8")
        loaded = load_config(path, [f"dataset.data_dir={tmp_path}"], catalog=get_catalog())
        assert (loaded.notes, loaded.warnings) == ((), ())
        assert loaded.config.general.seed is not None
        assert "Measured" in path.read_text(encoding="utf-8")


def test_commented_keys_of_the_starter_are_real(starter):
    config = load_config(starter, catalog=get_catalog()).config
    owners = (config.model, config.dataset, config.data_augmentation, config.training, config.training.callbacks)
    legal = {name for owner in owners for name in type(owner).model_fields}
    commented = [line.strip().lstrip("# ") for line in TEXT.splitlines() if line.startswith("  # ")]
    keys = {line.partition(": ")[0] for line in commented if ": " in line}
    assert {"model_path", "training_path", "crop_range", "EarlyStopping"} <= keys
    assert keys <= legal


def test_configuration_survives_the_way_through_a_run(starter):
    loaded = load_config(starter, ["+data_augmentation.random_flip.mode=horizontal"], catalog=get_catalog())
    saved = json.loads(json.dumps(loaded.config.canonical()))
    again = reload_config(saved, starter.parent, (), catalog=get_catalog())
    assert again.config == loaded.config
    assert again.config.data_augmentation.order == ("random_translation", "random_flip")


def test_starter_is_plain_yaml_with_the_sections_of_st():
    assert {"operation_mode", "model", "dataset", "preprocessing", "training", "mlflow", "hydra"} <= set(
        yaml.safe_load(TEXT)
    )


@pytest.mark.slow
def test_demonstration_keeps_its_promise(tmp_path):
    """At least 97 % on held-out digits, int8 within one point of float, and firmware that computes the same bytes."""
    command = [sys.executable, "-m", "zoo_core", "run", str(DEMO), f"hydra.run.dir={tmp_path / 'run'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    files = [tmp_path / "run" / "stages" / stage / "result.json" for stage in ("4_evaluation", "5_benchmarking")]
    evaluation, benchmark = (json.loads(file.read_text())["result"] for file in files)
    top1 = {metric["model"]: metric["value"] for metric in evaluation["metrics"] if metric["name"] == "top1"}
    assert top1["float"] >= 97.0
    assert abs(top1["float"] - top1["int8"]) <= 1.0
    assert benchmark["facts"]["bit_exact"] == "yes"
    assert "STM32H747I-DISCO, emulated" in done.stdout
