"""ResNet-8, -20 and -32: sizes known from the literature, any small input, trainable and exportable shapes."""

import pytest
import torch

from zoo_classification.models.resnet_cifar import CifarResNet, build
from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import ModelSection
from zoo_core.errors import MissingError, UserError
from zoo_core.plugins import get_catalog
from zoo_core.protocols import ModelContext


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_resnet8_has_the_size_of_mlperf_tiny():
    """Keras counts 78,666 numbers, of which 240 are biases before batch normalisation that we leave out."""
    model = CifarResNet(8, 3, 10)
    statistics = sum(buffer.numel() for name, buffer in model.named_buffers() if "running" in name)
    assert count(model) + statistics == 78_666 - 240


@pytest.mark.parametrize(("depth", "thousands"), [(20, 270), (32, 464)])
def test_deeper_networks_have_the_size_of_the_paper(depth, thousands):
    """He et al. state 0.27 M and 0.46 M; their shortcuts have no weights, ours add 2.7 k."""
    assert abs(count(CifarResNet(depth, 3, 10)) / 1000 - thousands) < 4


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 32, 32), (3, 32, 32), (3, 64, 48)])
def test_any_small_input_gives_one_number_per_class(shape):
    section = ModelSection(model_name="resnet8")
    model = build(section, ModelContext(num_classes=7, input=InputSpec(*shape)))
    assert model(torch.zeros(2, *shape)).shape == (2, 7)


def test_every_weight_takes_part_in_learning():
    model = CifarResNet(8, 1, 4)
    model(torch.randn(4, 1, 32, 32)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_same_seed_gives_the_same_weights():
    states = []
    for _ in range(2):
        torch.manual_seed(9)
        states.append(CifarResNet(8, 3, 10).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_depth_without_whole_blocks_is_refused():
    with pytest.raises(ValueError, match="6 n \\+ 2"):
        CifarResNet(10, 3, 10)


def test_pretrained_is_refused_not_random():
    section = ModelSection(model_name="resnet8", pretrained=True)
    with pytest.raises(MissingError, match="no weights are published for resnet8"):
        build(section, ModelContext(num_classes=10, input=InputSpec(3, 32, 32)))


@pytest.mark.parametrize("depth", [8, 20, 32])
@pytest.mark.parametrize("name", ["zoo-classification/resnet{}", "resnet{}_pt", "ResNet_v1_{}", "resnet{}"])
def test_every_spelling_builds_the_stated_depth(name, depth):
    section = ModelSection(model_name=name.format(depth))
    spec = get_catalog().models.get(section.model_name)
    model = spec.build.load()(section, ModelContext(num_classes=10, input=InputSpec(3, 32, 32)))
    weighted = [
        name
        for name, part in model.named_modules()
        if isinstance(part, torch.nn.Conv2d | torch.nn.Linear) and not name.endswith("shortcut")
    ]
    assert len(weighted) == depth


def test_dropout_has_the_rate_asked_for():
    context = ModelContext(num_classes=10, input=InputSpec(3, 32, 32), options={"drop": 0.25})
    assert build(ModelSection(model_name="resnet8"), context).dropout.p == 0.25


def test_option_the_network_lacks_is_refused():
    context = ModelContext(num_classes=10, input=InputSpec(3, 32, 32), options={"drop": 0.0, "drop_path": 0.1})
    with pytest.raises(UserError, match=r"data_augmentation\.drop_path: resnet8 has no such option"):
        build(ModelSection(model_name="resnet8"), context)
