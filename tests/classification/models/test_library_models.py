"""The networks of timm and torchvision under ST's names."""

import huggingface_hub.errors
import pytest
import timm
import torch
from timm.models import adapt_input_conv
from torchvision.models import get_model

from zoo_classification.models import pretrained, timm_models, torchvision_models
from zoo_classification.models.table import LIBRARY_MODELS
from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import ModelSection
from zoo_core.errors import MissingError, UserError
from zoo_core.protocols import ModelContext

BUILD = {"timm": timm_models.build, "torchvision": torchvision_models.build}
KERAS = {  # all numbers of Keras Applications' MobileNetV2, batch statistics included, by width
    "mobilenetv2_a050_pt": 1_987_224,
    "mobilenetv2_a075": 2_663_064,
    "mobilenetv2_a100_pt": 3_538_984,
    "mobilenetv2_a140_pt": 6_156_712,
}
PYTORCHCV = {"regnetx002_pt": 2_684_792, "squeezenetv10_pt": 1_248_424}
"""Counts in the table of pytorchcv, where ST takes these from."""


def context(classes=5, shape=(3, 64, 64), **options):
    return ModelContext(num_classes=classes, input=InputSpec(*shape), options=options)


def make(name, **keys):
    model = next(model for model in LIBRARY_MODELS if model.name == name)
    return BUILD[model.library](ModelSection(model_name=name), context(**keys))


@pytest.mark.parametrize("model", LIBRARY_MODELS, ids=lambda model: model.name)
def test_parameter_count_is_the_published_one(model):
    with torch.device("meta"):
        built = BUILD[model.library](ModelSection(model_name=model.name), context(1000, (3, 224, 224)))
    weights = sum(parameter.numel() for parameter in built.parameters())
    statistics = sum(buffer.numel() for name, buffer in built.named_buffers() if "running" in name)
    assert weights == model.parameters
    assert weights + statistics == KERAS.get(model.name, weights + statistics)
    assert weights == PYTORCHCV.get(model.name, weights)


@pytest.mark.parametrize("name", ["mobilenetv2_a035_pt", "mobilenetv4small_pt", "mnasnet_d050_pt", "squeezenetv10_pt"])
@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 64, 96)])
def test_channels_size_and_classes_are_the_runs(name, shape):
    model = make(name, shape=shape).eval()
    with torch.no_grad():
        assert model(torch.zeros(2, *shape)).shape == (2, 5)


@pytest.mark.parametrize("model", LIBRARY_MODELS, ids=lambda model: model.name)
def test_stated_weights_exist_in_the_library(model):
    if model.library == "timm":
        config = timm.models.get_pretrained_cfg(model.source)
        assert bool(config.hf_hub_id or config.url) is model.weights
    else:
        assert (torchvision_models.get_model_weights(model.source).DEFAULT is not None) is model.weights


def test_any_timm_name_is_built_with_its_input_size():
    section = ModelSection(model_name="vit_tiny_patch16_224")
    with torch.no_grad():
        assert timm_models.build(section, context(shape=(1, 32, 48))).eval()(torch.zeros(1, 1, 32, 48)).shape == (1, 5)


def test_family_lists_names_with_and_without_tags():
    names = set(timm_models.names())
    assert {"resnet18", "resnet18.a1_in1k", "mobilenetv2_035"} <= names


def test_drop_options_reach_the_network():
    model = make("mobilenetv2_a035_pt", drop=0.3, drop_path=0.2)
    assert model.drop_rate == 0.3
    assert any(type(module).__name__ == "DropPath" for module in model.modules())
    dropout = [
        module.p for module in make("mnasnet_d050_pt", drop=0.4).modules() if isinstance(module, torch.nn.Dropout)
    ]
    assert dropout == [0.4]


@pytest.mark.parametrize(
    ("name", "options", "key"),
    [
        ("shufflenetv2_x050_pt", {"drop": 0.2}, "data_augmentation.drop"),
        ("mnasnet_d050_pt", {"drop_path": 0.2}, "data_augmentation.drop_path"),
        ("dla46c_pt", {"drop_path": 0.2}, "data_augmentation.drop_path"),
    ],
)
def test_option_the_network_lacks_is_refused(name, options, key):
    with pytest.raises(UserError, match=key):
        make(name, **options)


def test_zero_drop_is_accepted_by_every_network():
    make("shufflenetv2_x050_pt", drop=0.0)
    make("dla46c_pt", drop=0.0)


@pytest.mark.parametrize(("name", "words"), [("resnet1888", "Did you mean"), ("timm", "name of one of them")])
def test_unknown_name_is_a_users_error(name, words):
    with pytest.raises(UserError, match=words):
        timm_models.build(ModelSection(model_name=name), context())


# ---------------------------------------------------------------- pretrained weights


def test_weights_nobody_publishes_are_refused():
    section = ModelSection(model_name="mobilenetv2_a035_pt", pretrained=True)
    with pytest.raises(MissingError, match="no weights are published for mobilenetv2_a035_pt"):
        timm_models.build(section, context())


@pytest.mark.parametrize("name", ["mobilenetv2_a050_pt", "mnasnet_d050_pt"])
def test_weights_of_another_data_set_are_refused(name):
    model = next(model for model in LIBRARY_MODELS if model.name == name)
    section = ModelSection(model_name=name, pretrained=True, pretrained_dataset="food101")
    with pytest.raises(MissingError, match='trained on "food101" are not available'):
        BUILD[model.library](section, context())


@pytest.mark.parametrize("name", ["mobilenetv2_a050_pt", "mnasnet_d050_pt"])
def test_failed_fetch_says_what_was_tried(name, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    model = next(model for model in LIBRARY_MODELS if model.name == name)
    with pytest.raises(MissingError) as caught:
        BUILD[model.library](ModelSection(model_name=name, pretrained=True), context())
    assert "https://" in caught.value.message
    assert "model.model_path" in caught.value.hint


def test_hub_without_connection_is_a_missing_thing():
    with (
        pytest.raises(MissingError, match="could not be fetched from https://example"),
        pretrained.fetching("net", "https://example"),
    ):
        raise huggingface_hub.errors.LocalEntryNotFoundError("no connection")


def test_own_weights_replace_published_ones(tmp_path):
    path = tmp_path / "own.pt"
    path.touch()
    section = ModelSection(model_name="mobilenetv2_a035_pt", pretrained=True, model_path=path)
    assert isinstance(timm_models.build(section, context()), torch.nn.Module)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_backbone_weights_are_taken_over_and_the_head_is_new(channels, monkeypatch):
    source = get_model("shufflenet_v2_x0_5", weights=None)
    kind = type(torchvision_models.get_model_weights("shufflenet_v2_x0_5").DEFAULT)
    monkeypatch.setattr(kind, "get_state_dict", lambda *_, **__: source.state_dict())
    section = ModelSection(model_name="shufflenetv2_x050_pt", pretrained=True)
    state = torchvision_models.build(section, context(shape=(channels, 64, 64))).state_dict()
    first = "conv1.0.weight"
    for name, value in source.state_dict().items():
        if name == first:
            assert torch.equal(state[name], adapt_input_conv(channels, value))
        elif not name.startswith("fc"):
            assert torch.equal(state[name], value)
    assert state["fc.weight"].shape[0] == 5
