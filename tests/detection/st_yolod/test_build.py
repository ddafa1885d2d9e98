"""Building ST_YOLOD: every spelling of a name, any backbone of timm, clear refusals."""

import pytest
import timm
import torch

from zoo_core.errors import UserError


@pytest.mark.parametrize(
    "name", ["st_yolodv2pico_actrelu_pt", "zoo-detection/st_yolodv2pico_actrelu_pt", "ST_YOLODv2Pico_pt"]
)
def test_every_spelling_builds_the_same_network(make, name):
    assert sum(parameter.numel() for parameter in make(name).parameters()) == 323_312


@pytest.mark.parametrize(
    ("backbone", "channels"),
    [
        ("mobilenetv3_small_050", [16, 24, 288]),
        ("mobilenetv4_conv_small", [64, 96, 960]),
        ("regnetx_002", [56, 152, 368]),
    ],
)
def test_generic_network_stands_on_a_backbone_of_timm(make, backbone, channels):
    model = make("st_yolod", (3, 64, 96), classes=5, backbone=backbone, depth=0.67, width=0.125).eval()
    assert [layer.in_channels for layer in model.neck.match] == channels
    assert [layer.out_channels for layer in model.neck.match] == [32, 64, 128]
    assert len(model.neck.join_16.bottlenecks) == 2
    with torch.no_grad():
        assert [tuple(part.shape) for part in model(torch.zeros(1, 3, 64, 96))] == [(1, 126, n) for n in (4, 1, 5)]


@pytest.mark.slow
def test_backbone_with_channels_last_and_a_fixed_size_is_taken(make):
    model = make("st_yolod", (3, 64, 96), classes=5, backbone="swin_tiny_patch4_window7_224").eval()
    with torch.no_grad():
        assert [tuple(part.shape) for part in model(torch.zeros(1, 3, 64, 96))] == [(1, 126, n) for n in (4, 1, 5)]


def test_published_weights_of_a_backbone_have_its_names(make, monkeypatch):
    """timm's weights cannot be fetched in a test; new ones of the same network stand in."""
    backbone = make("st_yolod", (1, 64, 64), backbone="regnetx_002").backbone
    create = timm.create_model
    asked = {}

    def made(name, *, pretrained, cache_dir, **arguments):
        asked[name] = pretrained, cache_dir
        return create(name, **arguments)

    monkeypatch.setattr(timm, "create_model", made)
    state = backbone.published_state(None)
    assert asked == {"regnetx_002": (True, None)}
    assert {name: value.shape for name, value in state.items()} == {
        name: value.shape for name, value in backbone.state_dict().items()
    }


def test_backbone_timm_does_not_know_is_refused_with_a_near_name(make):
    with pytest.raises(UserError, match='timm has no model "mobilenetv3_smal_050"') as caught:
        make("st_yolod", backbone="mobilenetv3_smal_050")
    assert "mobilenetv3_small_050" in caught.value.hint


def test_backbone_without_the_levels_is_refused(make):
    with pytest.raises(UserError, match="test_vit has features at strides 16; ST_YOLOD needs 8, 16 and 32"):
        make("st_yolod", (3, 160, 160), backbone="test_vit")


def test_every_problem_is_told_at_once(make):
    with pytest.raises(UserError) as caught:
        make("st_yolodv2milli_actrelu_pt", (3, 200, 320), backbone="resnet18", width=0.5)
    text = str(caught.value)
    assert "model.backbone: st_yolodv2milli_actrelu_pt has its own" in text
    assert "model.width: st_yolodv2milli_actrelu_pt has its own" in text
    assert "cannot take images of 200x320 pixels" in text
    assert "The nearest size is 192x320" in text


def test_generic_network_asks_for_a_backbone(make):
    with pytest.raises(UserError, match=r"model\.backbone: st_yolod needs the name of a timm model"):
        make("st_yolod")


def test_size_that_does_not_exist_is_refused(make):
    with pytest.raises(UserError, match="there is no ST_YOLOD named"):
        make("st_yolodv2huge_actrelu_pt")
