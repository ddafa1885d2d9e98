"""Small drawn persons, one short chain on them that many tests look at, and a way to run a configuration."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from zoo_core.cli.main import run_cli

MODEL = "mobilenetv1_a025"
HEIGHT, WIDTH = 32, 16
COLOURS = ("crimson", "navy", "gold", "seagreen", "white", "purple", "orange", "black")
TRAINED_PERSONS, OTHER_PERSONS = 8, 4
CAMERAS = 2
TRAIN_SHOTS, GALLERY_SHOTS = 4, 2
"""Pictures of each person by each camera."""
DATA = """\
dataset:
  dataset_name: flat
  training_path: PERSONS/train
  validation_split: 0.25
  test_query_path: PERSONS/query
  test_gallery_path: PERSONS/gallery
  workers: 0
"""
TRAINED = """\
general: {seed: 7, num_threads: 1}
model: {model_name: mobilenetv1_a025, input_shape: [3, 32, 16]}
training:
  epochs: 2
  batch_size: 6
  num_instances: 3
  optimizer: {opt: adamw}
  lr_scheduler: {lr: 0.003, warmup_epochs: 0}
evaluation: {bootstrap: 20}
quantization: {quantizer: onnx_quantizer}
preprocessing: {rescaling: {scale: 1/127.5, offset: -1}}
"""
USED = """\
general: {seed: 7, num_threads: 1}
preprocessing: {rescaling: {scale: 1/127.5, offset: -1}}
evaluation: {bootstrap: 20}
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

    def training(self) -> str:
        """Return a training of two epochs."""
        return f"operation_mode: training\n{self.data}{self.trained}"

    def use(self, mode: str, model: Path, more: str = "", *, data: str | None = None) -> str:
        """Return a configuration that uses a model file."""
        section = self.data if data is None else data
        return f"operation_mode: {mode}\n{section}{self.used}model: {{model_path: {model}}}\n{more}"


def draw_person(number: int, camera: int, shot: int) -> Image.Image:
    """Return a person of 16 x 32 pixels: colours of shirt and trousers tell who it is."""
    rng = np.random.default_rng([number, camera, shot])
    picture = Image.new("RGB", (WIDTH, HEIGHT), ("lightgrey", "silver")[camera - 1])
    pen = ImageDraw.Draw(picture)
    left, top = (int(value) for value in rng.integers(0, 3, 2))
    shirt, trousers = COLOURS[number % 8], COLOURS[(3 * number + number // 8 + 1) % 8]
    pen.ellipse((left + 5, top + 1, left + 9, top + 6), fill="peachpuff")
    pen.rectangle((left + 3, top + 7, left + 11, top + 16), fill=shirt)
    pen.rectangle((left + 4, top + 17, left + 10, top + 28), fill=trousers)
    pixels = np.asarray(picture, np.float32) + rng.normal(0, 6, (HEIGHT, WIDTH, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def draw_folder(folder: Path, persons: range, shots: range) -> None:
    """Write `<person>_c<camera>_<shot>.png` of some persons by both cameras."""
    folder.mkdir(parents=True)
    for number in persons:
        for camera in range(1, CAMERAS + 1):
            for shot in shots:
                draw_person(number, camera, shot).save(folder / f"{number:04d}_c{camera}_{shot}.png")


@pytest.fixture(scope="session")
def persons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight persons to train with; of four others one picture by each camera to search for, two to search through."""
    root = tmp_path_factory.mktemp("persons")
    others = range(TRAINED_PERSONS, TRAINED_PERSONS + OTHER_PERSONS)
    draw_folder(root / "train", range(TRAINED_PERSONS), range(TRAIN_SHOTS))
    draw_folder(root / "query", others, range(1))
    draw_folder(root / "gallery", others, range(1, 1 + GALLERY_SHOTS))
    return root


@pytest.fixture(scope="session")
def texts(persons: Path) -> Texts:
    return Texts(data=DATA.replace("PERSONS", str(persons)))


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
    path.write_text(f"operation_mode: chain_tqe\n{texts.data}{texts.trained}hydra: {{run: {{dir: {root / 'run'}}}}}\n")
    assert run_cli(["run", str(path)]) == 0
    return Answer(0, "", root / "run")
