"""SimOTA: the centre prior, dynamic k, costs and conflicts by hand, and the whole against a slow version."""

import math

import pytest
import torch
from torch.nn import functional
from torchvision.ops import box_iou

from zoo_core.networks.simota import Predictions, assign, cell_counts, cheapest, class_cost, near_centre
from zoo_core.networks.st_yolod_cells import Cells


def predictions(boxes, objectness=0.0, classes=2):
    count, cells = boxes.shape[:2]
    return Predictions(boxes, torch.full((count, cells, 1), objectness), torch.zeros(count, cells, classes))


def pairs(assignment):
    return set(zip(*(part.tolist() for part in (assignment.images, assignment.cells, assignment.rows)), strict=True))


@pytest.mark.parametrize(
    ("centre", "wanted"),
    [
        ((16, 16), {5, 6, 9, 10}),  # middles at 4, 12, 20, 28: 12 pixels away is not nearer than 1.5 * 8
        ((12, 12), {0, 1, 2, 4, 5, 6, 8, 9, 10}),
        ((0, 31), {8, 12}),  # in the corner: 4 is 4 away and 12 is 12 away; 20 is 11 away
    ],
)
def test_cells_within_one_and_a_half_strides_of_the_centre_may_predict(centre, wanted):
    cells = Cells.of((32, 32), (8,))
    x, y = centre
    near = near_centre(torch.tensor([[[x - 3.0, y - 1, x + 3, y + 1]]]), cells)
    assert set(near[0, 0].nonzero()[:, 0].tolist()) == wanted


def test_reach_grows_with_the_stride():
    near = near_centre(torch.tensor([[[30.0, 30, 34, 34]]]), Cells.of((64, 64), (8, 16, 32)))[0, 0]
    assert [int(part.sum()) for part in near.split([64, 16, 4])] == [4, 4, 4]


def test_number_of_cells_is_the_whole_sum_of_the_ten_best_overlaps():
    overlaps = torch.zeros(1, 3, 12)
    overlaps[0, 0, 3:6] = torch.tensor([0.9, 0.8, 0.75])  # 2.45
    overlaps[0, 1] = 0.95  # ten of twelve: 9.5
    assert cell_counts(overlaps).tolist() == [[2, 9, 1]]


def test_class_cost_is_the_cross_entropy_of_the_joint_probability():
    """Objectness 0.64 and classes 0.25, 0.49 give 0.4, 0.56; for class 1 the cost is -ln 0.6 - ln 0.56."""
    logits = [math.log(p / (1 - p)) for p in (0.64, 0.25, 0.49)]
    given = Predictions(torch.zeros(1, 1, 4), torch.tensor([[logits[:1]]]), torch.tensor([[logits[1:]]]))
    cost = class_cost(given, torch.tensor([[1, 0]]))
    wanted = [-math.log(0.6) - math.log(0.56), -math.log(0.4) - math.log(0.44)]
    assert cost[0, :, 0].tolist() == pytest.approx(wanted, rel=1e-4)


def test_class_cost_is_finite_for_sure_predictions():
    sure = Predictions(torch.zeros(1, 2, 4), torch.full((1, 2, 1), 1e4), torch.tensor([[[1e4, -1e4], [-1e4, 1e4]]]))
    cost = class_cost(sure, torch.tensor([[0]]))
    assert cost.isfinite().all()
    assert cost[0, 0, 0] < 1e-3
    assert cost[0, 0, 1] > 50


def test_box_takes_its_cheapest_cells():
    cost = torch.tensor([[[5.0, 1, 4, 2], [1, 2, 3, 4]]])
    assert cheapest(cost, torch.tensor([[3, 1]]))[0].tolist() == [
        [False, True, True, True],
        [True, False, False, False],
    ]


def test_cell_wanted_by_two_boxes_goes_to_the_one_it_fits_better():
    """One cell: it predicts (1, 1, 5, 5); the first box overlaps that by 16 / 64, the second fully."""
    boxes = torch.tensor([[[0.0, 0, 8, 8], [1, 1, 5, 5]]])
    found = assign(predictions(boxes[:, 1:]), boxes, torch.tensor([[0, 1]]), Cells.of((8, 8), (8,)))
    assert pairs(found) == {(0, 0, 1)}
    assert found.overlaps.tolist() == [1.0]
    turned = assign(predictions(boxes[:, :1]), boxes, torch.tensor([[0, 1]]), Cells.of((8, 8), (8,)))
    assert pairs(turned) == {(0, 0, 0)}


def test_three_good_cells_are_taken_and_the_others_left():
    """Four cells near the centre predict the box with overlaps 1, 1, 0.5, 0.5 and 0: three of them are taken."""
    cells = Cells.of((32, 32), (8,))
    box = torch.tensor([8.0, 8, 24, 24])
    predicted = torch.zeros(1, 16, 4)
    predicted[0, [5, 6]] = box
    predicted[0, [9, 10]] = torch.tensor([8.0, 8, 24, 16])
    found = assign(predictions(predicted), box[None, None], torch.tensor([[0]]), cells)
    taken = {cell for _, cell, _ in pairs(found)}
    assert len(taken) == 3
    assert {5, 6} < taken < {5, 6, 9, 10}
    assert sorted(found.overlaps.tolist()) == pytest.approx([0.5, 1, 1])


def test_filling_rows_and_empty_images_take_no_cell():
    cells = Cells.of((32, 32), (8,))
    boxes = torch.tensor([[[8.0, 8, 24, 24], [0, 0, 0, 0]], [[0, 0, 0, 0], [0, 0, 0, 0]]])
    classes = torch.tensor([[1, -1], [-1, -1]])
    found = assign(predictions(torch.rand(2, 16, 4) * 8), boxes, classes, cells)
    assert {(image, row) for image, _, row in pairs(found)} == {(0, 0)}
    nothing = assign(
        predictions(torch.rand(2, 16, 4)), torch.zeros(2, 0, 4), torch.zeros(2, 0, dtype=torch.int64), cells
    )
    assert len(nothing) == 0
    assert (
        len(assign(predictions(torch.rand(2, 16, 4)), boxes[1:].repeat(2, 1, 1), classes[1:].repeat(2, 1), cells)) == 0
    )


def slow(given, boxes, classes, cells):
    """Assign box by box with plain loops, as the paper describes it."""
    found = set()
    for image, (own, kinds) in enumerate(zip(boxes, classes, strict=True)):
        rows = [row for row, kind in enumerate(kinds.tolist()) if kind >= 0]
        near = {}
        for row in rows:
            x, y = (own[row, 0] + own[row, 2]) / 2, (own[row, 1] + own[row, 3]) / 2
            near[row] = {
                cell
                for cell, ((cx, cy), (stride,)) in enumerate(zip(cells.centres, cells.strides, strict=True))
                if abs(cx - x) < 1.5 * stride and abs(cy - y) < 1.5 * stride
            }
        places = sorted(set().union(*near.values()))
        wishes = {}
        for row in rows:
            ious = {cell: float(box_iou(own[row][None], given.boxes[image, cell][None])) for cell in places}
            costs = {}
            for cell in places:
                joint = (given.classes[image, cell].sigmoid() * given.objectness[image, cell].sigmoid()).sqrt()
                one_hot = functional.one_hot(kinds[row], len(joint)).float()
                cost = float(functional.binary_cross_entropy(joint, one_hot, reduction="sum"))
                costs[cell] = cost - 3 * math.log(ious[cell] + 1e-8) + (0 if cell in near[row] else 1e6)
            count = max(1, int(sum(sorted(ious.values())[-10:])))
            for cell in sorted(places, key=costs.get)[:count]:
                wishes.setdefault(cell, []).append((costs[cell], row))
        found |= {(image, cell, min(wanting)[1]) for cell, wanting in wishes.items()}
    return found


def test_batch_is_assigned_as_by_the_slow_version():
    cells = Cells.of((64, 96), (8, 16, 32))
    corners = torch.rand(3, 6, 2) * torch.tensor([70.0, 40.0])
    boxes = torch.cat((corners, corners + 4 + torch.rand(3, 6, 2) * 20), dim=-1)
    classes = torch.randint(0, 4, (3, 6))
    classes[1, 2:] = -1
    image, row = torch.arange(3)[:, None], torch.randint(0, 6, (3, len(cells)))
    around = boxes[image, row] + torch.randn(3, len(cells), 4)
    given = Predictions(around, torch.randn(3, len(cells), 1), torch.randn(3, len(cells), 4))
    found = assign(given, boxes, classes, cells)
    assert pairs(found) == slow(given, boxes, classes, cells)
    assert len(found) > 20
    overlaps = box_iou(around.flatten(0, 1), boxes.flatten(0, 1))
    own = overlaps[found.images * len(cells) + found.cells, found.images * 6 + found.rows]
    assert torch.allclose(found.overlaps, own, atol=1e-5)
