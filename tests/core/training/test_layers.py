from __future__ import annotations

import pytest
import timm
import torch
from tiny_task import TinyNet, training_section
from torch import nn

from zoo_core.config.values import IndexList
from zoo_core.errors import UserError
from zoo_core.training.layers import (
    active_dropout,
    freeze_layers,
    layers_with_weights,
    prepare_layers,
    set_batch_norm,
    set_dropout,
    without_splits,
)


def frozen_names(model: nn.Module) -> list[str]:
    return [name for name, parameter in model.named_parameters() if not parameter.requires_grad]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(0:-1)", ["conv", "norm"]),
        ("(0, -1)", ["conv", "head"]),
        ("1", ["norm"]),
        ("(1:)", ["norm", "head"]),
        ("(5:)", []),
    ],
)
def test_layers_are_counted_as_python_counts(text: str, expected: list[str]) -> None:
    model = TinyNet()
    model.requires_grad_(False)  # everything else becomes trainable
    frozen = freeze_layers(model, IndexList(text))
    assert frozen_names(model) == [f"{layer}.{kind}" for layer in expected for kind in ("weight", "bias")]
    assert list(frozen) == expected


def test_layer_out_of_range_is_told_with_the_layers() -> None:
    with pytest.raises(UserError, match=r"frozen_layers: .*7.*\n.*3 layers with weights: 0 conv, 1 norm, 2 head"):
        freeze_layers(TinyNet(), IndexList("(0, 7)"))


def test_every_parameter_belongs_to_one_layer() -> None:
    model = timm.create_model("vit_tiny_patch16_224", img_size=32, num_classes=3)  # has parameters of its own
    owned = [
        id(parameter) for _, module in layers_with_weights(model) for parameter in module.parameters(recurse=False)
    ]
    assert sorted(owned) == sorted(id(parameter) for parameter in model.parameters())


def test_dropout_is_set_in_modules_and_in_timm_models() -> None:
    model = TinyNet()
    set_dropout(model, 0.7)
    assert model.drop.p == 0.7
    other = timm.create_model("resnet10t", num_classes=3).train()
    set_dropout(other, 0.9)
    with torch.no_grad():
        features = other.forward_features(torch.ones(4, 3, 64, 64))
        results = torch.stack([other.forward_head(features) for _ in range(3)])
    assert not torch.equal(results[0], results[1])
    with pytest.raises(UserError, match="no dropout layer"):
        set_dropout(nn.Linear(2, 2), 0.5)


def test_batch_normalisation_takes_what_is_given() -> None:
    model = TinyNet()
    set_batch_norm(model, 0.03, None)
    assert (model.norm.momentum, model.norm.eps) == (0.03, 1e-5)
    set_batch_norm(model, None, 1e-3)
    assert (model.norm.momentum, model.norm.eps) == (0.03, 1e-3)


def test_auxiliary_statistics_are_removed() -> None:
    state = {"norm.weight": torch.ones(1), "norm.aux_bn.0.weight": torch.ones(1)}
    assert list(without_splits(state)) == ["norm.weight"]


def test_dropout_inside_transformers_is_left_alone() -> None:
    model = timm.create_model("vit_tiny_patch16_224", img_size=32, num_classes=3)
    set_dropout(model, 0.4)
    assert model.head_drop.p == 0.4
    assert {block.attn.attn_drop.p for block in model.blocks} == {0.0}
    assert active_dropout(model) == 0.4


def test_active_dropout_is_the_highest_rate() -> None:
    assert active_dropout(TinyNet()) == 0.2
    assert active_dropout(nn.Linear(2, 2)) == 0.0
    assert active_dropout(timm.create_model("resnet10t", num_classes=3, drop_rate=0.3)) == 0.3


@pytest.mark.parametrize("option", [{"bn_momentum": 0.1}, {"bn_eps": 0.1}, {"split_bn": True}, {"sync_bn": True}])
def test_an_option_about_batch_normalisation_needs_one(option: dict[str, object]) -> None:
    (key,) = option
    with pytest.raises(UserError, match=f"training.{key} is set, but the model has no batch normalisation"):
        prepare_layers(nn.Linear(2, 2), training_section(**option))


def test_layers_stay_frozen_and_are_counted_alike_when_batch_normalisation_is_split() -> None:
    model = TinyNet()
    frozen = prepare_layers(model, training_section(split_bn=True, frozen_layers="(0:-1)"))
    assert frozen == ("conv", "norm")
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert trained == ["head.weight", "head.bias"]
    assert any("aux_bn" in name for name, _ in model.named_parameters())
