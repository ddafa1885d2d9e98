"""A backbone is transferred whole or not at all, the classifier never."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from zoo_core.errors import UserError
from zoo_core.training.layers import classifier_layers
from zoo_core.training.transfer import transfer


def network(classes: int = 3, width: int = 4, channels: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, width, 3), nn.BatchNorm2d(width), nn.Flatten(), nn.Linear(width, classes))


def shifted(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor + 1 for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("classes", [3, 5])
def test_everything_but_the_classifier_is_taken_whatever_its_size(classes: int) -> None:
    model, given = network(3), shifted(network(classes)) | {"other": torch.ones(1)}
    head = {name: tensor.clone() for name, tensor in model.state_dict().items() if name.startswith("3.")}
    report = transfer(model, given)
    state = model.state_dict()
    assert all(torch.equal(state[name], given[name]) for name in state if not name.startswith("3."))
    assert all(torch.equal(state[name], tensor) for name, tensor in head.items())
    assert report.fresh == ("3.weight", "3.bias")
    assert str(report) == (
        "7 of 9 tensors were transferred; 2 new, those of the classifier (3.weight, 3.bias); "
        "1 of the checkpoint not used (other)"
    )


def test_another_width_is_refused_and_nothing_changes() -> None:
    model = network(width=4)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(UserError, match=r"weights in old\.pt do not fit the backbone") as caught:
        transfer(model, shifted(network(width=6)), "old.pt")
    assert "0.weight (6, 1, 3, 3), expected (4, 1, 3, 3)" in str(caught.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_another_architecture_is_refused_with_what_is_missing() -> None:
    with pytest.raises(UserError, match=r"missing in the file: 0\.weight, 0\.bias"):
        transfer(network(), nn.LSTM(3, 3).state_dict())


def test_counters_that_old_checkpoints_lack_are_not_missed() -> None:
    given = shifted(network())
    del given["1.num_batches_tracked"]
    assert len(transfer(network(), given).transferred) == 6


def test_a_first_convolution_for_colour_sees_the_sum_in_grey() -> None:
    model, given = network(channels=1), shifted(network(channels=3))
    report = transfer(model, given)
    assert report.adapted == ("0.weight",)
    torch.testing.assert_close(model.state_dict()["0.weight"], given["0.weight"].sum(1, keepdim=True))
    with pytest.raises(UserError, match="do not fit the backbone"):
        transfer(network(channels=3), shifted(network(channels=1)))


@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv2_035", "vit_tiny_patch16_224"])
def test_the_classifier_of_timms_models_is_the_one_they_name(name: str) -> None:
    model = timm.create_model(name, num_classes=3)
    assert classifier_layers(model) == {model.default_cfg["classifier"]}
