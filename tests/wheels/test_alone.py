"""Each use case, and the targets of STM32, work with zoo-core and nothing else of ours."""

import json
import shutil
from pathlib import Path

import pytest

from zoo_core.testing.tiny_onnx import write_int8_onnx

ROOT = Path(__file__).parents[2]
SMALL = ("--images", 30, "--size", 64, "--identities", 12)
pytestmark = [pytest.mark.slow, pytest.mark.network]


def plugins(environment, folder):
    listed = json.loads(environment.run("zoo", "plugins", "--json", cwd=folder))
    assert listed["problems"] == []
    return {report["distribution"] for report in listed["plugins"]}


def test_core_alone_lists_and_explains(environment, tmp_path):
    made = environment("zoo-core")
    assert plugins(made, tmp_path) == {"zoo-core"}
    assert "Usage: zoo" in made.run("zoo", "--help", cwd=tmp_path)
    assert "lightning" in made.run("zoo", "list", "trainers", cwd=tmp_path)


def test_classification_alone(environment, tmp_path):
    made = environment("zoo-classification")
    assert plugins(made, tmp_path) == {"zoo-core", "zoo-classification"}
    made.run("zoo", "doctor", cwd=tmp_path)
    shutil.copy(ROOT / "examples/digits_chain_tqeb.yaml", tmp_path / "digits.yaml")
    made.run("zoo", "run", "digits.yaml", "operation_mode=chain_tqe", "training.epochs=1", cwd=tmp_path)
    made.run("zoo", "init", "classification", cwd=tmp_path)


@pytest.mark.parametrize(
    ("task", "settings"),
    [
        ("detection", ("training.epochs=1", "training.no_aug_epochs=0", "training.batch_size=8")),
        ("reid", ("training.epochs=1",)),
        ("pose", ("training.epochs=1", "training.batch_size=8", "~training.callbacks")),
    ],
)
def test_a_use_case_alone(environment, tmp_path, task, settings):
    made = environment(f"zoo-{task}")
    assert plugins(made, tmp_path) == {"zoo-core", f"zoo-{task}"}
    made.run("zoo", "doctor", cwd=tmp_path)
    made.run("zoo", "data", "make", "shapes", "--output", "shapes", *SMALL, cwd=tmp_path)
    made.run("zoo", "run", f"shapes/{task}.yaml", *settings, "hydra.run.dir=run", cwd=tmp_path)
    made.run("zoo", "init", task, cwd=tmp_path)
    assert (tmp_path / "run/metrics.json").is_file()


def test_stm32_alone_measures_a_model_and_needs_no_torch(environment, tmp_path):
    made = environment("zoo-stm32")
    assert plugins(made, tmp_path) == {"zoo-core", "zoo-stm32"}
    assert "STM32H747I-DISCO" in made.run("zoo", "boards", cwd=tmp_path)
    write_int8_onnx(tmp_path / "tiny.onnx")
    (tmp_path / "measure.yaml").write_text(
        "operation_mode: benchmarking\nmodel: {model_path: tiny.onnx}\nbenchmarking: {board: NUCLEO-F401RE}\n"
    )
    printed = made.run("zoo", "run", "measure.yaml", "hydra.run.dir=run", cwd=tmp_path)
    assert "bit_exact" in printed
    absent = "import importlib.util as u; print([n for n in ('torch', 'timm', 'lightning') if u.find_spec(n)])"
    assert made.run("python", "-c", absent, cwd=tmp_path).strip() == "[]"
