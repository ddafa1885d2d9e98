"""Networks are those that are published: names, sizes, operations, and what they compute."""

import pytest
import timm
import torch
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_core.protocols import ModelContext
from zoo_reid.config import ReidModelSection
from zoo_reid.models.build import build
from zoo_reid.models.embedder import PointwiseLinear
from zoo_reid.models.osnet import Block, Gate, osnet_features

KERAS = {
    "mobilenetv1_a025": 218_544,
    "mobilenetv1_a050": 829_536,
    "mobilenetv1_a075": 1_832_976,
    "mobilenetv1_a100": 3_228_864,
    "mobilenetv2_a035": 410_208,
    "mobilenetv2_a050": 706_224,
    "mobilenetv2_a075": 1_382_064,
    "mobilenetv2_a100": 2_257_984,
}
"""Parameters and statistics of Keras' networks without their top."""
FLASH = {"osnet_a100": 1892.75, "mobilenetv2_a100": 2205.06}
"""KiB of int8 weights on an STM32H747I-DISCO, as printed in ST's model cards."""
TORCHREID_PARAMETERS, TORCHREID_OPERATIONS = 2_193_616, 978_878_352
"""What the authors' tool prints of OSNet 1.0 with 512 numbers at 256x128; it counts the gate of a block at each of its
four uses, and the addition of a bias as an operation."""
PAPER = {"osnet_a075": (1.3, 571.8), "osnet_a050": (0.6, 272.9), "osnet_a025": (0.2, 82.3)}
"""Millions of parameters and of operations that the paper states for narrower networks."""


def on_meta(name, identities=0, **keys):
    """Build a network without memory for its weights, for pictures of 256x128."""
    context = ModelContext(num_classes=identities, input=InputSpec(3, 256, 128))
    with torch.device("meta"):
        return build(ReidModelSection(model_name=name, **keys), context).eval()


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def operations(model, size=(256, 128)):
    """Count multiplications, and additions of biases, of convolutions and matrices while an image runs through."""
    counts = []

    def note(module, _, output):
        counts.append(output.numel() * (module.weight[0].numel() + (module.bias is not None)))

    for module in model.modules():
        if isinstance(module, nn.Conv2d | PointwiseLinear):
            module.register_forward_hook(note)
    model(torch.empty(1, 3, *size, device="meta"))
    return sum(counts)


# ---------------------------------------------------------------- sizes


@pytest.mark.parametrize("name", KERAS)
def test_mobilenets_have_the_sizes_of_keras(name):
    model = on_meta(name)
    statistics = sum(buffer.numel() for buffer in model.buffers() if buffer.ndim)
    assert parameters(model) + statistics == KERAS[name]


@pytest.mark.parametrize(("name", "width", "source"), [("a140", 1792, "140"), ("a050", 1280, "050")])
def test_mobilenetv2_is_as_large_as_that_of_timm(name, width, source):
    model = on_meta(f"mobilenetv2_{name}")
    assert model.embedding_size == width
    with torch.device("meta"):
        assert parameters(model) == parameters(timm.create_model(f"mobilenetv2_{source}", num_classes=0))


def test_mobilenetv2_of_width_1_3_has_the_last_layer_of_keras():
    assert on_meta("mobilenetv2_a130").embedding_size == 1664


def test_osnet_has_the_size_and_the_operations_of_the_paper():
    model = on_meta("osnet_a100", embedding_size=512)
    gates = sum(parameters(module) for module in model.modules() if isinstance(module, Gate))
    assert parameters(model) + 3 * gates == TORCHREID_PARAMETERS
    assert operations(model) == TORCHREID_OPERATIONS


@pytest.mark.parametrize("name", FLASH)
def test_int8_weights_take_the_published_flash(name):
    total = 0
    for module in on_meta(name).modules():
        if isinstance(module, nn.Conv2d):
            total += module.weight.numel() + (0 if module.bias is None else 4 * module.out_channels)
        elif isinstance(module, nn.BatchNorm2d):
            total += 4 * module.num_features
    assert total / 1024 == pytest.approx(FLASH[name], rel=0.03)


@pytest.mark.parametrize("name", PAPER)
def test_narrower_osnets_are_those_of_the_paper(name):
    model = on_meta(name, embedding_size=512)
    numbers, count = PAPER[name]
    assert parameters(model) / 1e6 == pytest.approx(numbers, abs=0.05)
    assert operations(model) / 1e6 == pytest.approx(count, abs=0.1)


def test_smallest_mobilenetv2_needs_the_operations_that_its_authors_state():
    features = (59.2e6 - 1.28e6) * (256 * 128) / 224**2  # at 224x224, without the classifier of 1000 classes
    assert operations(on_meta("mobilenetv2_a035")) == pytest.approx(features, rel=0.01)


# ---------------------------------------------------------------- what they compute


def test_streams_of_a_block_see_four_scales():
    block = Block(16, 64).eval()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.fill_(0.5)
    impulse = torch.zeros(1, 16, 15, 15)
    impulse[..., 7, 7] = 1.0
    widths = []
    for letter in "abcd":
        stream = block.get_submodule(f"conv2{letter}")
        seen = (stream(impulse) - stream(torch.zeros_like(impulse))).abs().sum((0, 1)) > 0
        widths.append((int(seen.any(0).sum()), int(seen.any(1).sum())))
    assert widths == [(3, 3), (5, 5), (7, 7), (9, 9)]


def test_one_gate_weights_all_streams_of_a_block():
    torch.manual_seed(2)
    block = Block(16, 64).eval()
    maps = torch.randn(2, 16, 6, 5)
    narrow = block.conv1(maps)
    streams = [block.conv2a(narrow), block.conv2b(narrow), block.conv2c(narrow), block.conv2d(narrow)]
    total = 0
    for stream in streams:
        squeezed = torch.relu(stream.mean((2, 3)) @ block.gate.fc1.weight.flatten(1).T + block.gate.fc1.bias)
        weights = torch.sigmoid(squeezed @ block.gate.fc2.weight.flatten(1).T + block.gate.fc2.bias)
        total = total + stream * weights[:, :, None, None]
    expected = torch.relu(block.conv3(total) + block.downsample(maps))
    torch.testing.assert_close(block(maps), expected)


def test_osnet_makes_maps_sixteen_times_smaller_under_published_names():
    layers, channels = osnet_features(0.5, 3)
    assert nn.Sequential(layers)(torch.rand(1, 3, 64, 32)).shape == (1, channels, 4, 2)
    state = nn.ModuleDict(dict(layers)).state_dict()
    shapes = {
        "conv1.conv.weight": (32, 3, 7, 7),
        "conv1.bn.running_mean": (32,),
        "conv2.0.conv1.conv.weight": (32, 32, 1, 1),
        "conv2.0.conv2a.conv1.weight": (32, 32, 1, 1),
        "conv2.0.conv2b.1.conv2.weight": (32, 1, 3, 3),
        "conv2.1.conv2d.3.bn.weight": (32,),
        "conv2.0.gate.fc1.weight": (2, 32, 1, 1),
        "conv2.0.gate.fc2.bias": (32,),
        "conv2.0.downsample.conv.weight": (128, 32, 1, 1),
        "conv2.2.0.conv.weight": (128, 128, 1, 1),
        "conv4.1.conv3.bn.bias": (256,),
        "conv5.conv.weight": (256, 256, 1, 1),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes
    assert not any(name.startswith(("conv2.1.downsample", "conv4.2")) for name in state)


@pytest.mark.parametrize(("name", "source"), [("resnet18", "resnet18"), ("efficientnetv2b0", "tf_efficientnetv2_b0")])
def test_networks_of_timm_give_their_pooled_features(make, name, source):
    model = make(name, identities=0).eval()
    network = timm.create_model(source, num_classes=0).eval()
    network.load_state_dict(model.state_dict())
    images = torch.rand(2, 3, 64, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(images), network(images))


@pytest.mark.parametrize("backbone", ["test_vit", "mobilenetv3_small_050", "test_convnext"])
def test_any_feature_model_of_timm_becomes_an_embedder(make, backbone):
    model = make("embedder", identities=0, size=(64, 32), backbone=backbone).eval()
    images = torch.rand(2, 3, 64, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(images), model.backbone(images))
    assert model(images).shape == (2, model.embedding_size)


@pytest.mark.parametrize("name", ["mobilenetv1_a025", "mobilenetv2_a035", "osnet_a025", "resnet18"])
def test_grey_images_of_odd_sizes_are_taken(make, name):
    model = make(name, size=(57, 35), channels=1)
    embedding, _, logits = model(torch.rand(2, 1, 57, 35))
    assert embedding.shape == (2, model.embedding_size)
    assert logits.shape == (2, 3)
    embedding.sum().backward()


@pytest.mark.parametrize("family", ["mobilenetv1", "mobilenetv2", "osnet"])
def test_alpha_says_the_width_of_a_family(family):
    named, by_alpha = on_meta(f"{family}_a050"), on_meta(family, alpha=0.5)
    assert parameters(named) == parameters(by_alpha)
    assert parameters(on_meta(family)) == parameters(on_meta(f"{family}_a100"))


# ---------------------------------------------------------------- what is refused


def test_images_that_are_too_small_are_refused(make):
    make("osnet_a025", size=(16, 16))
    with pytest.raises(UserError, match="osnet_a025 cannot take images of 8x64 pixels"):
        make("osnet_a025", size=(8, 64))


def test_size_that_a_backbone_of_timm_cannot_take_is_refused(make):
    with pytest.raises(UserError, match="test_vit cannot take images of 4x4 pixels"):
        make("embedder", backbone="test_vit", size=(4, 4))


def test_unknown_backbone_is_refused_with_the_nearest_name(make):
    with pytest.raises(UserError, match='timm has no model "resnet81"') as caught:
        make("embedder", backbone="resnet81")
    assert "resnet18" in caught.value.hint


def test_unknown_name_is_refused_with_the_nearest_name(make):
    with pytest.raises(UserError, match='called "osnet_a026"') as caught:
        make("osnet_a026")
    assert "osnet_a025" in caught.value.hint
