"""ST_YOLOD's loss: every part by hand, its minimum, images without boxes, mixed precision, and learning."""

import math

import pytest
import torch

from zoo_core.networks.simota import Predictions, assign
from zoo_core.networks.st_yolod_cells import Cells
from zoo_detection.loss.yolod import YolodLoss
from zoo_detection.targets import BoxTargets


def targets(boxes, classes, size):
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(len(classes), -1, 4)
    return BoxTargets(boxes=boxes, classes=torch.tensor(classes).long(), size=size, labels=())


def one_cell():
    """Return raw numbers of the box (0, 0, 8, 8) in the only cell of an 8x8 image, and the true box (0, 0, 8, 4)."""
    raw = torch.tensor([[[0.5, 0.5, 0.0, 0.0]]])
    return (raw, torch.zeros(1, 1, 1), torch.tensor([[[2.0, -1.0]]])), targets([[[0, 0, 8, 4]]], [[0]], (8, 8))


def test_parts_are_those_of_the_hand_computed_cell():
    """IoU 0.5; cross-entropy of a logit z to a target t is ln(1 + e^z) - z t; true raw box (0.5, 0.25, 0, ln 0.5)."""
    loss = YolodLoss((8,), 2, 1)
    loss.set_epoch(0, 1)
    parts = {name: float(value) for name, value in loss(*one_cell()).items()}
    assert parts["iou_loss"] == pytest.approx(5 * (1 - 0.5**2))
    assert parts["conf_loss"] == pytest.approx(math.log(2))
    assert parts["cls_loss"] == pytest.approx(math.log(1 + math.exp(2)) - 2 * 0.5 + math.log(1 + math.exp(-1)))
    assert parts["l1_loss"] == pytest.approx(0.25 + math.log(2))
    assert parts["loss"] == pytest.approx(sum(value for name, value in parts.items() if name != "loss"), rel=1e-6)


def test_distance_of_raw_numbers_counts_in_the_last_epochs_only():
    loss = YolodLoss((8,), 2, 3)
    seen = []
    for epoch in range(10):
        loss.set_epoch(epoch, 10)
        seen.append(bool(loss(*one_cell())["l1_loss"] > 0))
    assert seen == [False] * 7 + [True] * 3


def test_sum_is_divided_by_the_number_of_assigned_cells():
    (raw, objectness, classes), true = one_cell()
    doubled = BoxTargets(boxes=true.boxes.repeat(2, 1, 1), classes=true.classes.repeat(2, 1), size=true.size, labels=())
    loss = YolodLoss((8,), 2, 0)
    once = loss((raw, objectness, classes), true)
    twice = loss(tuple(part.repeat(2, 1, 1) for part in (raw, objectness, classes)), doubled)
    assert {name: float(value) for name, value in twice.items()} == pytest.approx(
        {name: float(value) for name, value in once.items()}
    )


def test_perfect_outputs_cost_nearly_nothing():
    size, strides = (64, 96), (8, 16, 32)
    cells = Cells.of(size, strides)
    true = targets([[[4, 4, 20, 24], [60, 30, 90, 60]], [[10, 8, 50, 56], [0, 0, 0, 0]]], [[0, 2], [1, -1]], size)
    near = [(true.boxes[image, row], true.classes[image, row], image) for image, row in ((0, 0), (0, 1), (1, 0))]
    raw = torch.zeros(2, len(cells), 4)
    objectness, classes = torch.full((2, len(cells), 1), -20.0), torch.full((2, len(cells), 3), -20.0)
    distance = torch.full((2, len(cells)), torch.inf)
    for box, kind, image in near:
        away = (cells.centres - (box[:2] + box[2:]) / 2).abs().amax(dim=1) / cells.strides[:, 0]
        mine = away < distance[image]
        distance[image] = distance[image].minimum(away)
        raw[image, mine] = cells.encode(box.expand(len(cells), 4))[mine]
        classes[image, mine] = -20.0
        classes[image, mine, kind] = 20.0
    found = assign(Predictions(cells.decode(raw), objectness, classes), true.boxes, true.classes, cells)
    objectness[found.images, found.cells] = 20.0
    loss = YolodLoss(strides, 3, 1)
    loss.set_epoch(0, 1)
    parts = loss((raw, objectness, classes), true)
    assert len(found) > 10
    assert float(parts["loss"]) < 1e-3


def test_images_without_boxes_teach_only_that_nothing_is_there():
    outputs = tuple(torch.randn(2, 21, size, requires_grad=True) for size in (4, 1, 3))
    parts = YolodLoss((8, 16, 32), 3, 1)(outputs, targets([], [[], []], (32, 32)))
    assert [float(parts[name].detach()) for name in ("iou_loss", "cls_loss", "l1_loss")] == [0, 0, 0]
    wanted = torch.nn.functional.softplus(outputs[1]).sum()
    assert float(parts["conf_loss"].detach()) == pytest.approx(float(wanted.detach()), rel=1e-5)
    parts["loss"].backward()
    assert all(output.grad is not None and output.grad.isfinite().all() for output in outputs)


def test_loss_of_half_precision_is_computed_in_float32():
    outputs = tuple(torch.randn(1, 21, size) for size in (4, 1, 3))
    true = targets([[[4, 4, 20, 24]]], [[2]], (32, 32))
    loss = YolodLoss((8, 16, 32), 3, 0)
    rounded = tuple(output.bfloat16() for output in outputs)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(rounded, true)
    plain = loss(tuple(output.float() for output in rounded), true)
    assert {value.dtype for value in found.values()} == {torch.float32}
    assert float(found["loss"]) == float(plain["loss"])


def test_wild_outputs_give_a_finite_loss_and_gradient():
    outputs = tuple((torch.randn(1, 21, size) * 1e4).requires_grad_() for size in (4, 1, 3))
    loss = YolodLoss((8, 16, 32), 3, 1)
    loss.set_epoch(0, 1)
    value = loss(outputs, targets([[[4, 4, 20, 24]]], [[2]], (32, 32)))["loss"]
    value.backward()
    assert value.isfinite()
    assert all(output.grad.isfinite().all() for output in outputs)


def test_boxes_of_stretched_images_are_used():
    """A batch at twice the size, boxes stretched with it, has twice as many cells in each direction."""
    true = targets([[[4, 4, 20, 24]]], [[2]], (32, 32)).resized((64, 64))
    cells = Cells.of((64, 64), (8, 16, 32))
    raw = cells.encode(torch.tensor([8.0, 8, 40, 48]).expand(len(cells), 4))[None]
    parts = YolodLoss((8, 16, 32), 3, 0)((raw, torch.zeros(1, len(cells), 1), torch.zeros(1, len(cells), 3)), true)
    assert float(parts["iou_loss"]) == pytest.approx(0, abs=1e-4)


def test_outputs_of_another_size_are_refused():
    outputs = tuple(torch.zeros(1, 21, size) for size in (4, 1, 3))
    with pytest.raises(ValueError, match="21 cells of outputs, but 84"):
        YolodLoss((8, 16, 32), 3, 0)(outputs, targets([[[4, 4, 20, 24]]], [[2]], (64, 64)))


def test_network_learns_a_few_boxes_by_heart(make):
    model = make("st_yolod", (3, 64, 64), classes=2, backbone="mobilenetv3_small_050", width=0.125).train()
    images = torch.randn(2, 3, 64, 64)
    true = targets([[[4, 4, 28, 30], [34, 30, 60, 60]], [[10, 8, 50, 56], [0, 0, 0, 0]]], [[0, 1], [1, -1]], (64, 64))
    loss, optimizer = YolodLoss(model.strides, 2, 0), torch.optim.AdamW(model.parameters(), 3e-3)
    values = []
    for _ in range(40):
        value = loss(model(images), true)["loss"]
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert min(values[-5:]) < 0.5 * values[0]
