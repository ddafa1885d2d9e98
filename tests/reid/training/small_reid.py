"""A use case small enough to train in a second: grey pictures of six persons, one linear layer."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import DatasetSection
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.protocols import Sample, TrainJob
from zoo_core.results import MetricValue
from zoo_reid.augmentation.transform import TrainTransform
from zoo_reid.config import ReidTrainingSection
from zoo_reid.labels import PersonLabel, collate_persons
from zoo_reid.loss.criterion import ReidLoss
from zoo_reid.training.sampler import PKSampler

PERSONS, PICTURES, WIDTH = 6, 6, 5


class Persons:
    """Grey pictures; brightness of both halves tells the person."""

    def __init__(self, *, known: bool = True) -> None:
        self.targets = [
            PersonLabel(identity=f"p{number}", number=number if known else -1)
            for number in range(PERSONS)
            for _ in range(PICTURES)
        ]

    def __len__(self) -> int:
        return len(self.targets)

    def name(self, index: int) -> str:
        return f"{self.targets[index].identity}_{index}.png"

    def __getitem__(self, index: int) -> Sample:
        number = index // PICTURES
        generator = np.random.default_rng(index)
        levels = np.repeat([[40 * (number % 3) + 60, 60 * (number // 3) + 60]], 8, axis=0).repeat(4, axis=1)
        pixels = np.clip(levels + generator.normal(0, 20, (8, 8)), 0, 255).astype(np.uint8)
        return Sample(Image.fromarray(pixels), self.targets[index], self.name(index))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, WIDTH))
        self.neck = nn.BatchNorm1d(WIDTH)
        self.drop = nn.Dropout(0.1)
        self.classifier = nn.Linear(WIDTH, PERSONS)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features = self.body(images)
        embedding = self.neck(features)
        return embedding, features, self.classifier(self.drop(embedding))


class Evaluator:
    def __init__(self) -> None:
        self.vectors: list[np.ndarray] = []

    def update(self, outputs: Sequence[np.ndarray], targets: Any) -> None:
        self.vectors.append(outputs[0])

    def state(self) -> list[np.ndarray]:
        return self.vectors

    def merge(self, states: Sequence[list[np.ndarray]]) -> None:
        self.vectors = [vector for state in states for vector in state]

    def compute(self) -> tuple[MetricValue, ...]:
        return (MetricValue(name="spread", value=float(np.concatenate(self.vectors).std())),)


class Task:
    def __init__(self, training: ReidTrainingSection) -> None:
        self.training = training
        self.preprocessing = ImagePreprocessing(
            input=InputSpec(1, 8, 8), mean=(0.5,), std=(0.25,), color_mode="grayscale"
        )

    def train_transform(self) -> TrainTransform:
        return TrainTransform(self.preprocessing, None)

    def collate_targets(self, targets: Sequence[PersonLabel]) -> Any:
        return collate_persons(targets)

    def batch_transform(self) -> None:
        return None

    def train_sampler(self, dataset: Any) -> PKSampler:
        numbers = [label.number for label in dataset.targets]
        return PKSampler(numbers, self.training.batch_size, self.training.num_instances, seed=3)

    def criterion(self) -> ReidLoss:
        return ReidLoss(self.training, identities=PERSONS, embedding_size=WIDTH)

    def monitor(self) -> MetricValue:
        return MetricValue(name="spread", value=0.0)

    def evaluator(self) -> Evaluator:
        return Evaluator()


class Bars:
    """Interrupt the program at a step of an epoch, both counted from 1; never when no place is given."""

    def __init__(self, place: tuple[int, int] | None = None) -> None:
        self.place = place
        self.epoch = self.steps = 0

    @contextlib.contextmanager
    def track(self, description: str, total: int | None):
        self.epoch, self.steps = int(description.split()[1].partition("/")[0]), 0
        yield self

    def advance(self, steps: int = 1, **values: float) -> None:
        self.steps += steps
        if (self.epoch, self.steps) == self.place:
            raise KeyboardInterrupt


def make_job(folder: Path, *, stop: tuple[int, int] | None = None, resume: bool = False, **changes: Any) -> TrainJob:
    section = ReidTrainingSection.model_validate(
        {
            "epochs": 4,
            "batch_size": 8,
            "num_instances": 2,
            "optimizer": {"opt": "sgd"},
            "lr_scheduler": {"lr": 0.05},
            "center_loss": {"weight": 0.01},
            "recovery_interval": 1,
            **changes,
        }
    )
    torch.manual_seed(0)
    return TrainJob(
        model=Net(),
        train=Persons(),
        validation=Persons(),
        task=Task(section),
        training=section,
        dataset=DatasetSection(workers=0),
        metadata={"name": "net"},
        seed=11,
        deterministic=False,
        work_dir=folder / "work",
        best_path=folder / "saved" / "best_model.pt",
        last_path=folder / "saved" / "last_model.pt",
        resume_from=folder / "saved" / "last_model.pt" if resume else None,
        progress=Bars(stop),
    )
