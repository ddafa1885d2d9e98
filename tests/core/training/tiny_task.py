"""A use case small enough to train in a second: bright or dark squares, one convolution."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import DatasetSection, TrainingSection
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import DataError, UnreadableImageError
from zoo_core.protocols import Sample, TrainJob
from zoo_core.results import MetricValue

SIZE = 8
CLASSES = 3


class TinyImages:
    """Grey images whose brightness tells the class; indices in `broken` cannot be read."""

    def __init__(self, count: int = 30, *, broken: Sequence[int] = (), in_memory: bool = True, offset: int = 0) -> None:
        self.count = count
        self.broken = frozenset(broken)
        self.in_memory = in_memory
        self.offset = offset
        self.targets = [index % CLASSES for index in range(count)]

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"image{index}.png"

    def __getitem__(self, index: int) -> Sample:
        if index in self.broken:
            raise UnreadableImageError(self.name(index), "the file is empty")
        generator = np.random.default_rng(1000 + index + self.offset)
        level = 40 + 70 * self.targets[index]
        pixels = np.clip(generator.normal(level, 40, (SIZE, SIZE)), 0, 255).astype(np.uint8)
        return Sample(Image.fromarray(pixels), self.targets[index], self.name(index))


class TinyNet(nn.Module):
    """One convolution with batch normalisation, dropout and a linear layer."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(4, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(torch.relu(self.norm(self.conv(images))).mean((2, 3))))


class TinyEvaluator:
    """Count right answers."""

    def __init__(self) -> None:
        self.right, self.total = 0, 0

    def update(self, outputs: Sequence[np.ndarray], targets: Any) -> None:
        self.right += int((outputs[0].argmax(1) == np.asarray(targets)).sum())
        self.total += len(outputs[0])

    def state(self) -> tuple[int, int]:
        return self.right, self.total

    def merge(self, states: Sequence[tuple[int, int]]) -> None:
        self.right, self.total = (sum(state[part] for state in states) for part in (0, 1))

    def compute(self) -> tuple[MetricValue, ...]:
        return (
            MetricValue(name="top1", value=100 * self.right / self.total, unit="%"),
            MetricValue(name="images", value=self.total),
        )


class Jitter:
    """Augment with all three generators, so that a draw that is not repeated shows."""

    def __init__(self, preprocessing: ImagePreprocessing) -> None:
        self.preprocessing = preprocessing

    def __call__(self, sample: Sample) -> tuple[torch.Tensor, int]:
        image = self.preprocessing(sample.image)
        noise = torch.rand(()) + np.random.random() + __import__("random").random()
        return image + 0.05 * float(noise), sample.target


class BlendPairs:
    """Mix neighbours in a batch, drawing from NumPy's global generator as timm's mixup does."""

    def __call__(self, images: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        share = float(np.random.beta(1, 1))
        labels = torch.nn.functional.one_hot(targets, CLASSES).float()
        return share * images + (1 - share) * images.flip(0), share * labels + (1 - share) * labels.flip(0)


class TinyTask:
    """What the trainer needs of a use case."""

    def __init__(self, *, mix: bool = True) -> None:
        self.preprocessing = ImagePreprocessing(
            input=InputSpec(1, SIZE, SIZE), mean=(0.5,), std=(0.25,), color_mode="grayscale"
        )
        self.mix = mix

    def train_transform(self) -> Callable[[Sample], tuple[torch.Tensor, int]]:
        return Jitter(self.preprocessing)

    def collate_targets(self, targets: Sequence[int]) -> torch.Tensor:
        return torch.tensor(targets)

    def batch_transform(self) -> BlendPairs | None:
        return BlendPairs() if self.mix else None

    def train_sampler(self, dataset: Any) -> None:
        return None

    def criterion(self) -> nn.Module:
        return nn.CrossEntropyLoss()

    def monitor(self) -> MetricValue:
        return MetricValue(name="top1", value=0.0, unit="%")

    def evaluator(self) -> TinyEvaluator:
        return TinyEvaluator()


class PlainTask(TinyTask):
    """Without augmentation and mixing, so that the division of the images over processes changes nothing."""

    def __init__(self) -> None:
        super().__init__(mix=False)

    def train_transform(self) -> Callable[[Sample], tuple[torch.Tensor, int]]:
        return Plain(self.preprocessing)


class Plain:
    def __init__(self, preprocessing: Any) -> None:
        self.preprocessing = preprocessing

    def __call__(self, sample: Sample) -> tuple[torch.Tensor, int]:
        return self.preprocessing(sample.image), sample.target


class OnlyHere(TinyImages):
    """Cannot be read in any process but the first."""

    def __init__(self) -> None:
        super().__init__(32)
        self.first = os.getpid()

    def __getitem__(self, index: int) -> Sample:
        if os.getpid() != self.first:
            msg = "the disk is only here"
            raise DataError(msg)
        return super().__getitem__(index)


class Bars:
    """Remember what was shown."""

    def __init__(self) -> None:
        self.shown: list[dict[str, Any]] = []

    @contextlib.contextmanager
    def track(self, description: str, total: int | None) -> Iterator[Bars]:
        self.shown.append({"description": description, "total": total, "steps": 0, "values": {}})
        yield self

    def advance(self, steps: int = 1, **values: float) -> None:
        self.shown[-1]["steps"] += steps
        self.shown[-1]["values"].update(values)


def training_section(**changes: Any) -> TrainingSection:
    """A short training with momentum and a cosine schedule with warm-up."""
    values: dict[str, Any] = {
        "epochs": 4,
        "batch_size": 8,
        "optimizer": {"opt": "sgd", "momentum": 0.9},
        "lr_scheduler": {"lr": 0.1, "sched": "cosine", "warmup_epochs": 1},
    }
    return TrainingSection.model_validate(values | changes)


def make_job(
    folder: Path,
    *,
    training: Mapping[str, Any] | None = None,
    model: nn.Module | None = None,
    resume: bool = False,
    seed: int = 7,
    **changes: Any,
) -> TrainJob:
    """A complete job in a folder; with `resume` it goes on from the folder's last checkpoint."""
    if model is None:
        torch.manual_seed(0)
        model = TinyNet()
    last = folder / "saved" / "last_model.pt"
    values: dict[str, Any] = {
        "model": model,
        "task": TinyTask(),
        "train": TinyImages(30),
        "validation": TinyImages(18, offset=500),
        "training": training_section(**(training or {})),
        "dataset": DatasetSection(workers=0),
        "seed": seed,
        "deterministic": False,
        "metadata": {"use_case": "tiny"},
        "best_path": folder / "saved" / "best_model.pt",
        "last_path": last,
        "work_dir": folder / "work",
        "resume_from": last if resume else None,
        "progress": Bars(),
    }
    return TrainJob(**(values | changes))
