"""One short chain on drawn figures, run once and looked at by many tests, and a way to run a configuration."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from zoo_core.cli.main import run_cli

CLASSES = ["person", "circle", "square", "triangle", "star", "cross"]
SIZE = 64
MODEL = "st_yolodv2pico_actrelu_pt"
DATA = """\
dataset:
  format: coco
  train_images_path: SHAPES/images/train
  train_annotations_path: SHAPES/annotations/instances_train.json
  val_images_path: SHAPES/images/val
  val_annotations_path: SHAPES/annotations/instances_val.json
  test_images_path: SHAPES/images/train
  test_annotations_path: SHAPES/annotations/instances_train.json
  workers: 0
"""
TRAINED = """\
general: {seed: 7, num_threads: 1}
model: {model_name: st_yolodv2pico_actrelu_pt, input_shape: [3, 64, 64]}
data_augmentation: {multiscale_range: 0}
postprocessing: {confidence_thresh: 0.00001}
training:
  epochs: 2
  batch_size: 2
  no_aug_epochs: 1
  model_ema: False
  optimizer: {opt: adamw}
  lr_scheduler: {lr: 0.003, warmup_epochs: 0}
quantization: {quantizer: onnx_quantizer}
"""
USED = """\
general: {seed: 7, num_threads: 1}
postprocessing: {confidence_thresh: 0.00001}
"""


@dataclass(frozen=True)
class Answer:
    """Hold what a command answered and the folder of its run."""

    code: int
    text: str
    folder: Path

    def metrics(self, service: str = "evaluation", split: str = "test", model: str = "float") -> dict[str, float]:
        """Return the metrics of a stage by name."""
        stages = json.loads((self.folder / "metrics.json").read_text())["stages"]
        (rows,) = (rows for name, rows in stages.items() if name.endswith(service))
        return {row["name"]: row["value"] for row in rows if row["split"] == split and row["model"] == model}


@dataclass(frozen=True)
class Texts:
    """Hold the parts that configurations are put together from."""

    data: str
    trained: str
    used: str = USED
    classes: tuple[str, ...] = tuple(CLASSES)
    size: int = SIZE
    model: str = MODEL


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures to train with, two to validate and two to test, of 64 x 64 pixels."""
    from zoo_core.data.shapes.plan import ShapesPlan
    from zoo_core.data.shapes.writing import write_shapes
    from zoo_core.training.silence import SilentProgress

    folder = tmp_path_factory.mktemp("shapes") / "drawn"
    write_shapes(folder, ShapesPlan(images=12, size=SIZE, seed=1, identities=4), SilentProgress())
    return folder


@pytest.fixture(scope="session")
def texts(shapes: Path) -> Texts:
    return Texts(data=DATA.replace("SHAPES", str(shapes)), trained=TRAINED)


@pytest.fixture
def zoo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Return a function that writes a configuration and runs it in this process."""

    def call(text: str, *overrides: str, name: str = "run", command: str = "run") -> Answer:
        folder = tmp_path / name
        path = tmp_path / f"{name}.yaml"
        path.write_text(f"{text}hydra: {{run: {{dir: {folder}}}}}\n")
        return command_answer([*command.split(), str(path), *overrides], folder)

    def command_answer(arguments: list[str], folder: Path) -> Answer:
        capsys.readouterr()
        code = run_cli(arguments)
        captured = capsys.readouterr()
        return Answer(code, captured.out + captured.err, folder)

    call.resume = lambda folder: command_answer(["run", "--resume", str(folder)], folder)  # type: ignore[attr-defined]
    return call


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, texts: Texts) -> Answer:
    """A finished `chain_tqe`; tests must not change it."""
    root = tmp_path_factory.mktemp("tqe")
    path = root / "chain.yaml"
    head = "operation_mode: chain_tqe\n"
    path.write_text(f"{head}{texts.data}{texts.trained}hydra: {{run: {{dir: {root / 'run'}}}}}\n")
    assert run_cli(["run", str(path)]) == 0
    return Answer(0, "", root / "run")
