from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_task import SIZE, Bars, OnlyHere, PlainTask, TinyImages, make_job
from torch import nn

from zoo_core.errors import DataError, UserError
from zoo_core.training.checkpoint import read_weights
from zoo_core.training.trainer import LightningTrainer

TRAINING: dict[str, Any] = {
    "epochs": 2,
    "optimizer": {"opt": "sgd", "momentum": 0.9, "weight_decay": 0},
    "lr_scheduler": {"lr": 0.1, "sched": "none"},
}


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(SIZE * SIZE, 3))


def fit(folder: Path, **changes: Any) -> Any:
    training = TRAINING | changes.pop("training", {})
    values = {"model": linear(), "task": PlainTask(), "train": TinyImages(32, broken=[5]), "training": training}
    return LightningTrainer("cpu").fit(make_job(folder, **(values | changes)))


def test_two_processes_equal_one_with_twice_the_batch(tmp_path: Path) -> None:
    environment, threads, hook, progress = dict(os.environ), torch.get_num_threads(), sys.excepthook, Bars()
    two = fit(tmp_path / "two", training={"devices": 2, "batch_size": 8}, progress=progress)
    one = fit(tmp_path / "one", training={"devices": 1, "batch_size": 16})
    ours, theirs = (read_weights(tmp_path / name / "saved" / "best_model.pt").state_dict for name in ("two", "one"))
    assert ours.keys() == theirs.keys()
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-4, atol=1e-6)
    assert [metric.name for metric in two.best_metrics] == ["top1", "images", "loss"]
    assert {metric.name: metric.value for metric in two.best_metrics}["images"] == 18
    for ours, theirs in zip(two.best_metrics, one.best_metrics, strict=True):
        assert ours.value == pytest.approx(theirs.value, rel=1e-4)
    assert [skip.path for skip in two.skipped] == ["image5.png"]
    assert [bar["steps"] == bar["total"] for bar in progress.shown] == [True, True]
    assert dict(os.environ) == environment
    assert torch.get_num_threads() == threads
    assert sys.excepthook is hook
    assert not torch.distributed.is_initialized()


@pytest.mark.slow
def test_failure_of_another_process_reaches_the_user(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the disk is only here"):
        fit(tmp_path, training={"devices": 2, "batch_size": 8}, train=OnlyHere())


def test_work_that_cannot_travel_is_refused(tmp_path: Path) -> None:
    task = PlainTask()
    task.secret = lambda: None
    with pytest.raises(UserError, match="cannot be sent to other processes"):
        fit(tmp_path, training={"devices": 2}, task=task)


def test_several_hosts_need_a_launcher(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no launcher has started this process"):
        fit(tmp_path, training={"num_nodes": 2})


def test_launcher_and_section_must_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r"started 2 processes, but training\.devices \(3\)"):
        fit(tmp_path, training={"devices": 3})


LAUNCHED = """
import sys
from pathlib import Path
from tiny_task import PlainTask, TinyImages, make_job
from zoo_core.training.trainer import LightningTrainer

folder = Path(sys.argv[1])
outcome = LightningTrainer("cpu").fit(
    make_job(folder, training={"epochs": 2, "devices": 2}, task=PlainTask(), train=TinyImages(32))
)
assert outcome.epochs == 2
assert (folder / "saved" / "best_model.pt").exists()
"""


@pytest.mark.slow
def test_processes_of_a_launcher_are_used(tmp_path: Path) -> None:
    script = tmp_path / "launched.py"
    script.write_text(LAUNCHED)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", script, tmp_path],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "work" / "summary.csv").read_text().count("\n") == 3
