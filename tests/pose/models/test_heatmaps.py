"""Networks that give heat maps: form, sizes, names, transfer, export and published weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import timm
import torch
from pydantic import ValidationError
from torch.nn import functional
from torchvision.models import mobilenet_v2

from zoo_core.artifacts import InputSpec
from zoo_core.errors import MissingError, UserError
from zoo_core.export.onnx_export import export_onnx
from zoo_core.protocols import ModelContext
from zoo_core.training.layers import classifier_layers
from zoo_core.training.transfer import transfer
from zoo_pose.config.model import PoseModelSection
from zoo_pose.models import weights
from zoo_pose.models.build import build
from zoo_pose.models.heatmaps import Doubling
from zoo_pose.models.movenet import TappedMobileNetV2
from zoo_pose.models.table import MODELS, find
from zoo_pose.names import MODEL_TYPES

MOVENET = {"model_name": "st_movenet_lightning_heatmaps", "alpha": 0.35}
GENERIC = {"model_name": "heatmaps", "backbone": "mobilenetv3_small_050"}


def make(options: dict[str, Any], keypoints: int = 17, size: tuple[int, int, int] = (3, 64, 96)) -> torch.nn.Module:
    torch.manual_seed(0)
    section = PoseModelSection.model_validate(options)
    return build(section, ModelContext(num_classes=keypoints, input=InputSpec(*size)))


@pytest.mark.parametrize("options", [MOVENET, GENERIC, {**GENERIC, "backbone": "resnet18"}])
def test_maps_are_a_quarter_of_the_image_and_probabilities(options: dict[str, Any]) -> None:
    model = make(options, 13)
    for mode in (True, False):
        found = model.train(mode)(torch.rand(2, 3, 64, 96))
        assert found.shape == (2, 13, 16, 24)
        assert 0 <= found.min() <= found.max() <= 1


def test_sizes_may_change_in_training() -> None:
    model = make(MOVENET, size=(3, 192, 192)).eval()
    for side in (192, 224, 256):
        assert model(torch.rand(1, 3, side, side)).shape == (1, 17, side // 4, side // 4)


def test_the_last_activation_is_the_users() -> None:
    images = torch.rand(2, 3, 64, 96)
    plain, soft, sigmoid = (
        make({**MOVENET, "final_activation": name}).eval()(images) for name in ("empty", "softmax", "sigmoid")
    )
    torch.testing.assert_close(soft.sum(dim=(2, 3)), torch.ones(2, 17))
    torch.testing.assert_close(soft.flatten(2), torch.softmax(plain.flatten(2), dim=2))
    prior = torch.logit(torch.tensor(0.01))
    torch.testing.assert_close(sigmoid, torch.sigmoid(plain + prior), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("alpha", "widths"), [(1.0, (24, 32, 64)), (0.35, (8, 16, 24)), (0.77, (24, 24, 48))])
def test_the_backbone_is_torchvisions_up_to_its_taps(alpha: float, widths: tuple[int, ...]) -> None:
    whole = mobilenet_v2(weights=None, width_mult=alpha).eval()
    tapped = TappedMobileNetV2(alpha, 3).eval()
    missing = tapped.load_state_dict(whole.state_dict(), strict=False).missing_keys
    assert missing == []
    assert tapped.channels == widths
    images = torch.rand(1, 3, 64, 64)
    expected = [whole.features[:end](images) for end in (4, 7, 11)]
    for found, wanted, stride in zip(tapped(images), expected, (4, 8, 16), strict=True):
        torch.testing.assert_close(found, wanted)
        assert found.shape[2:] == (64 // stride, 64 // stride)


def test_doubling_is_bilinear_but_at_the_border() -> None:
    maps = torch.randn(2, 5, 6, 9)
    wanted = functional.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)
    inside = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(Doubling(5)(maps)[inside], wanted[inside])


@pytest.mark.parametrize("options", [MOVENET, GENERIC, {**GENERIC, "backbone": "resnet18"}])
def test_every_weight_has_a_part_in_the_heat_maps(options: dict[str, Any]) -> None:
    model = make(options)
    model(torch.rand(2, 3, 64, 96)).sum().backward()
    still = [name for name, value in model.named_parameters() if value.grad is None]
    assert still == []


@pytest.mark.parametrize("options", [MOVENET, GENERIC])
def test_another_number_of_keypoints_keeps_all_but_the_head(options: dict[str, Any]) -> None:
    old, new = make(options, 17), make(options, 13)
    for value in old.parameters():
        torch.nn.init.normal_(value)
    report = transfer(new, old.state_dict())
    assert set(report.fresh) == {"head.weight", "head.bias"}
    assert classifier_layers(new) == {"head"}
    own = new.state_dict()
    assert all(torch.equal(own[name], value) for name, value in old.state_dict().items() if "head" not in name)
    assert own["head.weight"].shape[0] == 13


@pytest.mark.slow
@pytest.mark.parametrize("options", [MOVENET, {**MOVENET, "final_activation": "softmax"}, GENERIC])
def test_exported_maps_are_those_of_torch(options: dict[str, Any], tmp_path: Path) -> None:
    model = make(options, 5, (3, 64, 64)).eval()
    path = tmp_path / "model.onnx"
    export_onnx(model, InputSpec(3, 64, 64), path, metadata={})
    graph = onnx.load(path).graph
    modes = {
        item.s for node in graph.node if node.op_type == "Resize" for item in node.attribute if item.name == "mode"
    }
    assert modes == {b"nearest"}  # the form that integers compute exactly
    images = torch.rand(2, 3, 64, 64)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {graph.input[0].name: images.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), model(images), rtol=1e-3, atol=1e-5)


def test_grey_images_are_taken() -> None:
    assert make(MOVENET, size=(1, 64, 64))(torch.rand(2, 1, 64, 64)).shape == (2, 17, 16, 16)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({**MOVENET, "input_shape": (3, 200, 192)}, "multiples of 16 pixels, found 200x192"),
        ({**MOVENET, "backbone": "resnet18"}, "backbone: st_movenet_lightning_heatmaps has its own"),
        ({"model_name": "st_movenet_lightning_a100_heatmaps", "alpha": 0.5}, "alpha: .* has the width 1"),
        ({"model_name": "heatmaps"}, "backbone: heatmaps needs the name of a timm model"),
        ({**GENERIC, "alpha": 0.5, "input_shape": (3, 100, 100)}, "input_shape: .*; alpha: "),
        ({"model_type": "heatmap_spe"}, "Did you mean heatmaps_spe"),
    ],
)
def test_what_a_model_does_not_take_is_refused_before_anything_is_built(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        PoseModelSection.model_validate(options)


def test_the_names_of_other_models_are_left_alone() -> None:
    section = PoseModelSection(model_name="another", alpha=2.0, backbone="resnet18", input_shape=(3, 100, 100))
    assert section.input_shape == (3, 100, 100)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({**GENERIC, "backbone": "resnet1888"}, "timm has no model"),
        ({**GENERIC, "backbone": "vit_tiny_patch16_224"}, "4, 8, 16 pixels a cell"),
    ],
)
def test_backbones_without_such_features_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        make(options)


def test_sizes_are_checked_when_no_section_states_them() -> None:
    with pytest.raises(UserError, match="multiples of 16"):
        make(MOVENET, size=(3, 72, 64))


def test_the_table_names_types_that_there_are() -> None:
    assert {tag for row in MODELS for tag in row.tags} <= set(MODEL_TYPES)
    found = find("zoo-pose/ST_MoveNet_Lightning_a100_heatmaps")
    assert found is not None
    assert found.name == "st_movenet_lightning_heatmaps"
    assert find("movenet") is None


@pytest.mark.parametrize("alpha", [0.35, 0.75, 1.3])
def test_widths_that_nobody_publishes_are_refused(alpha: float) -> None:
    with pytest.raises(MissingError, match=f"of the width {alpha:g}") as caught:
        make({**MOVENET, "alpha": alpha, "pretrained": True})
    assert "0.5, 1, 1.4" in str(caught.value.hint)


def test_other_data_sets_than_imagenet_are_refused() -> None:
    with pytest.raises(MissingError, match="trained on coco"):
        make({**MOVENET, "alpha": 1.0, "pretrained": True, "pretrained_dataset": "coco"})


def test_weights_of_torchvision_go_into_the_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mobilenet_v2(weights=None).eval()
    monkeypatch.setattr(weights, "fetch_weights", lambda *_: whole.state_dict())
    model = make({"model_name": "st_movenet_lightning_heatmaps", "pretrained": True}).eval()
    images = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(model.backbone(images)[2], whole.features[:11](images))


@pytest.mark.parametrize(("alpha", "name"), [(0.5, "mobilenetv2_050"), (1.4, "mobilenetv2_140")])
def test_weights_of_timm_go_into_the_backbone(alpha: float, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    source = timm.create_model(name, features_only=True, out_indices=(1, 2, 3)).eval()
    whole = timm.create_model(name)
    whole.load_state_dict(source.state_dict(), strict=False)
    fetched: list[dict[str, Any]] = []

    def fetch(wanted: str, **options: Any) -> torch.nn.Module:
        assert wanted == name
        fetched.append(options)
        return whole

    monkeypatch.setattr(weights, "is_cached", lambda *_: True)
    monkeypatch.setattr(weights.timm, "create_model", fetch)
    model = make({**MOVENET, "alpha": alpha, "pretrained": True}).eval()
    assert fetched[0]["pretrained"]
    monkeypatch.undo()
    images = torch.rand(1, 3, 64, 64)
    early = timm.create_model(name, features_only=True, out_indices=(1,)).eval()
    early.load_state_dict({key: value for key, value in source.state_dict().items() if key in early.state_dict()})
    torch.testing.assert_close(model.backbone(images)[0], early(images)[0], rtol=1e-3, atol=1e-4)


def test_weights_of_timm_that_cannot_be_fetched_are_no_random_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise OSError("no route")

    monkeypatch.setattr(weights, "is_cached", lambda *_: False)
    monkeypatch.setattr(weights, "require_host", refuse)
    for options in ({**MOVENET, "alpha": 0.5}, GENERIC):
        with pytest.raises(MissingError, match="could not be fetched"):
            make({**options, "pretrained": True})


def test_timm_networks_without_weights_are_refused() -> None:
    with pytest.raises(MissingError, match="timm publishes no weights for mobilenetv2_035"):
        make({**GENERIC, "backbone": "mobilenetv2_035", "pretrained": True})


def test_published_weights_of_the_generic_backbone_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    name = GENERIC["backbone"]
    source = timm.create_model(name, features_only=True, out_indices=(1, 2, 3))
    real = timm.create_model

    def create(wanted: str, **options: Any) -> torch.nn.Module:
        if not options.pop("pretrained", False):
            return real(wanted, **options)
        options.pop("cache_dir", None)
        made = real(wanted, **options)
        made.load_state_dict({key: torch.full_like(value, 0.25) for key, value in made.state_dict().items()})
        return made

    assert source is not None
    monkeypatch.setattr(weights, "is_cached", lambda *_: True)
    monkeypatch.setattr(timm, "create_model", create)
    model = make({**GENERIC, "pretrained": True})
    assert all((value == 0.25).all() for value in model.backbone.parameters())
    assert not all((value == 0.25).all() for value in model.laterals.parameters())
