"""Measure images per second of our training against a bare PyTorch loop with the same model, loader and augmentation.

Both train in turn, so that a busy machine disturbs both alike; the ratio of the medians is printed.
Usage: python benchmarks/train_overhead.py [ROUNDS]
"""

from __future__ import annotations

import csv
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from zoo_classification.task import build as build_task
from zoo_core.artifacts import InputSpec
from zoo_core.config.load import LoadedConfig, load_config
from zoo_core.data.loader import train_loader
from zoo_core.data.seeding import seed_everything
from zoo_core.plugins import get_catalog
from zoo_core.protocols import ModelContext, ModelInfo, Sample, TrainJob
from zoo_core.training.silence import SilentProgress
from zoo_core.training.trainer import LightningTrainer

ROUNDS = 3
LIMIT = 0.95
IMAGES = 3072
CLASSES = tuple("abcdefghij")
EPOCHS = 3
"""The first epoch of each training warms up and does not count."""
CONFIG = f"""\
operation_mode: training
use_case: classification
model: {{model_name: resnet8, input_shape: [3, 32, 32]}}
dataset: {{dataset_name: digits, workers: 0}}
preprocessing: {{color_mode: rgb}}
data_augmentation:
  random_flip: {{mode: horizontal}}
  random_translation: {{width_factor: 0.1, height_factor: 0.1}}
training:
  epochs: {EPOCHS}
  batch_size: 64
  optimizer: {{opt: sgd, momentum: 0.9}}
  lr_scheduler: {{lr: 0.05, sched: none}}
"""


class RandomImages:
    """Hold random 32x32 pictures in memory."""

    in_memory = True

    def __init__(self, count: int) -> None:
        generator = np.random.default_rng(0)
        self._pixels = generator.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
        self.targets = generator.integers(0, len(CLASSES), count).tolist()

    def __len__(self) -> int:
        return len(self.targets)

    def name(self, index: int) -> str:
        """Return the number of a picture."""
        return str(index)

    def __getitem__(self, index: int) -> Sample:
        return Sample(Image.fromarray(self._pixels[index]), self.targets[index], self.name(index))


def ours(loaded: LoadedConfig, task: Any, images: RandomImages, folder: Path) -> list[float]:
    """Return the seconds of every epoch that counts, as our trainer records them, validation included."""
    job = TrainJob(
        model=new_model(loaded),
        task=task,
        train=images,
        validation=RandomImages(16),
        training=loaded.config.training,
        dataset=loaded.config.dataset,
        seed=0,
        deterministic=False,
        metadata={},
        best_path=folder / "best.pt",
        last_path=folder / "last.pt",
        work_dir=folder,
        resume_from=None,
        progress=SilentProgress(),
    )
    LightningTrainer().fit(job)
    with (folder / "summary.csv").open() as stream:
        return [float(row["seconds"]) for row in csv.DictReader(stream)][1:]


def bare(loaded: LoadedConfig, task: Any, images: RandomImages) -> list[float]:
    """Return the seconds of every epoch that counts of a loop of a dozen lines."""
    section = loaded.config.training
    loader = train_loader(images, task, section, loaded.config.dataset, 0)
    model, criterion = new_model(loaded), task.criterion()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=2e-5)
    seconds = []
    for epoch in range(EPOCHS):
        started = time.perf_counter()
        loader.set_epoch(epoch)
        model.train()
        for pixels, targets in loader:
            optimizer.zero_grad()
            loss = criterion(model(pixels), targets)
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - started)
    loader.close()
    return seconds[1:]


def new_model(loaded: LoadedConfig) -> torch.nn.Module:
    """Return the same new model every time."""
    seed_everything(0)
    context = ModelContext(num_classes=len(CLASSES), input=InputSpec(3, 32, 32))
    model: torch.nn.Module = loaded.selection.model.spec.build.load()(loaded.config.model, context)
    return model


def main() -> int:
    """Measure, print, and return 1 when the limit is missed."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(CONFIG)
        loaded = load_config(path, catalog=get_catalog())
        info = ModelInfo(name="resnet8", input=InputSpec(3, 32, 32), class_names=CLASSES)
        task, images = build_task(loaded.config, info), RandomImages(IMAGES)
        seconds: dict[str, list[float]] = {"bare loop": [], "zoo": []}
        for turn in range(rounds):
            seconds["bare loop"] += bare(loaded, task, images)
            seconds["zoo"] += ours(loaded, task, images, Path(folder) / str(turn))
    speeds = {name: IMAGES / statistics.median(values) for name, values in seconds.items()}
    for name, speed in speeds.items():
        values = seconds[name]
        print(f"{name:10} {speed:7.0f} images/s   epochs of {min(values):.2f} to {max(values):.2f} s")
    ratio = speeds["zoo"] / speeds["bare loop"]
    print(f"ratio {ratio:.3f}, limit {LIMIT}, {rounds} rounds, {torch.get_num_threads()} threads")
    return 0 if ratio >= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
