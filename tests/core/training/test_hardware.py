"""Options about GPUs and several processes reach torch and Lightning, as far as that shows without a GPU."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tiny_task import PlainTask, TinyNet, make_job

from zoo_core.config.sections import DatasetSection
from zoo_core.training import keeper, session
from zoo_core.training.hardware import Hardware, choose_hardware, limit_gpu_memory
from zoo_core.training.keeper import EpochKeeper
from zoo_core.training.session import Session


class CaughtError(Exception):
    """Carry what a library was called with, and end the training there."""


def catch(*arguments: Any, **values: Any) -> Any:
    raise CaughtError(values)


def start(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, **changes: Any) -> dict[str, Any]:
    """Start a training that ends at the first call of a name in the session module."""
    monkeypatch.setattr(session, name, catch)
    hardware = changes.pop("hardware", Hardware("cpu", 2, "32-true"))
    world = changes.pop("world", 2)
    with pytest.raises(CaughtError) as caught:
        Session(make_job(folder, task=PlainTask(), **changes), hardware, world=world, rank=0).train(None)
    values: dict[str, Any] = caught.value.args[0]
    return values


@pytest.mark.parametrize("off", [True, False])
def test_buffers_are_sent_to_the_other_processes_unless_told_not_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, off: bool
) -> None:
    found = start(tmp_path, monkeypatch, "DDPStrategy", training={"devices": 2, "no_ddp_bb": off})
    assert found == {"broadcast_buffers": not off}


@pytest.mark.parametrize(("world", "expected"), [(1, False), (2, True)])
def test_batch_normalisation_over_all_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: int, expected: bool
) -> None:
    found = start(tmp_path, monkeypatch, "Trainer", training={"sync_bn": True, "devices": world}, world=world)
    assert found["sync_batchnorm"] is expected


@pytest.mark.parametrize(("accelerator", "expected"), [("gpu", True), ("cpu", False)])
def test_batches_are_pinned_for_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accelerator: str, expected: bool
) -> None:
    hardware = Hardware(accelerator, 1, "32-true")
    dataset = DatasetSection(pin_mem=True)
    for name in ("train_loader", "eval_loader"):
        if name == "eval_loader":
            monkeypatch.setattr(session, "train_loader", lambda *_, **__: None)
        found = start(tmp_path, monkeypatch, name, hardware=hardware, world=1, dataset=dataset)
        assert found["pin_memory"] is expected


@pytest.mark.parametrize(("how", "calls"), [("reduce", [True]), ("broadcast", [False]), ("", []), (None, [])])
def test_statistics_are_shared_as_asked(monkeypatch: pytest.MonkeyPatch, how: str | None, calls: list[bool]) -> None:
    found = []
    monkeypatch.setattr(keeper, "distribute_bn", lambda model, world, reduce: found.append(reduce))
    model = TinyNet()
    learner = SimpleNamespace(model=model, best_model=model)
    owner = SimpleNamespace(_job=SimpleNamespace(training=SimpleNamespace(dist_bn=how)))
    EpochKeeper._agree_on_statistics(owner, SimpleNamespace(world_size=2), learner)
    assert found == calls
    EpochKeeper._agree_on_statistics(owner, SimpleNamespace(world_size=1), learner)
    assert found == calls


@pytest.mark.parametrize(("gigabytes", "shares"), [(3, [0.3]), (20, [1.0]), (0, []), (None, [])])
def test_memory_of_a_gpu_is_limited(
    monkeypatch: pytest.MonkeyPatch, gigabytes: float | None, shares: list[float]
) -> None:
    found = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(total_memory=10e9))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda share, index: found.append(share))
    limit_gpu_memory(gigabytes)
    assert found == pytest.approx(shares)


@pytest.mark.parametrize(
    ("options", "precision"),
    [({}, "32-true"), ({"amp": True}, "16-mixed"), ({"amp": True, "amp_dtype": "bfloat16"}, "bf16-mixed")],
)
def test_precision_on_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], precision: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_hardware(None, make_job(tmp_path, training=options).training).precision == precision
