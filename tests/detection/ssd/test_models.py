"""Detectors have the published sizes and give what their contract says, for any input and backbone."""

import onnxruntime
import pytest
import torch
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_core.export.onnx_export import export_onnx
from zoo_core.training.transfer import transfer
from zoo_detection.models.backbones import BatchNorm
from zoo_detection.models.ssd import LAYOUTS, ssd_priors

CLASSES = (80, 20, 1)
FLASH = {
    "ssd_mobilenetv1_pt": (18354.02, 9440.84, 6618.33),
    "ssdlite_mobilenetv1_pt": (5498.44, 4508.44, 4194.94),
    "ssd_mobilenetv2_pt": (20033.69, 10898.69, 8005.94),
    "ssdlite_mobilenetv2_pt": (5121.38, 4086.38, 3758.63),
    "ssdlite_mobilenetv3large_pt": (3592.83, 2833.48, 2592.98),
    "ssdlite_mobilenetv3small_pt": (1978.72, 1376.84, 1186.25),
}
"""KiB of weights on STM32N6 that ST prints for 80, 20 and 1 classes (README files of its model zoo)."""
FILES = {
    ("ssd_mobilenetv1_pt", 80): 74378416,
    ("ssd_mobilenetv1_pt", 1): 26304287,
    ("ssdlite_mobilenetv1_pt", 80): 21324299,
    ("ssdlite_mobilenetv1_pt", 1): 15959913,
    ("ssd_mobilenetv2_pt", 80): 79684743,
    ("ssd_mobilenetv2_pt", 20): 42259127,
    ("ssdlite_mobilenetv2_pt", 80): 17749048,
    ("ssdlite_mobilenetv2_pt", 1): 12152297,
    ("ssdlite_mobilenetv3large_pt", 80): 12682332,
    ("ssdlite_mobilenetv3large_pt", 1): 8567772,
    ("ssdlite_mobilenetv3small_pt", 80): 7532000,
    ("ssdlite_mobilenetv3small_pt", 20): 5058068,
}
"""Bytes of the float ONNX files that ST publishes, batch normalisation folded, as its repository states them."""
GRAPH = 110_000
"""Bytes that the graph and the prior boxes (48,000) take at most in those files; 0.06 to 2 % of them."""
WITHIN = [
    ("ssd_mobilenetv1_pt", 80), ("ssd_mobilenetv1_pt", 20), ("ssd_mobilenetv1_pt", 1), ("ssd_mobilenetv2_pt", 80),
]  # fmt: skip
"""Detectors whose printed flash is what their weights take; ST's tool needs more for the others, see below."""


def folded(model):
    """Return numbers of weights and of biases after batch normalisation is folded: a bias for each output channel."""
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    return sum(one.weight.numel() for one in convolutions), sum(one.out_channels for one in convolutions)


@pytest.mark.parametrize(("name", "classes"), FILES)
def test_weights_agree_with_the_published_float_files(make, name, classes):
    with torch.device("meta"):
        numbers = sum(folded(make(name, classes)))
    assert 0 < FILES[name, classes] - 4 * numbers < GRAPH


@pytest.mark.parametrize("name", FLASH)
def test_classes_cost_what_the_published_flash_says(make, name):
    with torch.device("meta"):
        weights = [folded(make(name, classes))[0] / 1024 for classes in CLASSES]
    printed = FLASH[name]
    assert weights[0] - weights[1] == pytest.approx(printed[0] - printed[1], rel=1e-3)
    assert weights[1] - weights[2] == pytest.approx(printed[1] - printed[2], rel=1e-3)


@pytest.mark.parametrize(("name", "classes"), WITHIN)
def test_weights_agree_with_the_published_flash(make, name, classes):
    with torch.device("meta"):
        weights, biases = folded(make(name, classes))
    assert (weights + 4 * biases) / 1024 == pytest.approx(FLASH[name][CLASSES.index(classes)], rel=0.03)


@pytest.mark.parametrize("name", [name for name in FLASH if name != "ssd_mobilenetv1_pt"])
def test_what_flash_holds_beyond_the_weights_does_not_depend_on_classes(make, name):
    """The printed flash exceeds the float file's numbers by the same amount for 80, 20 and 1 classes."""
    with torch.device("meta"):
        beyond = [
            printed - folded(make(name, classes))[0] / 1024
            for printed, classes in zip(FLASH[name], CLASSES, strict=True)
        ]
    assert max(beyond) - min(beyond) < 0.05
    assert min(beyond) > 0


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name.endswith("_pt")])
def test_outputs_keep_their_form_in_training(make, name):
    model = make(name, classes=4).train()
    images = torch.rand(2, 3, 96, 96)
    boxes, scores = model(images)
    assert boxes.shape == (2, len(model.priors), 4)
    assert scores.shape == (2, len(model.priors), 5)
    (boxes.sum() + scores.square().sum()).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert {child for child, _ in model.named_children()} == {"backbone", "extras", "heads"}
    assert "priors" not in model.state_dict()
    assert "priors" in dict(model.named_buffers())


def test_cells_come_row_by_row_and_maps_from_fine_to_coarse(make):
    """A spot in one cell of the finest map changes most the priors of that place."""
    model = make("ssd_mobilenetv1_pt", size=(160, 160))
    seen = {}
    model.heads["boxes"][0].register_forward_hook(lambda _, __, output: seen.update(first=output))
    with torch.no_grad():
        boxes, _ = model(torch.rand(1, 3, 160, 160))
    expected = seen["first"][0].reshape(6, 4, 10, 10)
    for row, column, prior in ((0, 0, 0), (2, 7, 3), (9, 9, 5)):
        assert torch.equal(boxes[0, (row * 10 + column) * 6 + prior], expected[prior, :, row, column])
        centre = model.priors[(row * 10 + column) * 6 + prior, :2] * 160
        assert centre.tolist() == pytest.approx([16 * column + 8, 16 * row + 8])


@pytest.mark.parametrize(("width", "channels"), [(1.0, (576, 1280)), (0.5, (288, 1280)), (1.4, (816, 1792))])
def test_width_scales_the_backbone(make, width, channels):
    model = make("ssdlite_mobilenetv2_pt", width_mult=width)
    assert model.backbone.channels == channels


@pytest.mark.parametrize("name", ["ssdlite_mobilenetv1_pt", "ssdlite_mobilenetv3small_pt"])
def test_widths_that_libraries_lack(make, name):
    narrow, full = (sum(folded(make(name, width_mult=width).backbone)) for width in (0.25, 1.0))
    assert narrow < 0.12 * full


def test_grey_images(make):
    for name in ("ssd_mobilenetv1_pt", "ssdlite_mobilenetv2_pt", "ssdlite_mobilenetv3large_pt"):
        boxes, _ = make(name, channels=1)(torch.zeros(1, 1, 96, 96))
        assert boxes.shape[0] == 1
    boxes, _ = make("ssdlite", channels=1, backbone="resnet10t")(torch.zeros(1, 1, 96, 96))
    assert boxes.shape[0] == 1


def test_one_image_alone_can_be_trained_on(make):
    for name in ("ssdlite_mobilenetv2_pt", "ssdlite_mobilenetv3small_pt"):
        boxes, _ = make(name).train()(torch.rand(1, 3, 64, 64))
        assert torch.isfinite(boxes).all()


def test_normalisation_of_several_values_is_torchs_own():
    own, torchs = BatchNorm(5).train(), nn.BatchNorm2d(5).train()
    maps = torch.rand(2, 5, 3, 3)
    assert torch.equal(own(maps), torchs(maps))
    assert torch.equal(own.running_mean, torchs.running_mean)
    kept = own.running_mean.clone()
    alone = torch.rand(1, 5, 1, 1)
    expected = (alone - kept[:, None, None]) / (own.running_var[:, None, None] + own.eps).sqrt()
    assert torch.allclose(own(alone), expected, atol=1e-6)
    assert torch.equal(own.running_mean, kept)


@pytest.mark.parametrize(
    ("name", "backbone"), [("ssd", "resnet10t"), ("ssdlite", "mobilenetv3_small_050"), ("ssdlite", "convnext_atto")]
)
def test_any_timm_backbone(make, name, backbone):
    model = make(name, classes=2, size=(100, 132), backbone=backbone)
    boxes, scores = model(torch.zeros(1, 3, 100, 132))
    assert boxes.shape[1] == len(model.priors)
    assert scores.shape[2] == 3
    assert model.backbone.strides == (16, 32)


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        ("resnet10tt", "has no model"),
        ("vit_tiny_patch16_224", "feature maps of one size only"),
        ("swin_tiny_patch4_window7_224", "do not have the form|cannot take|no feature maps"),
    ],
)
def test_backbones_that_do_not_fit_are_refused(make, backbone, message):
    with pytest.raises(UserError, match=message):
        make("ssdlite", backbone=backbone)


def test_transfer_keeps_only_the_class_layers_new(make):
    other, model = make("ssdlite_mobilenetv3small_pt", classes=7), make("ssdlite_mobilenetv3small_pt", classes=2)
    report = transfer(model, other.state_dict())
    assert len(report.fresh) == 12
    assert all(name.startswith("heads.classes.") for name in report.fresh)
    state = model.state_dict()
    assert torch.equal(state["heads.boxes.0.3.weight"], other.state_dict()["heads.boxes.0.3.weight"])
    assert state["heads.classes.5.weight"].shape[0] == 6 * 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ssd_mobilenetv1_pt", "ssdlite_mobilenetv2_pt", "ssdlite_mobilenetv3small_pt"])
def test_exported_graph_gives_the_same_numbers(make, tmp_path, name):
    """Export compares torch with onnxruntime, for one image and for two."""
    outcome = export_onnx(make(name, size=(64, 96)), InputSpec(3, 64, 96), tmp_path / "model.onnx", metadata={})
    session = onnxruntime.InferenceSession(outcome.path)
    count = len(ssd_priors(name, InputSpec(3, 64, 96)))
    assert [(one.name, one.shape[1:]) for one in session.get_outputs()] == [
        ("boxes", [count, 4]),
        ("scores", [count, 4]),
    ]
