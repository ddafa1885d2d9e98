"""Test-time augmentation averages the outputs for an image and its mirror image, where a use case allows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_task import SIZE, PlainTask, TinyImages, make_job
from torch import nn

from zoo_core.data.loader import eval_loader
from zoo_core.errors import UserError
from zoo_core.training.mirror import MirrorAveraged
from zoo_core.training.trainer import LightningTrainer
from zoo_core.training.validation import validate


class Mirrored(PlainTask):
    mirror_averaging = True


class Structured(nn.Module):
    def forward(self, images: torch.Tensor) -> dict[str, Any]:
        left = images[..., 0].sum((1, 2))
        return {"left": left, "parts": [left, (images.sum((1, 2, 3)), None)]}


def linear() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(SIZE * SIZE, 3))


def test_the_mean_of_both_sides_in_any_structure() -> None:
    images = torch.rand(5, 1, 4, 6)
    found = MirrorAveraged(Structured())(images)
    left, right = images[..., 0].sum((1, 2)), images[..., -1].sum((1, 2))
    torch.testing.assert_close(found["left"], (left + right) / 2)
    torch.testing.assert_close(found["parts"][0], (left + right) / 2)
    torch.testing.assert_close(found["parts"][1][0], images.sum((1, 2, 3)))
    assert found["parts"][1][1] is None


def test_validation_measures_the_mean_of_the_outputs() -> None:
    images, task, model = TinyImages(18), PlainTask(), linear()
    loader = eval_loader(images, task.preprocessing, task.collate_targets, 4)
    found = validate(model, nn.CrossEntropyLoss(), loader, task, mirrored=True).by_name
    inputs = torch.stack([task.preprocessing(images[index].image) for index in range(18)])
    with torch.no_grad():
        outputs = (model(inputs) + model(inputs.flip(3))) / 2
    targets = torch.tensor(images.targets)
    assert found["loss"].value == pytest.approx(float(nn.functional.cross_entropy(outputs, targets)), rel=1e-5)
    assert found["top1"].value == pytest.approx(100 * float((outputs.argmax(1) == targets).float().mean()))


def test_a_training_chooses_its_best_weights_by_it(tmp_path: Path) -> None:
    losses = {}
    for tta in (0, 2):
        training = {"epochs": 1, "tta": tta, "lr_scheduler": {"lr": 0.1, "sched": "none"}}
        job = make_job(tmp_path / str(tta), training=training, model=linear(), task=Mirrored())
        losses[tta] = {metric.name: metric.value for metric in LightningTrainer("cpu").fit(job).best_metrics}["loss"]
    assert losses[0] != pytest.approx(losses[2], rel=1e-4)


def test_a_use_case_whose_outputs_depend_on_the_side_refuses(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"training\.tta: the outputs of this use case cannot be averaged"):
        LightningTrainer("cpu").fit(make_job(tmp_path, training={"tta": 2}))
