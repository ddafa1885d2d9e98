"""One real chain on the scanned digits, run once and looked at by many tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from sklearn.datasets import load_digits

from zoo_core.cli._progress import open_progress
from zoo_core.plugins import get_catalog
from zoo_core.services.run import resume_run, run_file

CONFIG = """\
operation_mode: chain_tqeb
general:
  seed: 7
model:
  model_name: resnet8
  input_shape: [1, 16, 16]
dataset:
  dataset_name: digits
  workers: 0
training:
  epochs: 2
  batch_size: 64
  optimizer: {opt: sgd, momentum: 0.9}
  lr_scheduler: {lr: 0.05, warmup_epochs: 0}
quantization:
  quantizer: onnx_quantizer
  granularity: per_channel
benchmarking:
  board: host
hydra:
  run:
    dir: RUN_DIR
"""


class Chains:
    """Write configurations and run them in this process."""

    config = CONFIG

    @staticmethod
    def write(folder: Path, text: str = CONFIG, run_dir: str = "run") -> Path:
        """Write a configuration whose run folder lies beside it."""
        path = folder / "config.yaml"
        path.write_text(text.replace("RUN_DIR", str(folder / run_dir)))
        return path

    @staticmethod
    def run(path: Path, *overrides: str, **kwargs):
        """Run a file."""
        with open_progress() as progress:
            return run_file(path, overrides, catalog=get_catalog(), progress=progress, **kwargs)

    @staticmethod
    def resume(run_dir: Path, *overrides: str):
        """Go on with a run."""
        with open_progress() as progress:
            return resume_run(run_dir, overrides, catalog=get_catalog(), progress=progress)


@pytest.fixture(scope="session")
def chains():
    return Chains


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished `chain_tqeb`; tests must not change it."""
    return Chains.run(Chains.write(tmp_path_factory.mktemp("tqeb")))


@pytest.fixture(scope="session")
def digit_folders(tmp_path_factory):
    """Digits as a folder per class: 20 training and 5 test pictures of each."""
    root = tmp_path_factory.mktemp("digits")
    data = load_digits()
    seen: dict[int, int] = {}
    for image, label in zip(data.images, data.target, strict=True):
        number = seen[label] = seen.get(int(label), 0) + 1
        split = "train" if number <= 20 else "test"
        if number > 25:
            continue
        folder = root / split / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 15.9).astype("uint8")).resize((16, 16)).save(folder / f"{number}.png")
    return root
