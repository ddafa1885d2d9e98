from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_task import PlainTask, TinyImages, TinyNet
from torch import nn

from zoo_core.data.loader import eval_loader
from zoo_core.errors import PluginError
from zoo_core.training.validation import as_arrays, loss_parts, validate


def measure(images: TinyImages, *, rank: int = 0, world: int = 1, **options: Any) -> Any:
    torch.manual_seed(1)
    model, task = TinyNet(), PlainTask()
    loader = eval_loader(images, task.preprocessing, task.collate_targets, 4, rank=rank, world=world)
    return validate(model, nn.CrossEntropyLoss(), loader, task, **options)


def test_metrics_and_loss_equal_one_pass_over_all_images() -> None:
    images, task = TinyImages(18), PlainTask()
    torch.manual_seed(1)
    model = TinyNet().eval()
    with torch.no_grad():
        outputs = model(torch.stack([task.preprocessing(images[index].image) for index in range(18)]))
    targets = torch.tensor(images.targets)
    found = measure(images).by_name
    assert found["top1"].value == pytest.approx(100 * float((outputs.argmax(1) == targets).float().mean()))
    assert found["loss"].value == pytest.approx(float(nn.functional.cross_entropy(outputs, targets)), rel=1e-5)
    assert found["loss"].higher_is_better is False
    assert all(metric.split == "validation" for metric in found.values())


def test_parts_of_two_processes_make_the_whole() -> None:
    images, parts = TinyImages(17, broken=[2, 3]), []

    def keep(part: Any) -> list[Any]:
        parts.append(part)
        return [part]

    whole = measure(images)
    for rank in (0, 1):
        measure(images, rank=rank, world=2, gather=keep)
    for rank in (0, 1):
        merged = measure(images, rank=rank, world=2, gather=lambda _: parts)
        assert [metric.value for metric in merged.metrics] == pytest.approx([metric.value for metric in whole.metrics])
        assert sorted(skip.path for skip in merged.skipped) == ["image2.png", "image3.png"]


def test_every_form_of_output_becomes_arrays() -> None:
    one, two = torch.ones(2, 3, dtype=torch.bfloat16), torch.zeros(2, 1, requires_grad=True)
    assert [array.shape for array in as_arrays(one)] == [(2, 3)]
    assert [array.shape for array in as_arrays({"a": (one, [two]), "b": None})] == [(2, 3), (2, 1)]
    assert as_arrays(one)[0].dtype.name == "float32"


@pytest.mark.parametrize("loss", [1.0, {"other": torch.ones(())}, torch.ones(3), {"loss": 1.0}])
def test_loss_of_another_form_is_told(loss: Any) -> None:
    with pytest.raises(PluginError, match="The loss of the use case gives"):
        loss_parts(loss)
