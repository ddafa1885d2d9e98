"""Own the trainer `lightning`: its checks before a run; the training itself is imported once it starts."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from zoo_core.config.sections import RunConfig, TrainingSection
from zoo_core.protocols import Task, TrainJob, TrainOutcome
from zoo_core.training.hardware import choose_hardware
from zoo_core.training.layers import prepare_layers
from zoo_core.training.optimizer import build_optimizer, learning_rate, shares_of


def build(config: RunConfig) -> LightningTrainer:
    """Build the trainer from the `general` section; everything else stands in the job."""
    general = config.general
    return LightningTrainer(device=general.device, threads=general.num_threads, gpu_memory=general.gpu_memory_limit)


@dataclass(frozen=True, slots=True)
class LightningTrainer:
    """Train on Lightning, on one device or several; the same job gives the same weights on one CPU."""

    device: str | None = None
    """`cpu`, `cuda`, `cuda:N`, `mps`, `auto` or nothing."""
    threads: int | None = None
    """CPU threads of torch."""
    gpu_memory: float | None = None
    """Limit in GB."""

    def check(self, model: torch.nn.Module, task: Task, training: TrainingSection) -> None:
        """Refuse what would otherwise show when the training starts; the model's layers are frozen as in training.

        Raises:
            UserError: When optimizer or frozen layers do not fit the model.
            MissingError: When a device or a package is asked for that is not there.
        """
        choose_hardware(self.device, training)
        prepare_layers(model, training, 0)
        rate, share = learning_rate(training, 1), shares_of(model, training)
        build_optimizer(model, task.criterion(), training.optimizer, rate, share)

    def fit(self, job: TrainJob) -> TrainOutcome:
        """Train until the last epoch or an early stop; go on from `job.resume_from` where it is given.

        After every epoch the complete state is in `job.last_path` and the best weights are in `job.best_path`. The
        caller's random generators and torch's settings are as before afterwards.

        Raises:
            UserError: When the settings do not fit the model or each other, or the loss is no number any more.
            MissingError: When a device is asked for that is not there.
            DataError: When no training image can be read.
            RunStoreError: When the disk is full or a folder cannot be written.
            KeyboardInterrupt: On Ctrl-C or SIGTERM; the state of the last finished epoch is on the disk then.
        """
        from zoo_core.training.fitting import Fitting

        return Fitting(device=self.device, threads=self.threads, gpu_memory=self.gpu_memory).fit(job)
