"""A disk that refuses a checkpoint costs nothing of what was trained before."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from tiny_task import make_job

from zoo_core.errors import RunStoreError
from zoo_core.training.checkpoint import read_weights, save_weights
from zoo_core.training.trainer import LightningTrainer


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the system refuse to write beyond a size, as it refuses on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_refused_write_leaves_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    save_weights(path, torch.nn.Linear(2, 2), {})
    refusal = r"Cannot write .*weights\.pt: the file is too large .*\n.*ulimit -f"
    with largest_file(50_000), pytest.raises(RunStoreError, match=refusal):
        save_weights(path, torch.nn.Linear(1000, 100), {})
    assert read_weights(path).state_dict["weight"].shape == (2, 2)
    assert [file.name for file in tmp_path.iterdir()] == ["weights.pt"]


def test_training_on_a_full_disk_stops_with_its_last_state_whole(tmp_path: Path) -> None:
    LightningTrainer("cpu").fit(make_job(tmp_path, training={"epochs": 2}))
    last = tmp_path / "saved" / "last_model.pt"
    before = last.read_bytes()
    with largest_file(2_000), pytest.raises(RunStoreError, match="Cannot write"):
        LightningTrainer("cpu").fit(make_job(tmp_path, training={"epochs": 4}, resume=True))
    assert last.read_bytes() == before
    LightningTrainer("cpu").fit(make_job(tmp_path, training={"epochs": 4}, resume=True))
