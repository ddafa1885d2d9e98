"""One short chain on drawn persons, run once and looked at by many tests, and a way to run a configuration."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from zoo_core.cli.main import run_cli

MODEL = "st_movenet_lightning_heatmaps"
SIZE = 64
DATA = """\
dataset:
  keypoints: 17
  training_path: SHAPES/pose/train
  validation_path: SHAPES/pose/val
  test_path: SHAPES/pose/train
  workers: 0
"""
NETWORK = "model: {model_name: st_movenet_lightning_heatmaps, alpha: 0.35, input_shape: [3, 64, 64]}\n"
TRAINED = f"""\
general: {{seed: 7, num_threads: 1}}
{NETWORK}preprocessing: {{rescaling: {{scale: 1/127.5, offset: -1}}}}
data_augmentation:
  random_flip: {{mode: horizontal}}
  random_rotation: {{factor: 0.05}}
training:
  epochs: 2
  batch_size: 2
  optimizer: {{opt: adamw}}
  lr_scheduler: {{lr: 0.003, warmup_epochs: 0}}
quantization: {{quantizer: onnx_quantizer}}
"""
USED = """\
general: {seed: 7, num_threads: 1}
preprocessing: {rescaling: {scale: 1/127.5, offset: -1}}
"""


@dataclass(frozen=True)
class Answer:
    """Hold what a command answered and the folder of its run."""

    code: int
    text: str
    folder: Path

    @property
    def flat(self) -> str:
        """Return the text without the breaks of its lines."""
        return " ".join(self.text.split())

    def metrics(self, service: str = "evaluation", split: str = "test", model: str = "float") -> dict[str, float]:
        """Return the metrics of a set and a kind of model by name."""
        stages = json.loads((self.folder / "metrics.json").read_text())["stages"]
        rows = [row for name, rows in stages.items() if name.endswith(service) for row in rows]
        return {row["name"]: row["value"] for row in rows if row["split"] == split and row["model"] == model}


@dataclass(frozen=True)
class Texts:
    """Hold the parts that configurations are put together from."""

    data: str
    trained: str = TRAINED
    used: str = USED
    model: str = MODEL
    network: str = NETWORK
    size: int = SIZE

    def training(self, mode: str = "training", *, data: str | None = None) -> str:
        """Return a training of two epochs."""
        return f"operation_mode: {mode}\n{self.data if data is None else data}{self.trained}"

    def use(self, mode: str, model: Path, more: str = "", *, data: str | None = None) -> str:
        """Return a configuration that uses a model file."""
        section = self.data if data is None else data
        found = self.network.replace("}", f", model_path: {model}}}") if model.suffix == ".pt" else ""
        return f"operation_mode: {mode}\n{section}{self.used}{found or f'model: {{model_path: {model}}}'}\n{more}"


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures of a person to train with, two to validate and two to test, of 64 x 64 pixels."""
    from zoo_core.data.shapes.plan import ShapesPlan
    from zoo_core.data.shapes.writing import write_shapes
    from zoo_core.training.silence import SilentProgress

    folder = tmp_path_factory.mktemp("shapes") / "drawn"
    write_shapes(folder, ShapesPlan(images=12, size=SIZE, seed=1, identities=4), SilentProgress())
    return folder


@pytest.fixture(scope="session")
def texts(shapes: Path) -> Texts:
    return Texts(data=DATA.replace("SHAPES", str(shapes)))


@pytest.fixture
def zoo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Return a function that writes a configuration and runs it in this process."""

    def call(text: str, *overrides: str, name: str = "run", command: str = "run") -> Answer:
        folder = tmp_path / name
        path = tmp_path / f"{name}.yaml"
        path.write_text(f"{text}hydra: {{run: {{dir: {folder}}}}}\n")
        return answer([*command.split(), str(path), *overrides], folder)

    def answer(arguments: list[str], folder: Path) -> Answer:
        capsys.readouterr()
        code = run_cli(arguments)
        captured = capsys.readouterr()
        return Answer(code, captured.out + captured.err, folder)

    call.resume = lambda folder: answer(["run", "--resume", str(folder)], folder)  # type: ignore[attr-defined]
    return call


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, texts: Texts) -> Answer:
    """A finished `chain_tqe`; tests must not change it."""
    root = tmp_path_factory.mktemp("tqe")
    path = root / "chain.yaml"
    path.write_text(f"{texts.training('chain_tqe')}hydra: {{run: {{dir: {root / 'run'}}}}}\n")
    assert run_cli(["run", str(path)]) == 0
    return Answer(0, "", root / "run")
