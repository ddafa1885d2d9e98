"""Decoding inside the graph gives the poses that the reader of raw outputs gives; by hand; in ONNX; its range."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torch.nn import functional

from zoo_core.artifacts import InputSpec
from zoo_core.export.onnx_export import export_onnx
from zoo_core.protocols import ModelContext
from zoo_pose.config.model import PoseModelSection
from zoo_pose.exported import DecodedPoses, NamedHeatmaps, export_model
from zoo_pose.families.yolo_mpe import YoloMpeFamily
from zoo_pose.models.yolo import build

INPUT = InputSpec(3, 64, 96)
KEYPOINTS = 5
CELLS = 8 * 12 + 4 * 6 + 2 * 3


@pytest.fixture
def network():
    """Return a network with outputs that are spread over the whole image and beyond."""
    torch.manual_seed(0)
    section = PoseModelSection(model_name="st_yolodv2pico_pose_pt")
    model = build(section, ModelContext(num_classes=KEYPOINTS, input=INPUT)).eval()
    head = model.head
    for layers, spread in ((head.centres, 1), (head.sizes, 1), (head.points, 2), (head.confidences, 3)):
        for layer in layers:
            nn.init.normal_(layer.bias, std=spread)
            nn.init.normal_(layer.weight, std=0.5)
    for layer in head.objectness:
        nn.init.normal_(layer.weight, std=1)
        nn.init.zeros_(layer.bias)
    return model


def test_inside_equals_outside(network):
    images = torch.randn(2, *INPUT.shape)
    with torch.no_grad():
        raw, whole = network(images), export_model(network, INPUT)(images)
    assert whole.shape == (2, 5 + 3 * KEYPOINTS, CELLS)
    family = YoloMpeFamily(INPUT, KEYPOINTS)
    settings = {"confidence": 0.3, "overlap": 0.7, "limit": 50}
    of_raw = family.poses([part.numpy() for part in raw], **settings)
    of_whole = family.poses([whole.numpy()], **settings)
    for one, other in zip(of_raw, of_whole, strict=True):
        assert len(one) == len(other) > 5
        for name in ("points", "confidences", "scores", "boxes"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-4, atol=1e-3)


def test_a_cell_by_hand(network):
    """Row 1, column 4 of the second grid: cells of 16 pixels, after the 96 cells of the first."""
    for layers in (network.head.centres, network.head.sizes, network.head.objectness, network.head.points):
        for layer in layers:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
    level = 1
    network.head.centres[level].bias.data = torch.tensor([0.25, -0.5])
    network.head.sizes[level].bias.data = torch.tensor([2.0, 100.0]).log()
    network.head.objectness[level].bias.data = torch.tensor([3.0]).log()
    network.head.points[level].bias.data[:6] = torch.tensor([0.5, 0.25, 99, -99, 0, 0])
    with torch.no_grad():
        found = export_model(network, INPUT)(torch.zeros(1, *INPUT.shape))[0, :, 96 + 6 * 1 + 4]
    centre = [(4 + 0.25) * 16 / 96, (1 - 0.5) * 16 / 64]
    size = [2 * 16 / 96, 1.0]  # a hundred cells are more than the whole input
    assert found[:5].tolist() == pytest.approx([*centre, *size, 0.75])
    assert found[5:7].tolist() == pytest.approx([(4 + 0.5 + 2 * 0.5) * 16 / 96, (1 + 0.5 + 2 * 0.25) * 16 / 64])
    assert found[8:10].tolist() == [1, 0]
    assert found[11:13].tolist() == pytest.approx([4.5 * 16 / 96, 1.5 * 16 / 64])


def test_every_number_is_a_share(network):
    with torch.no_grad():
        whole = export_model(network, INPUT)(100 * torch.randn(2, *INPUT.shape))
    assert 0 <= float(whole.min()) <= float(whole.max()) <= 1


def test_weights_that_change_later_count(network):
    """The decoding keeps no copies of weights, so that training goes on behind it."""
    exported = export_model(network, INPUT)
    images = torch.randn(1, *INPUT.shape)
    with torch.no_grad():
        before = exported(images)
        network.head.centres[0].bias.add_(0.1)
        after = exported(images)
    assert float((after - before)[:, 0, :96].abs().max()) == pytest.approx(0.1 * 8 / 96, rel=1e-3)
    assert set(exported.state_dict()) == {f"network.{name}" for name in network.state_dict()}


class Levels(nn.Module):
    """Stand in for backbone and neck, which take long to export: one convolution and poolings."""

    def __init__(self, widths):
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(3, width, 1) for width in widths)

    def forward(self, images):
        return [
            layer(functional.max_pool2d(images, stride)) for layer, stride in zip(self.layers, (8, 16, 32), strict=True)
        ]


@pytest.mark.slow
def test_onnx_gives_the_same_and_scales_only_weights(network, tmp_path):
    """The exporter compares outputs with torch; the factors of the decoding end in the weights of convolutions."""
    network.backbone, network.neck = Levels(network.neck.widths), nn.Identity()
    path = tmp_path / "poses.onnx"
    outcome = export_onnx(export_model(network, INPUT), INPUT, path, metadata={})
    assert outcome.parity_max_abs < 1e-4
    graph = onnx.load(path).graph
    assert [output.name for output in graph.output] == ["poses"]
    shape = [size.dim_value for size in graph.output[0].type.tensor_type.shape.dim]
    assert shape[1:] == [5 + 3 * KEYPOINTS, CELLS]
    known = {one.name for one in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert all(name in known for node in convolutions for name in node.input[1:])
    behind = {node.op_type for node in graph.node} - {"Conv", "Relu", "MaxPool", "Resize"}
    assert behind <= {"Reshape", "Add", "Clip", "Min", "Max", "Exp", "Sigmoid", "Concat", "Unsqueeze"}


def test_heat_maps_pass_through_with_a_name():
    network = nn.Conv2d(3, KEYPOINTS, 4, stride=4)
    exported = export_model(network, INPUT)
    images = torch.randn(2, *INPUT.shape)
    assert isinstance(exported, NamedHeatmaps)
    assert exported.output_names == ("heatmaps",)
    assert torch.equal(exported(images), network(images))
    assert DecodedPoses.output_names == ("poses",)
