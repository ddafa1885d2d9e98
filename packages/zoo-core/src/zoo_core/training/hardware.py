"""Own the choice of device, precision and number of processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from zoo_core.config.sections import TrainingSection
from zoo_core.errors import MissingError, UserError

_LAUNCHER_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR")
_GIGABYTE = 1e9


@dataclass(frozen=True, slots=True)
class Hardware:
    """State where a training runs, in Lightning's words."""

    accelerator: str
    """`cpu`, `gpu` or `mps`."""
    devices: int | list[int]
    """Processes on this host, or the number of the one GPU."""
    precision: str

    @property
    def on_cpu(self) -> bool:
        """Tell whether the model is trained on the CPU."""
        return self.accelerator == "cpu"


def choose_hardware(device: str | None, training: TrainingSection) -> Hardware:
    """Choose by `general.device` and the `training` section; without a device the fastest one that is there.

    Raises:
        UserError: When the settings contradict each other or what torch can do.
        MissingError: When a device is asked for that this machine does not have.
    """
    accelerator, index = _accelerator(device)
    if index is not None and training.devices > 1:
        msg = f"general.device names one GPU ({device}), but training.devices is {training.devices}."
        raise UserError(msg, hint="Set general.device to cuda.")
    if accelerator == "gpu" and training.devices > torch.cuda.device_count():
        msg = f"training.devices is {training.devices}, but this machine has {torch.cuda.device_count()} GPUs."
        raise MissingError(msg, hint="Lower training.devices, or set general.device to cpu for CPU processes.")
    if accelerator == "mps" and training.devices > 1:
        msg = "There is one mps device, so training.devices must be 1."
        raise UserError(msg)
    if training.sync_bn and accelerator != "gpu" and training.devices > 1:
        msg = "training.sync_bn works between GPUs only."
        raise UserError(msg, hint="Set training.sync_bn to False; training.dist_bn: reduce averages after each epoch.")
    return Hardware(accelerator, training.devices if index is None else [index], _precision(accelerator, training))


def launched_from_outside() -> bool:
    """Tell whether a launcher such as torchrun has started this process as one of several."""
    return all(name in os.environ for name in _LAUNCHER_VARIABLES)


@contextmanager
def torch_settings(*, deterministic: bool, threads: int | None) -> Iterator[None]:
    """Set torch's determinism and CPU threads for the time of the block.

    Deterministic operations follow torch's note on reproducibility; CUDA needs a workspace setting for them.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, count = torch.backends.cudnn.benchmark, torch.get_num_threads()
    try:
        if deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.use_deterministic_algorithms(True)
            torch.backends.cudnn.benchmark = False
        if threads is not None:
            torch.set_num_threads(threads)
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.backends.cudnn.benchmark = benchmark
        torch.set_num_threads(count)


def limit_gpu_memory(gigabytes: float | None) -> None:
    """Refuse this process more GPU memory than that; nothing or 0 means no limit."""
    if not gigabytes or not torch.cuda.is_available():
        return
    for index in range(torch.cuda.device_count()):
        total = torch.cuda.get_device_properties(index).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, gigabytes * _GIGABYTE / total), index)


def _accelerator(device: str | None) -> tuple[str, int | None]:
    name, _, number = (device or "auto").strip().lower().partition(":")
    if name == "auto":
        if torch.cuda.is_available():
            return "gpu", None
        return ("mps" if torch.backends.mps.is_available() else "cpu"), None
    if name not in ("cpu", "cuda", "gpu", "mps") or (number and not number.isdecimal()):
        msg = f'general.device is "{device}"; expected cpu, cuda, cuda:N, mps or auto.'
        raise UserError(msg)
    if name in ("cuda", "gpu"):
        if not torch.cuda.is_available():
            msg = f"general.device is {device}, but torch finds no CUDA device on this machine."
            raise MissingError(msg, hint="Set general.device to cpu or auto.")
        if number and int(number) >= torch.cuda.device_count():
            msg = f"general.device is {device}, but this machine has {torch.cuda.device_count()} GPUs."
            raise MissingError(msg, hint="GPUs are counted from 0.")
        return "gpu", int(number) if number else None
    if name == "mps" and not torch.backends.mps.is_available():
        msg = "general.device is mps, but this machine has none."
        raise MissingError(msg, hint="Set general.device to cpu or auto.")
    return name, None


def _precision(accelerator: str, training: TrainingSection) -> Any:
    if not training.amp:
        return "32-true"
    if training.amp_dtype == "bfloat16":
        return "bf16-mixed"
    if accelerator == "cpu":
        msg = "training.amp with float16 needs a GPU; on the CPU it would be slower and inexact."
        raise UserError(msg, hint="Set training.amp to False, or training.amp_dtype to bfloat16.")
    return "16-mixed"
