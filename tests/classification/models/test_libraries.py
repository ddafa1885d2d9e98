"""The networks of timm, torchvision and pytorchcv: sizes, channels, classes, options, weights that cannot be had."""

import sys

import huggingface_hub.errors
import pytest
import timm
import torch
from torch import nn

from zoo_classification.models import timm_models, torchvision_models
from zoo_classification.models.table import MODELS, find
from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import ModelSection
from zoo_core.errors import MissingError, UserError
from zoo_core.networks.published import fetching
from zoo_core.plugins import get_catalog
from zoo_core.protocols import ModelContext


def context(classes=5, shape=(3, 64, 64), **options):
    return ModelContext(num_classes=classes, input=InputSpec(*shape), options=options)


def make(name, *, section=None, **keys):
    if find(name).library == "pytorchcv":
        pytest.importorskip("pytorchcv")
    build = get_catalog().models.get(name).build.load()
    return build(section or ModelSection(model_name=name), context(**keys))


@pytest.mark.parametrize(
    "name",
    [
        "mobilenetv3small_pt",
        "mobilenetv4small_pt",
        "mnasnet_d050_pt",
        "squeezenetv11_pt",
        "resnet18wd4_pt",
        "peleenet_pt",
    ],
)
@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 64, 96), (3, 384, 384)])
def test_channels_size_and_classes_are_the_runs(name, shape):
    model = make(name, shape=shape).eval()
    with torch.no_grad():
        assert model(torch.zeros(2, *shape)).shape == (2, 5)


def test_any_timm_name_is_built_with_its_input_size():
    section = ModelSection(model_name="vit_tiny_patch16_224")
    with torch.no_grad():
        assert timm_models.build(section, context(shape=(1, 32, 48))).eval()(torch.zeros(1, 1, 32, 48)).shape == (1, 5)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("twins_pcpvt_small", "should be divided"),
        ("visformer_tiny", "Kernel size"),
        ("efficientformer_l1", "Expected size"),
        ("dla46c_pt", "broadcast"),
        ("peleenet_pt", "Sizes of tensors"),
    ],
)
def test_size_the_network_cannot_take_is_a_users_error(name, words):
    resolved = get_catalog().models.resolve(name)
    if "pytorchcv" in resolved.spec.tags:
        pytest.importorskip("pytorchcv")
    with pytest.raises(UserError, match=rf"model\.input_shape: \w+ cannot take images of 30x30 pixels .*{words}"):
        resolved.build(ModelSection(model_name=name), context(shape=(3, 30, 30)))


@pytest.mark.parametrize("name", ["resnet18", "regnetx_002", "mobilenetv4_conv_small", "vit_tiny_patch16_224"])
def test_smallest_images_go_through_networks_for_photos(name):
    with torch.no_grad():
        model = timm_models.build(ModelSection(model_name=name), context(shape=(1, 28, 28))).eval()
        assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 5)


def test_family_lists_names_with_and_without_tags():
    names = set(timm_models.names())
    assert {"resnet18", "resnet18.a1_in1k", "mobilenetv2_035"} <= names


def test_drop_options_reach_the_network():
    model = make("mobilenetv2_a050_pt", drop=0.3, drop_path=0.2)
    assert model.drop_rate == 0.3
    assert any(type(module).__name__ == "DropPath" for module in model.modules())
    for name in ("mnasnet_d050_pt", "squeezenetv11_pt", "peleenet_pt"):
        assert {module.p for module in make(name, drop=0.4).modules() if isinstance(module, nn.Dropout)} == {0.4}


@pytest.mark.parametrize(
    ("name", "options", "key"),
    [
        ("shufflenetv2_x050_pt", {"drop": 0.2}, "data_augmentation.drop"),
        ("mnasnet_d050_pt", {"drop_path": 0.2}, "data_augmentation.drop_path"),
        ("dla46c_pt", {"drop_path": 0.2}, "data_augmentation.drop_path"),
        ("resnet18wd4_pt", {"drop": 0.2}, "data_augmentation.drop"),
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


@pytest.mark.parametrize("row", [row for row in MODELS if row.library == "timm"], ids=lambda row: row.name)
def test_stated_weights_exist_in_timm(row):
    config = timm.models.get_pretrained_cfg(row.source)
    assert bool(config.hf_hub_id or config.url) is (row.weights == "timm")


def test_weights_nobody_publishes_are_refused():
    section = ModelSection(model_name="mobilenetv2_a075", pretrained=True)
    with pytest.raises(MissingError, match="no weights are published for mobilenetv2_a075"):
        timm_models.build(section, context())


@pytest.mark.parametrize("name", ["mobilenetv2_a050_pt", "mnasnet_d050_pt"])
def test_weights_of_another_data_set_are_refused(name):
    section = ModelSection(model_name=name, pretrained=True, pretrained_dataset="food101")
    with pytest.raises(MissingError, match=r"food101\"? are not available, only imagenet at 224x224"):
        make(name, section=section)


@pytest.mark.parametrize(
    ("source", "keys", "chosen"),
    [
        ("mobilenetv4_conv_small", {}, "mobilenetv4_conv_small.e2400_r224_in1k"),
        ("mobilenetv4_conv_small", {"pretrained_input_shape": (3, 256, 256)}, "mobilenetv4_conv_small.e3600_r256_in1k"),
        ("mobilenetv3_large_100", {}, "mobilenetv3_large_100.ra_in1k"),
        ("mobilenetv3_large_100", {"pretrained_dataset": "in21k"}, "mobilenetv3_large_100.miil_in21k"),
        ("mobilenetv3_large_100", {"pretrained_dataset": "ImageNet-21k"}, "mobilenetv3_large_100.miil_in21k"),
        ("resnet18.fb_swsl_ig1b_ft_in1k", {"pretrained_dataset": "imagenet"}, "resnet18.fb_swsl_ig1b_ft_in1k"),
    ],
)
def test_weights_of_timm_are_chosen_by_data_set_and_size(source, keys, chosen):
    section = ModelSection(model_name=source, pretrained=True, **keys)
    assert timm_models.choose_weights(source, section, source) == chosen


def test_size_that_timm_has_no_weights_for_is_refused():
    section = ModelSection(model_name="dla46c_pt", pretrained=True, pretrained_input_shape=(3, 96, 96))
    with pytest.raises(MissingError, match="imagenet at 96x96 pixels"):
        timm_models.build(section, context())


def test_failed_fetch_says_what_was_tried_and_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(MissingError) as caught:
        timm_models.build(ModelSection(model_name="mobilenetv2_a050_pt", pretrained=True), context())
    assert "https://huggingface.co/timm/mobilenetv2_050" in caught.value.message
    assert "model.safetensors" in caught.value.hint
    assert "model.pretrained_model_path" in caught.value.hint
    assert "model.model_path" in caught.value.hint


def test_hub_without_connection_is_a_missing_thing():
    with (
        pytest.raises(MissingError, match="could not be fetched from https://example"),
        fetching("net", "https://example"),
    ):
        raise huggingface_hub.errors.LocalEntryNotFoundError("no connection")


def test_own_weights_replace_published_ones(tmp_path):
    path = tmp_path / "own.pt"
    path.touch()
    section = ModelSection(model_name="mobilenetv2_a075", pretrained=True, model_path=path)
    assert isinstance(timm_models.build(section, context()), nn.Module)


def test_torchvision_is_built_under_its_alias():
    section = ModelSection(model_name="squeezenetv11")
    assert torchvision_models.build(section, context())(torch.zeros(1, 3, 64, 64)).shape == (1, 5)


def test_missing_pytorchcv_names_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "pytorchcv"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "zoo_classification.models.pytorchcv_models", raising=False)
    monkeypatch.setitem(sys.modules, "pytorchcv", None)
    resolved = get_catalog().models.resolve("proxylessnas_pt")
    with pytest.raises(MissingError, match='Model "proxylessnas_pt" needs pytorchcv') as caught:
        resolved.build(ModelSection(model_name="proxylessnas_pt"), context())
    assert caught.value.hint == 'Install: pip install "zoo-classification[pytorchcv]"'
