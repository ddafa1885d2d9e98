"""Own a training on Lightning, in one process or several: a job in, the best weights and a complete checkpoint out."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial

from zoo_core.data.seeding import kept_randomness
from zoo_core.data.workers import core_count
from zoo_core.errors import UserError
from zoo_core.protocols import TrainJob, TrainOutcome
from zoo_core.training.failures import explained_failures, plain_interruptions
from zoo_core.training.hardware import (
    Hardware,
    choose_hardware,
    launched_from_outside,
    limit_gpu_memory,
    torch_settings,
)
from zoo_core.training.processes import LocalEnvironment, followers, leave_group
from zoo_core.training.session import Session
from zoo_core.training.silence import SilentProgress, quiet_libraries


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """Train on one device or several; the same job gives the same weights on one CPU."""

    device: str | None = None
    """`cpu`, `cuda`, `cuda:N`, `mps`, `auto` or nothing."""
    threads: int | None = None
    """CPU threads of torch."""
    gpu_memory: float | None = None
    """Limit in GB."""

    def fit(self, job: TrainJob) -> TrainOutcome:
        """Do the job; see `LightningTrainer.fit`."""
        hardware = choose_hardware(self.device, job.training)
        if launched_from_outside():
            _check_launcher(job)
            try:
                return self.run(job, hardware, None)
            finally:
                leave_group()
        if job.training.num_nodes > 1:
            msg = f"training.num_nodes is {job.training.num_nodes}, but no launcher has started this process."
            hint = "Start the same command on every host with torchrun --nnodes ... --nproc-per-node ..."
            raise UserError(msg, hint=hint)
        work = partial(self.run, replace(job, progress=SilentProgress(), report=None, report_histograms=None), hardware)
        with followers(work, job.training.devices) as environment:
            return self.run(job, hardware, environment)

    def run(self, job: TrainJob, hardware: Hardware, environment: LocalEnvironment | None) -> TrainOutcome:
        """Do this process's part of a training."""
        world, rank = _place(job, environment)
        threads = self.threads
        if threads is None and hardware.on_cpu and job.training.devices > 1:
            threads = max(1, core_count() // job.training.devices)
        with (
            kept_randomness(),
            quiet_libraries(),
            torch_settings(deterministic=job.deterministic, threads=threads),
            explained_failures(job.training),
            plain_interruptions(),
        ):
            if not hardware.on_cpu:
                limit_gpu_memory(self.gpu_memory)
            notes = () if not hardware.on_cpu else self._idle_on_cpu(job)
            return Session(job, hardware, world=world, rank=rank, notes=notes).train(environment)

    def _idle_on_cpu(self, job: TrainJob) -> tuple[str, ...]:
        """Return a sentence about the options that are set and concern GPUs only."""
        asked = {
            "general.gpu_memory_limit": self.gpu_memory,
            "dataset.pin_mem": job.dataset.pin_mem,
            "training.synchronize_step": job.training.synchronize_step,
        }
        idle = [key for key, value in asked.items() if value]
        return (f"This training runs on the CPU; {', '.join(idle)} only concerns GPUs.",) if idle else ()


def _check_launcher(job: TrainJob) -> None:
    started, wanted = int(os.environ["WORLD_SIZE"]), job.training.devices * job.training.num_nodes
    if started != wanted:
        msg = (
            f"The launcher has started {started} processes, but training.devices ({job.training.devices}) "
            f"times training.num_nodes ({job.training.num_nodes}) is {wanted}."
        )
        raise UserError(
            msg, hint="Set training.devices to the processes of one host and training.num_nodes to the hosts."
        )


def _place(job: TrainJob, environment: LocalEnvironment | None) -> tuple[int, int]:
    """Return the number of all training processes and that of this one."""
    if environment is not None:
        return environment.world, environment.rank
    return job.training.devices * job.training.num_nodes, int(os.environ["RANK"])
