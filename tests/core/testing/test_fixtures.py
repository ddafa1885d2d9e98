"""The fixtures that pytest offers wherever zoo-core is installed, and how little they cost."""

import json
from pathlib import Path

import pytest
import yaml
from PIL import Image

from zoo_core.config.load import load_config
from zoo_core.errors import UserError
from zoo_core.plugins import get_catalog
from zoo_core.testing.isolation import run_isolated
from zoo_core.testing.tiny import TASKS, draw_tiny_dataset

HEAVY = {"torch", "numpy", "onnx", "PIL", "hydra", "omegaconf", "rich", "pydantic", "typer"}


def test_plugin_of_pytest_is_tiny():
    done = run_isolated("import pytest\nimport sys; n = len(sys.modules)\nimport zoo_core.testing.pytest_plugin")
    assert done.returncode == 0, done.stderr
    assert not done.modules & HEAVY
    assert not {name for name in done.modules if name.startswith(("zoo_core.cli", "zoo_core.plugins"))}
    assert "zoo_core.testing.conformance" not in done.modules


def test_catalogue_holds_what_is_installed(zoo_catalog):
    assert "host" in zoo_catalog.targets
    assert zoo_catalog.models.names() == get_catalog().models.names()


@pytest.mark.zoo_plugins("zoo-reid")
def test_catalogue_can_be_limited(zoo_catalog, zoo_cli):
    assert zoo_catalog.tasks.names() == ("reid",)
    listed = zoo_cli("list", "tasks", "--json")
    assert "reid" in listed.stdout
    assert "detection" not in listed.stdout


@pytest.mark.zoo_plugins
def test_catalogue_can_be_core_alone(zoo_catalog, zoo_cli):
    assert zoo_catalog.tasks.names() == ()
    assert "onnx_quantizer" in zoo_catalog.quantizers
    assert "reid" not in zoo_cli("list", "tasks").stdout


@pytest.fixture
def _plugins_of_the_user(monkeypatch):
    monkeypatch.setenv("ZOO_PLUGINS", "zoo-reid")


@pytest.mark.usefixtures("_plugins_of_the_user")
def test_environment_does_not_leak_in(zoo_catalog):
    assert "classification" in zoo_catalog.tasks


def test_command_line_answers(zoo_cli):
    good = zoo_cli("show", "target", "host", "--json")
    assert (good.exit_code, good.stderr) == (0, "")
    assert good.json["target"]["name"] == "host"
    bad = zoo_cli("show", "target", "hots")
    assert bad.exit_code == 2
    assert "Did you mean host?" in bad.stderr


def test_run_folder_is_empty(zoo_run):
    assert zoo_run.is_dir()
    assert not list(zoo_run.iterdir())


@pytest.mark.parametrize("task", TASKS)
def test_tiny_data_set_is_a_section_that_a_run_takes(tiny_dataset, tmp_path, task):
    section = tiny_dataset(task)
    paths = [Path(value) for key, value in section.items() if key.endswith("_path")]
    assert paths
    assert all(path.is_absolute() and path.exists() for path in paths)
    (model := tmp_path / "model.onnx").touch()
    file = tmp_path / "config.yaml"
    document = {"operation_mode": "evaluation", "use_case": task, "model": {"model_path": str(model)}}
    file.write_text(yaml.safe_dump({**document, "dataset": section}))
    loaded = load_config(file, catalog=get_catalog())
    assert loaded.config.dataset.workers == 0
    assert loaded.selection.dataset.spec.task == task


def test_tiny_data_set_is_drawn_alike_and_anew(tiny_dataset):
    one, other = (Path(tiny_dataset("classification")["training_path"]) for _ in range(2))
    assert one != other
    files = sorted(path.relative_to(one) for path in one.rglob("*.png"))
    assert len(files) == 24
    assert all((one / file).read_bytes() == (other / file).read_bytes() for file in files)
    with Image.open(one / files[0]) as picture:
        assert picture.size == (32, 32)


def test_unknown_use_case_has_no_tiny_data_set(tmp_path):
    with pytest.raises(UserError, match="no tiny data set") as raised:
        draw_tiny_dataset("speech", tmp_path)
    assert "classification, detection, reid, pose" in raised.value.hint


def test_fake_target_is_measured_by_a_run(fake_target, zoo_cli, tmp_path):
    from zoo_core.testing.tiny_onnx import write_float_onnx

    model = write_float_onnx(tmp_path / "tiny.onnx")
    file = tmp_path / "config.yaml"
    file.write_text(
        f"operation_mode: benchmarking\nuse_case: classification\nmodel: {{model_path: {model}}}\n"
        f"dataset: {{class_names: [circle, square, triangle, star]}}\nbenchmarking: {{board: fake_board}}\n"
        f"hydra: {{run: {{dir: {tmp_path / 'run'}}}}}\n"
    )
    answer = zoo_cli("run", file)
    assert answer.exit_code == 0, answer.stderr
    assert [name for name, _ in fake_target.calls] == ["benchmark"]
    (rows,) = json.loads((tmp_path / "run/metrics.json").read_text())["stages"].values()
    assert [(row["name"], row["value"]) for row in rows] == [("latency_median", 1.5)]


def test_fake_target_can_be_out_of_order(fake_target, zoo_cli, tmp_path):
    from zoo_core.testing.tiny_onnx import write_float_onnx

    fake_target.problems = ("the cable is loose",)
    model = write_float_onnx(tmp_path / "tiny.onnx")
    file = tmp_path / "config.yaml"
    file.write_text(
        f"operation_mode: benchmarking\nuse_case: classification\nmodel: {{model_path: {model}}}\n"
        f"dataset: {{class_names: [circle, square, triangle, star]}}\nbenchmarking: {{board: fake_board}}\n"
        f"hydra: {{run: {{dir: {tmp_path / 'run'}}}}}\n"
    )
    answer = zoo_cli("run", file)
    assert answer.exit_code == 3
    assert "the cable is loose" in answer.stderr
    assert fake_target.calls == []


def test_fake_target_is_gone_after_the_test():
    assert "fake_board" not in get_catalog().targets
