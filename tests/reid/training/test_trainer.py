"""The loss and the sampler inside core's trainer: names of the curves, interruptions, several processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from small_reid import make_job

from zoo_core.errors import DataError
from zoo_core.protocols import TrainJob
from zoo_core.training.trainer import LightningTrainer


def fit(job: TrainJob) -> dict[str, Any]:
    LightningTrainer("cpu").fit(job)
    content: dict[str, Any] = torch.load(job.last_path, weights_only=True)
    return content


def test_curves_show_the_parts_and_the_centers_move(tmp_path: Path) -> None:
    content = fit(make_job(tmp_path))
    rows = content["zoo_training"]["record"]["rows"]
    names = ("train_loss", "train_identity_loss", "train_triplet_loss", "train_center_loss", "val_loss")
    assert all(name in row for row in rows for name in names)
    assert rows[-1]["train_identity_loss"] < rows[0]["train_identity_loss"]
    assert (content["state_dict"]["criterion.center.centers"].abs().sum(1) > 0).all()


@pytest.mark.parametrize("place", [(2, 3), (3, 1)])
def test_an_interrupted_training_goes_on_with_its_centers(tmp_path: Path, place: tuple[int, int]) -> None:
    straight = fit(make_job(tmp_path / "straight"))
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(tmp_path / "broken", stop=place))
    resumed = fit(make_job(tmp_path / "broken", resume=True))
    assert straight["state_dict"].keys() == resumed["state_dict"].keys()
    for name, tensor in straight["state_dict"].items():
        assert torch.equal(resumed["state_dict"][name], tensor), name


def test_too_few_persons_stop_before_the_training(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="6 persons"):
        fit(make_job(tmp_path, batch_size=16))


@pytest.mark.slow
@pytest.mark.parametrize("off", ["identity_loss", "triplet_loss"])
def test_two_processes_train_together(tmp_path: Path, off: str) -> None:
    """Also where a part of the network gets no loss, which processes would wait for."""
    content = fit(make_job(tmp_path, devices=2, epochs=2, **{off: {"weight": 0}}))
    assert len(content["zoo_training"]["record"]["rows"]) == 2
    assert all(tensor.isfinite().all() for tensor in content["state_dict"].values())
