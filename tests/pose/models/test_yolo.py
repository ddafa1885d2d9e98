"""Models that find several persons: names, shapes, order of cells, decoding by hand, refusals, weights of backbones."""

import pytest
import torch
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.errors import MissingError, UserError
from zoo_core.networks.st_yolod_cells import Cells
from zoo_core.networks.st_yolod_sizes import SIZES
from zoo_core.protocols import ModelContext
from zoo_pose.config.model import PoseModelSection
from zoo_pose.models import yolo
from zoo_pose.models.yolo import build
from zoo_pose.models.yolo_head import decode_points

PICO = "st_yolodv2pico_pose_pt"


def made(name=PICO, shape=(3, 64, 64), keypoints=17, **keys):
    return build(
        PoseModelSection(model_name=name, **keys), ModelContext(num_classes=keypoints, input=InputSpec(*shape))
    )


@pytest.mark.parametrize(("shape", "keypoints"), [((3, 32, 32), 17), ((3, 64, 96), 13), ((1, 96, 64), 5)])
def test_one_row_for_every_cell_in_training_and_evaluation(shape, keypoints):
    model = made(shape=shape, keypoints=keypoints)
    cells = sum(shape[1] * shape[2] // stride**2 for stride in (8, 16, 32))
    for network in (model.train(), model.eval()):
        found = [tuple(part.shape) for part in network(torch.zeros(2, *shape))]
        assert found == [(2, cells, 4), (2, cells, 1), (2, cells, keypoints, 3)]


@pytest.mark.parametrize(
    "name", ["zoo-pose/st_yolodv2pico_pose_pt", "ST_YOLODv2Pico_pose", "st_yolodv2pico_actrelu_pose_pt"]
)
def test_every_spelling_builds_the_same_network(name):
    shapes = [value.shape for value in made(name).state_dict().values()]
    assert shapes == [value.shape for value in made().state_dict().values()]


def test_sizes_grow_in_their_order():
    sizes = [sum(value.numel() for value in made(f"st_yolodv2{size}_pose_pt").parameters()) for size in SIZES]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == len(SIZES)


def test_cells_come_level_by_level_and_row_by_row_and_numbers_of_a_keypoint_together():
    """Every predictor adds up its 16 features: the first three numbers are those of one keypoint, in their order."""
    model = made(shape=(3, 64, 96), keypoints=2).eval()
    head = model.head
    for level in range(3):
        for layers, values in (
            (head.centres, [1, 2]),
            (head.sizes, [3, 4]),
            (head.objectness, [5]),
            (head.points, [10, 11, 20, 21]),
            (head.confidences, [12, 22]),
        ):
            nn.init.zeros_(layers[level].weight)
            layers[level].bias.data = torch.tensor(values, dtype=torch.float32) + 100 * level
    boxes, objectness, keypoints = model(torch.zeros(1, 3, 64, 96))
    assert boxes[0, [0, 95, 96, 119, 120, 125], 0].tolist() == [1, 1, 101, 101, 201, 201]
    assert boxes[0, 96].tolist() == [101, 102, 103, 104]
    assert objectness[0, 125].tolist() == [205]
    assert keypoints[0, 0].tolist() == [[10, 11, 12], [20, 21, 22]]


def test_levels_see_their_own_part_of_the_image():
    """A change in the lower right corner reaches the last cell of each level more than the first."""
    model = made(shape=(3, 256, 256)).eval()
    image = torch.zeros(1, 3, 256, 256)
    changed = image.clone()
    changed[..., 240:, 240:] = 3
    with torch.no_grad():
        difference = (model(image)[2] - model(changed)[2]).abs().sum(dim=(2, 3))[0]
    for level in difference.split([32 * 32, 16 * 16, 8 * 8]):
        assert level[-1] > 3 * level[0]


def test_keypoint_is_decoded_as_by_hand():
    """Cell (1, 0) of stride 16: x = (1 + 0.5 + 2 * 0.25) * 16, y = (0 + 0.5 - 2 * 0.5) * 16."""
    cells = Cells.of((16, 32), (16,))
    raw = torch.tensor([[[0.0, 0.0]], [[0.25, -0.5]]])
    assert decode_points(raw, cells).tolist() == [[[8.0, 8.0]], [[32.0, -8.0]]]


def test_persons_are_rare_at_first():
    for layer in made().head.objectness:
        assert torch.allclose(layer.bias.sigmoid(), torch.tensor(0.01))


def test_classifier_is_what_depends_on_the_keypoints():
    few, many = (dict(made(keypoints=count).named_parameters()) for count in (5, 6))
    differing = {name for name in few if few[name].shape != many[name].shape}
    model = made()
    layers = {id(value) for part in model.get_classifier() for value in part.parameters()}
    assert {name for name, value in model.named_parameters() if id(value) in layers} == differing


def test_every_weight_takes_part_in_learning():
    model = made().train()
    for stage in ("layer1", "layer2", "layer3", "layer4"):
        for block in getattr(model.backbone, stage):
            nn.init.ones_(block.bn2.weight)
    sum(part.square().sum() for part in model(torch.randn(2, 3, 64, 64))).backward()
    idle = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.abs().sum() > 0]
    assert idle == []


def test_generic_model_stands_on_a_backbone_of_timm():
    model = made("st_yolod_pose", (3, 64, 96), backbone="regnetx_002").eval()
    assert [layer.in_channels for layer in model.neck.match] == [56, 152, 368]
    with torch.no_grad():
        assert model(torch.zeros(1, 3, 64, 96))[2].shape == (1, 126, 17, 3)


def test_every_problem_is_told_at_once():
    with pytest.raises(UserError) as caught:
        made(shape=(3, 100, 320), backbone="resnet18", alpha=0.5)
    text = str(caught.value)
    assert f"model.backbone: {PICO} has its own" in text
    assert f"model.alpha: {PICO} has one width" in text
    assert "The nearest size is 96x320" in text


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("st_yolodv2huge_pose_pt", "st_yolodv2milli_pose_pt"),
        ("st_yolod_pose", "needs the name of a timm model"),
        ("st_yolodv2milli_actrelu_pt", "there is no pose estimator named"),
    ],
)
def test_names_that_do_not_exist_are_refused(name, wanted):
    with pytest.raises(UserError, match=wanted):
        made(name)


def test_weights_of_the_backbone_are_taken_over_and_the_head_stays_new(monkeypatch):
    """The file cannot be fetched in a test: weights of the same backbone in ST's form stand in, classifier included."""
    donor = made().backbone
    for value in donor.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 1)
    file = {
        key.removeprefix("maxpool.") if key.startswith("maxpool.proj.") else key: value
        for key, value in donor.state_dict().items()
    }
    asked = []

    def fetched(weights, context):
        asked.append(weights.url)
        return file | {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}

    monkeypatch.setattr(yolo, "fetch_weights", fetched)
    model = made(pretrained=True)
    assert asked[0].endswith("/st_resnetpico_actrelu_pt_224.pth.tar")
    own, given = model.backbone.state_dict(), donor.state_dict()
    assert all(torch.equal(own[key], given[key]) for key in given if not key.endswith("num_batches_tracked"))


def test_other_published_weights_are_refused():
    with pytest.raises(MissingError, match="trained on coco are not available, only the backbone's"):
        made(pretrained=True, pretrained_dataset="coco")


def test_weights_that_cannot_be_fetched_are_refused(tmp_path):
    section = PoseModelSection(model_name=PICO, pretrained=True)
    context = ModelContext(num_classes=17, input=InputSpec(3, 64, 64), cache_dir=tmp_path)
    with pytest.raises((MissingError, RuntimeError), match=r"st_resnetpico|connected to"):
        build(section, context)
