"""What the plugin declares: every hook loads, names are found, and the starting file is a whole configuration."""

from __future__ import annotations

import contextlib

import pytest
import yaml
from PIL import Image

from zoo_core.cli.main import run_cli
from zoo_core.config.load import load_config
from zoo_core.plugins import get_catalog
from zoo_pose import plugin
from zoo_pose.models.table import MODELS
from zoo_pose.names import MODEL_TYPES

LINE = "0 0.5 0.5 0.6 0.8" + " 0.5 0.5 2" * 17 + "\n"


def test_the_use_case():
    (task,) = plugin.zoo_tasks()
    assert (task.name, task.aliases, task.model_types) == ("pose", ("pose_estimation",), MODEL_TYPES)
    for section in task.sections.values():
        assert section.load().model_fields
    assert task.build.load()
    assert task.default_dataset in {spec.name for spec in plugin.zoo_datasets()}


def test_every_model_can_be_built():
    specs = list(plugin.zoo_models())
    assert [spec.name for spec in specs] == [row.name for row in MODELS]
    assert len({label for spec in specs for label in (spec.name, *spec.aliases)}) == sum(
        1 + len(spec.aliases) for spec in specs
    )
    for spec in specs:
        assert callable(spec.build.load())
        assert len(spec.tags & set(MODEL_TYPES)) == 1
        assert spec.licence


def test_every_form_of_data_can_be_read_and_written():
    specs = {spec.name: spec for spec in plugin.zoo_datasets()}
    assert set(specs) == {"yolo", "coco", "csv"}
    for spec in specs.values():
        assert callable(spec.build.load())
    assert {name for name, spec in specs.items() if spec.writer} == {"yolo", "coco"}
    for name in ("yolo", "coco"):
        assert callable(specs[name].writer.load())


@pytest.mark.parametrize(
    ("keys", "use_case"),
    [
        ({"model": {"model_type": "heatmaps_spe"}}, "pose"),
        ({"model": {"model_type": "yolo_mpe"}}, "pose"),
        ({"dataset": {"keypoints": 13}}, "pose"),
        ({"use_case": "pose_estimation"}, "pose"),
        ({"model": {"model_name": "st_movenet_lightning_heatmaps"}}, "pose"),
    ],
)
def test_what_tells_the_use_case(tmp_path, keys, use_case):
    (tmp_path / "model.onnx").write_bytes(b"")
    data = {"operation_mode": "benchmarking", "benchmarking": {"board": "host"}, **keys}
    data["model"] = {"model_path": "model.onnx", **data.get("model", {})}
    path = tmp_path / "user_config.yaml"
    path.write_text(yaml.safe_dump(data))
    assert load_config(path, (), catalog=get_catalog()).config.use_case == use_case


@pytest.fixture
def started(tmp_path, capsys):
    """A folder in which `zoo init pose` was called, with images where its file looks for them."""
    for split in ("train", "val", "test"):
        folder = tmp_path / "shapes/pose" / split
        folder.mkdir(parents=True)
        for number in (1, 2):
            Image.new("RGB", (64, 48)).save(folder / f"{number}.jpg")
            (folder / f"{number}.txt").write_text(LINE)
    with contextlib.chdir(tmp_path):
        assert run_cli(["init", "pose"]) == 0
    capsys.readouterr()
    (path,) = tmp_path.glob("*.yaml")
    return path


@pytest.mark.parametrize("mode", ["training", "chain_tqe", "chain_tqeb"])
def test_the_starting_file_loads(started, mode):
    more = ("benchmarking.board=STM32N6570-DK",) if mode.endswith("b") else ()
    loaded = load_config(started, (f"operation_mode={mode}", *more), catalog=get_catalog())
    config = loaded.config
    assert config.use_case == "pose"
    assert loaded.selection.model.spec.name == "st_movenet_lightning_heatmaps"
    assert config.dataset.keypoints == 17
    assert config.training.model_ema
    assert config.training.callbacks.LearningRateScheduler is not None
    assert [name for name, _ in config.data_augmentation.functions] == [
        "random_flip", "random_zoom", "random_brightness",
    ]  # fmt: skip


def test_lists_name_the_models(capsys):
    assert run_cli(["list", "models", "--task", "pose"]) == 0
    text = capsys.readouterr().out
    assert "st_movenet_lightning_heatmaps" in text
    assert "st_yolod_pose" in text
