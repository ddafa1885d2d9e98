"""Compressed ResNet-18: sizes of the published networks, and names of published weights."""

import pytest
import timm
import torch
from torch import nn

from zoo_core.networks.st_resnet import RANKS, compress, own_names

FLASH = {"pico": 607.27, "nano": 992.04, "micro": 1534.12, "milli": 3059.81, "tiny": 4060.57}
"""KiB of int8 weights of the classifiers with 1000 classes, as printed in their model cards."""


@pytest.mark.parametrize("size", RANKS)
def test_classifiers_have_the_published_sizes(size):
    with torch.device("meta"):
        model = timm.create_model("resnet18")
        compress(model, RANKS[size])
    numbers = sum(parameter.numel() for parameter in model.parameters())
    assert numbers / 1024 == pytest.approx(FLASH[size], rel=0.015)


def test_rank_nought_keeps_a_convolution():
    model = timm.create_model("resnet18")
    compress(model, RANKS["tiny"])
    assert isinstance(model.layer1[0].conv1, nn.Conv2d)
    assert [factor.out_channels for factor in model.layer4[1].conv2] == [112, 112, 512]


def test_features_are_compressed_like_the_classifier():
    classifier = timm.create_model("resnet18")
    features = timm.create_model("resnet18", features_only=True)
    for network in (classifier, features):
        compress(network, RANKS["milli"])
    wanted = {name: value.shape for name, value in classifier.state_dict().items() if not name.startswith("fc.")}
    assert {name: value.shape for name, value in features.state_dict().items()} == wanted


def test_published_projection_stands_beside_the_pooling():
    assert set(own_names({"proj.weight": torch.zeros(1), "layer1.0.conv1.weight": torch.zeros(1)})) == {
        "maxpool.proj.weight",
        "layer1.0.conv1.weight",
    }
