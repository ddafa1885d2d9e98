"""ST_YOLOD: parameters and multiplications of the recount, order of the outputs, what shapes it takes."""

import pytest
import torch
from torch import nn

from zoo_core.networks.st_yolod_neck import by_cell
from zoo_core.networks.st_yolod_sizes import SIZES

NAMES = [f"st_yolodv2{size}_actrelu_pt" for size in SIZES]


def millions(module):
    return sum(parameter.numel() for parameter in module.parameters()) / 1e6


def megamacs(model, side):
    """Count the multiplications of all convolutions for one square image."""
    total = 0

    def count(convolution, _, output):
        nonlocal total
        total += output.shape[2] * output.shape[3] * convolution.weight.numel()

    hooks = [part.register_forward_hook(count) for part in model.modules() if isinstance(part, nn.Conv2d)]
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, side, side, device=next(model.parameters()).device))
    for hook in hooks:
        hook.remove()
    return total / 1e6


@pytest.mark.parametrize(
    ("size", "wanted"), [("milli", [2.626, 0.520, 0.105, 3.251]), ("tiny", [3.651, 1.033, 0.215, 4.900])]
)
def test_parameters_equal_the_recount(make, size, wanted):
    model = make(f"st_yolodv2{size}_actrelu_pt")
    counted = [millions(part) for part in (model.backbone, model.neck, model.head, model)]
    assert counted == pytest.approx(wanted, abs=0.0006)


@pytest.mark.parametrize(
    ("size", "side", "classes", "wanted"),
    [
        ("milli", 192, 80, 853),
        ("milli", 256, 1, 1510),
        ("milli", 320, 80, 2371),
        ("milli", 640, 80, 9482),
        ("tiny", 192, 80, 1026),
        ("tiny", 256, 1, 1814),
        ("tiny", 288, 80, 2309),
        ("tiny", 640, 80, 11401),
    ],
)
def test_multiplications_equal_the_recount(make, size, side, classes, wanted):
    model = make(f"st_yolodv2{size}_actrelu_pt", classes=classes).to("meta")
    assert megamacs(model, side) == pytest.approx(wanted, abs=1.0)


def test_micro_has_the_published_number_of_parameters(make):
    assert millions(make("st_yolodv2micro_actrelu_pt")) == pytest.approx(1.69, abs=0.005)


def test_sizes_grow_in_their_order(make):
    sizes = [millions(make(name)) for name in NAMES]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 96, 160), (1, 64, 64)])
def test_any_multiple_of_32_gives_one_row_per_cell(make, shape):
    model = make("st_yolodv2pico_actrelu_pt", shape, classes=7).eval()
    cells = sum(shape[1] * shape[2] // stride**2 for stride in model.strides)
    for network in (model, model.train()):
        assert [tuple(part.shape) for part in network(torch.zeros(2, *shape))] == [
            (2, cells, 4),
            (2, cells, 1),
            (2, cells, 7),
        ]


def test_levels_come_in_the_order_of_their_strides(make):
    model = make("st_yolodv2pico_actrelu_pt", (3, 64, 64)).eval()
    for level, predictor in enumerate(model.head.boxes):
        nn.init.zeros_(predictor.weight)
        nn.init.constant_(predictor.bias, level)
    boxes = model(torch.zeros(1, 3, 64, 64))[0]
    assert boxes[0, :, 0].tolist() == [0.0] * 64 + [1.0] * 16 + [2.0] * 4


def test_cells_come_row_by_row():
    maps = torch.arange(12.0).reshape(1, 2, 2, 3)
    assert by_cell(maps)[0].tolist() == [[0, 6], [1, 7], [2, 8], [3, 9], [4, 10], [5, 11]]


def test_objects_are_rare_at_first(make):
    head = make("st_yolodv2pico_actrelu_pt", (3, 32, 32)).head
    for predictor in (*head.classes, *head.objectness):
        assert torch.allclose(predictor.bias.sigmoid(), torch.tensor(0.01))


def test_every_weight_takes_part_in_learning(make):
    model = make("st_yolodv2pico_actrelu_pt", (3, 64, 64), classes=3).train()
    for block in [*model.backbone.layer1, *model.backbone.layer2, *model.backbone.layer3, *model.backbone.layer4]:
        nn.init.ones_(block.bn2.weight)
    sum(part.square().sum() for part in model(torch.randn(2, 3, 64, 64))).backward()
    idle = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.abs().sum() > 0]
    assert idle == []


@pytest.mark.parametrize(
    ("act", "kind"), [(None, nn.SiLU), ("relu", nn.ReLU), ("lrelu", nn.LeakyReLU), ("hswish", nn.Hardswish)]
)
def test_activation_of_neck_and_head_is_chosen(make, act, kind):
    model = make("st_yolodv2pico_actrelu_pt", act=act)
    every = (nn.SiLU, nn.ReLU, nn.LeakyReLU, nn.Hardswish)
    chosen = {type(part) for part in (*model.neck.modules(), *model.head.modules()) if isinstance(part, every)}
    assert chosen == {kind}
    assert {type(part) for part in model.backbone.modules() if isinstance(part, every)} == {nn.ReLU}


def test_normalisation_is_that_of_the_published_networks(make):
    found = {
        size: [
            {part.eps for part in half.modules() if isinstance(part, nn.BatchNorm2d)}
            for half in (model.backbone, model.neck, model.head)
        ]
        for size in ("milli", "tiny")
        for model in [make(f"st_yolodv2{size}_actrelu_pt")]
    }
    assert found == {"milli": [{1e-3}, {1e-3}, {1e-3}], "tiny": [{1e-5}, {1e-3}, {1e-3}]}
