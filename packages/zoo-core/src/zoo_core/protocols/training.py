"""Own what a trainer takes, does and reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from zoo_core.protocols.data import ImageDataset
from zoo_core.protocols.progress import Progress
from zoo_core.protocols.runs import Histogram
from zoo_core.protocols.tasks import Task
from zoo_core.results import MetricValue, SkippedFile

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainJob:
    """Carry all that a trainer needs; it reads nothing else."""

    model: torch.nn.Module
    task: Task
    train: ImageDataset
    validation: ImageDataset
    training: Any
    """The `training` section, a `zoo_core.config.sections.TrainingSection`."""
    dataset: Any
    """The `dataset` section, for loader options."""
    seed: int
    deterministic: bool
    metadata: Mapping[str, Any]
    """JSON-able description that is stored beside the weights of every checkpoint."""
    best_path: Path
    last_path: Path
    work_dir: Path
    """Folder for `summary.csv` and other records of the training."""
    resume_from: Path | None
    """Checkpoint of an interrupted training, holding the complete state."""
    progress: Progress
    history: str = "checkpoint-{epoch}"
    """Name of the kept checkpoint of an epoch, without the suffixes of `last_path`, beside which it lies."""
    log_dir: Path | None = None
    """Folder for the files of trackers, such as TensorBoard events; below `work_dir` when absent."""
    report: Callable[[int, Mapping[str, float]], None] | None = None
    """Takes the numbers of an epoch, counted from 1, for the trackers of the run; only the first process calls it.

    Names are as in `summary.csv`: `lr`, `train_<name>`, `val_<name>`. Epochs it knows already do no harm.
    """
    report_histograms: Callable[[int, Mapping[str, Histogram]], None] | None = None
    """Takes one histogram per weight tensor after an epoch, counted from 1, where `training.log_histograms` asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOutcome:
    """Report what a trainer did; `best_path` of the job then holds the best weights."""

    epochs: int
    best_epoch: int
    best_metrics: tuple[MetricValue, ...]
    """Validation metrics of the best weights, the deciding one first."""
    stopped_early: bool
    files: tuple[Path, ...]
    skipped: tuple[SkippedFile, ...] = ()
    notes: tuple[str, ...] = ()


class Trainer(Protocol):
    """Fit a model."""

    def check(self, model: torch.nn.Module, task: Task, training: Any) -> None:
        """Refuse settings that do not fit the model or this machine, before anything is created."""
        ...

    def fit(self, job: TrainJob) -> TrainOutcome:
        """Train until the last epoch or an early stop, keeping best and last checkpoints on disk."""
        ...
