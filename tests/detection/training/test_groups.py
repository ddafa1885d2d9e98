"""Backbone, neck and extra layers learn at their own rates."""

import pytest
from torch import nn

from zoo_core.errors import UserError
from zoo_core.training.optimizer import build_optimizer, shares_of
from zoo_detection.config import SsdTrainingSection, YolodTrainingSection


def detector(*parts):
    return nn.ModuleDict({part: nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)) for part in parts})


def rates_of(model, section, lr=0.01):
    section = section.model_copy(update={"epochs": 1, "batch_size": 1})
    optimizer = build_optimizer(model, nn.MSELoss(), section.optimizer, lr, shares_of(model, section))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }


def test_yolod_gives_the_backbone_a_fifth_and_the_neck_four_fifths():
    section = YolodTrainingSection.model_validate({"epochs": 1, "batch_size": 1})
    model = detector("backbone", "neck", "head")
    model.pretrained_weights = True
    found = rates_of(model, section)
    assert found["backbone.0.weight"] == (pytest.approx(0.002), 5e-4)
    assert found["neck.0.weight"] == (pytest.approx(0.008), 5e-4)
    assert found["head.0.weight"] == (pytest.approx(0.01), 5e-4)


def test_new_weights_learn_at_one_rate_unless_told_otherwise():
    values = {"epochs": 1, "batch_size": 1}
    model = detector("backbone", "neck", "head")
    plain = rates_of(model, YolodTrainingSection.model_validate(values))
    assert [rate for rate, _ in plain.values()] == pytest.approx([0.01] * 12)
    asked = rates_of(model, YolodTrainingSection.model_validate({**values, "backbone_lr_ratio": 0.5}))
    assert asked["backbone.0.weight"][0] == pytest.approx(0.005)


def test_normalisation_and_biases_have_no_decay():
    section = YolodTrainingSection.model_validate({"epochs": 1, "batch_size": 1})
    found = rates_of(detector("backbone", "neck", "head"), section)
    assert {found[name][1] for name in ("head.0.bias", "head.1.weight", "backbone.1.bias")} == {0.0}
    assert len(found) == 12


def test_ssd_takes_rates_of_its_own_for_backbone_and_extra_layers():
    values = {"epochs": 1, "batch_size": 1, "base_net_lr": 0.001, "extra_layers_lr": 0.02}
    found = rates_of(detector("backbone", "extras", "heads"), SsdTrainingSection.model_validate(values))
    assert found["backbone.0.weight"][0] == pytest.approx(0.001)
    assert found["extras.0.weight"][0] == pytest.approx(0.02)
    assert found["heads.0.weight"][0] == pytest.approx(0.01)


def test_a_rate_for_a_part_that_the_model_lacks_is_refused():
    section = YolodTrainingSection.model_validate({"epochs": 1, "batch_size": 1, "neck_lr_ratio": 0.8})
    with pytest.raises(UserError, match=r"training\.neck_lr_ratio: the model has no such part"):
        shares_of(detector("backbone", "heads"), section)
