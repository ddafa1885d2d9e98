"""The check of training sizes: the stride of known networks, and what a network refuses by itself."""

import pytest
import timm
import torch
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UserError
from zoo_core.training.sizes import network_stride, refuse_sizes


class SomeTask:
    def __init__(self, size, *sizes):
        self.preprocessing = ImagePreprocessing(input=size)
        self.training_sizes = sizes


def convolutions(*strides, head=None):
    layers = [nn.Conv2d(3, 3, 3, stride=stride, padding=1) for stride in strides]
    return nn.Sequential(*layers, head or nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.parametrize(("strides", "stride"), [((1,), 1), ((2, 1, 2), 4), ((2, 2, 2, 2, 2), 32)])
@pytest.mark.parametrize("side", [64, 96])
def test_stride_is_the_product_of_the_strides(strides, stride, side):
    assert network_stride(convolutions(*strides), InputSpec(3, side, side)) == stride


def test_stride_of_a_size_that_it_does_not_divide_is_rounded_up():
    assert network_stride(convolutions(2, 2, 2), InputSpec(3, 28, 28)) == 8


def test_stride_of_a_known_network_is_what_timm_says():
    model = timm.create_model("mobilenetv2_050", features_only=True)
    assert (
        network_stride(timm.create_model("mobilenetv2_050"), InputSpec(3, 96, 96))
        == model.feature_info[-1]["reduction"]
    )


def test_multiples_of_the_stride_pass():
    refuse_sizes(convolutions(2, 2), SomeTask(InputSpec(3, 32, 32), (24, 32), (64, 36)))


def test_other_sizes_are_refused_with_the_stride():
    with pytest.raises(UserError, match=r"image_sizes: 30x32, 32x34 are no multiples .* stride, 4") as caught:
        refuse_sizes(convolutions(2, 2), SomeTask(InputSpec(3, 32, 32), (30, 32), (32, 34), (32, 36)))
    assert caught.value.hint == "Use multiples of 4 pixels."


def test_network_of_one_size_refuses_others_before_the_training():
    fixed = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(4 * 16 * 16, 2))
    with pytest.raises(UserError, match="does not take images of 24x24"):
        refuse_sizes(fixed, SomeTask(InputSpec(3, 16, 16), (16, 16), (24, 24)))


def test_task_without_sizes_costs_nothing():
    class Silent(nn.Module):
        def forward(self, images):
            raise AssertionError

    refuse_sizes(Silent(), SomeTask(InputSpec(3, 16, 16)))
    refuse_sizes(Silent(), object())


def test_running_averages_and_parameters_are_left_alone():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    network_stride(model, InputSpec(3, 16, 16))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
