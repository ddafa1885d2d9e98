"""A stranger publishes plugins: from nothing but wheels to runs with a model, a detector, a board and a quantizer."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUICK = ("training.epochs=1", "hydra.run.dir=run")
pytestmark = [pytest.mark.slow, pytest.mark.network]


@pytest.fixture(scope="module")
def made(environment):
    return environment("zoo-classification", "zoo-detection", "zoo-stm32", "zoo-core[testing]")


@pytest.fixture
def digits(tmp_path):
    shutil.copy(ROOT / "examples/digits_chain_tqeb.yaml", tmp_path / "digits.yaml")
    return "digits.yaml"


def publish(made, archives, folder, name, *options):
    """Write a plugin, install it as others would, and let its own tests judge it."""
    made.run("zoo", "new", "plugin", name, *options, cwd=folder)
    made.install(archives, [folder / f"zoo-{name}"])
    made.run("zoo", "--strict-plugins", "doctor", name, cwd=folder)
    return folder / f"zoo-{name}"


def test_a_model_from_nothing_to_firmware(made, archives, tmp_path, digits):
    written = publish(made, archives, tmp_path, "swift-net")
    printed = made.run("zoo", "run", digits, "model.model_name=swift_net", *QUICK, cwd=tmp_path)
    assert "bit_exact" in printed
    passed = made.run("pytest", "-q", cwd=written)
    assert " passed" in passed
    assert " failed" not in passed


def test_a_detector(made, archives, tmp_path):
    publish(made, archives, tmp_path, "tiny-owl", "--task", "detection")
    small = ("--images", 30, "--size", 64, "--identities", 4)
    made.run("zoo", "data", "make", "shapes", "--output", "shapes", *small, cwd=tmp_path)
    settings = ("model.model_name=tiny_owl", "training.no_aug_epochs=0", "training.batch_size=8")
    made.run("zoo", "run", "shapes/detection.yaml", *settings, *QUICK, cwd=tmp_path)
    assert (tmp_path / "run/metrics.json").is_file()


def test_a_board(made, archives, tmp_path, digits):
    publish(made, archives, tmp_path, "my-board", "--kind", "target")
    assert "my_board" in made.run("zoo", "list", "targets", cwd=tmp_path)
    printed = made.run("zoo", "run", digits, "benchmarking.board=my_board", *QUICK, cwd=tmp_path)
    assert "bit_exact" in printed


def test_a_quantizer(made, archives, tmp_path, digits):
    publish(made, archives, tmp_path, "my-quantizer", "--kind", "quantizer")
    settings = ("operation_mode=chain_tqe", "quantization.quantizer=my_quantizer", "~quantization.granularity")
    made.run("zoo", "run", digits, *settings, *QUICK, cwd=tmp_path)
    assert list((tmp_path / "run/quantized_models").glob("*.onnx"))
