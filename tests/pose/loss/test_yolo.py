"""Loss of models that find several persons: by hand, COCO's similarity, slopes, a slow assignment, a small training."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from pycocotools.cocoeval import COCOeval
from torch.nn import functional
from torchvision.ops import box_iou

from zoo_core.artifacts import InputSpec
from zoo_core.networks.st_yolod_cells import Cells
from zoo_core.protocols import ModelContext
from zoo_pose.config.model import PoseModelSection
from zoo_pose.families.yolo_mpe import YoloMpeFamily
from zoo_pose.labels import PoseTargets
from zoo_pose.loss.assignment import Found, assign_persons, similarity, spread_distances
from zoo_pose.loss.yolo import YoloPoseLoss
from zoo_pose.models.yolo import build
from zoo_pose.models.yolo_head import decode_points

SIZE = (64, 96)
SIGMAS = (0.05, 0.1, 0.2)
KEYPOINTS = len(SIGMAS)
PARTS = {"box_loss", "objectness_loss", "oks_loss", "distance_loss", "visibility_loss"}


def persons(images=2, rows=3, size=SIZE):
    """Return targets with rows of persons inside the image, some keypoints not labelled."""
    extent = torch.tensor([size[1], size[0]])
    corners = torch.rand(images, rows, 2) * extent * 0.6
    sides = 12 + torch.rand(images, rows, 2) * extent * 0.3
    points = corners[:, :, None] + torch.rand(images, rows, KEYPOINTS, 2) * sides[:, :, None]
    return PoseTargets(
        points=points,
        visible=torch.randint(0, 3, (images, rows, KEYPOINTS)),
        boxes=torch.cat((corners, corners + sides), dim=-1),
        areas=0.53 * sides.prod(dim=-1),
        valid=torch.ones(images, rows, dtype=torch.bool),
        size=size,
        labels=(),
    )


def outputs_near(targets):
    """Return raw outputs whose cells find one of the persons each, not exactly, as learnable tensors."""
    cells = Cells.of(targets.size, (8, 16, 32))
    image = torch.arange(len(targets.boxes))[:, None]
    row = torch.randint(0, targets.boxes.shape[1], (len(targets.boxes), len(cells)))
    boxes = cells.encode(targets.boxes[image, row] + torch.rand(*row.shape, 4))
    points = (targets.points[image, row] / cells.strides[:, None] - cells.places[:, None] - 0.5) / 2
    points = points + 0.1 * torch.randn_like(points)
    keypoints = torch.cat((points, torch.randn(*points.shape[:3], 1)), dim=-1)
    made = boxes, torch.randn(*row.shape, 1), keypoints
    return tuple(part.detach().requires_grad_() for part in made)


def test_loss_by_hand():
    """One cell of 32 pixels finds the box exactly, and a point 3 and 4 pixels beside the labelled one of two."""
    targets = PoseTargets(
        points=torch.tensor([[[[19.0, 20], [0, 0]]]]),
        visible=torch.tensor([[[2, 0]]]),
        boxes=torch.tensor([[[8.0, 8, 24, 24]]]),
        areas=torch.tensor([[100.0]]),
        valid=torch.tensor([[True]]),
        size=(32, 32),
        labels=(),
    )
    boxes = torch.tensor([[[0.5, 0.5, math.log(0.5), math.log(0.5)]]])
    keypoints = torch.tensor([[[[0.0, 0, math.log(3)], [5, 5, math.log(3)]]]])
    parts = YoloPoseLoss((0.1, 0.2), strides=(32,))((boxes, torch.full((1, 1, 1), math.log(3)), keypoints), targets)
    far = 25 / (2 * 100 * 0.2**2)
    oks = math.exp(-far)
    fit = (1 + (1 + oks) / 2) / 2
    wanted = {
        "box_loss": 0,
        "oks_loss": 10 * (1 - oks),
        "distance_loss": math.log(1 + far),
        "visibility_loss": -(math.log(0.75) + math.log(0.25)) / 2,
        "objectness_loss": -(fit * math.log(0.75) + (1 - fit) * math.log(0.25)),
    }
    assert {name: float(value) for name, value in parts.items()} == pytest.approx(
        {**wanted, "loss": sum(wanted.values())}, abs=1e-5
    )


def test_box_that_overlaps_a_third_by_hand():
    """Boxes of 16x16 that share 8x16: 128 / 384. Cells of 8 and 16 pixels beside it cost only their scores."""
    targets = persons(1, 1, size=(32, 32))
    targets = replace(
        targets, boxes=torch.tensor([[[8.0, 8, 24, 24]]]), visible=torch.zeros(1, 1, 3, dtype=torch.int64)
    )
    boxes = torch.zeros(1, 21, 4)
    boxes[0, :20, 2:] = -9
    boxes[0, 20] = torch.tensor([0.75, 0.5, math.log(0.5), math.log(0.5)])
    parts = YoloPoseLoss(SIGMAS)((boxes, torch.zeros(1, 21, 1), torch.zeros(1, 21, 3, 3)), targets)
    assert float(parts["box_loss"]) == pytest.approx(5 * (1 - (1 / 3) ** 2))
    assert float(parts["objectness_loss"]) == pytest.approx(21 * math.log(2), rel=1e-5)


def test_similarity_equals_that_of_pycocotools():
    generator = np.random.default_rng(0)
    sigmas = generator.uniform(0.02, 0.2, 6)
    points, true = generator.uniform(0, 60, (2, 4, 6, 2))
    visible = generator.integers(0, 3, (4, 6))
    visible[:, 0] = 2
    areas = generator.uniform(200, 2000, 4)
    judge = COCOeval(None, None, "keypoints")
    judge.params.kpt_oks_sigmas = sigmas
    rows = zip(true, visible, areas, strict=True)
    judge._gts[1, 1] = [
        {
            "keypoints": np.concatenate([one, seen[:, None]], axis=1).ravel().tolist(),
            "area": area,
            "bbox": [0, 0, 1, 1],
            "ignore": 0,
        }
        for one, seen, area in rows
    ]
    flat = np.concatenate([points, np.ones((4, 6, 1))], axis=2).reshape(4, -1)
    judge._dts[1, 1] = [{"keypoints": one.tolist(), "score": -rank} for rank, one in enumerate(flat)]
    distances = spread_distances(
        torch.from_numpy(points)[:, None], torch.from_numpy(true), torch.from_numpy(areas), torch.from_numpy(sigmas)
    )
    found = similarity(distances, torch.from_numpy(visible > 0))
    np.testing.assert_allclose(found.numpy(), judge.computeOks(1, 1), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("part", [0, 2])
def test_slopes_are_those_of_small_steps(part):
    """Of all parts but the scores', whose targets follow the boxes without being learned from."""
    torch.manual_seed(3)
    targets = persons()
    criterion = YoloPoseLoss(SIGMAS)
    outputs = outputs_near(targets)

    def summed():
        parts = criterion(outputs, targets)
        return sum(value for name, value in parts.items() if name in PARTS - {"objectness_loss"})

    summed().backward()
    slope = outputs[part].grad
    direction = torch.sign(slope)
    step = 2e-3 / math.sqrt(float((slope != 0).sum()))
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            outputs[part].add_(sign * step * direction)
            values.append(float(summed()))
            outputs[part].sub_(sign * step * direction)
    assert (values[0] - values[1]) / (2 * step) == pytest.approx(float((slope * direction).sum()), rel=0.03)


def slow_assignment(found, targets, cells, sigmas):
    """Assign person by person with plain loops: costs of score, box and keypoints, the dynamic number of cells."""
    chosen = set()
    for image in range(len(targets.boxes)):
        people = [row for row in range(targets.boxes.shape[1]) if targets.valid[image, row]]
        near = {}
        for row in people:
            left, top, right, bottom = targets.boxes[image, row].tolist()
            near[row] = {
                cell
                for cell, ((x, y), (stride,)) in enumerate(zip(cells.centres, cells.strides, strict=True))
                if max(abs(x - (left + right) / 2), abs(y - (top + bottom) / 2)) < 1.5 * stride
            }
        places = sorted(set().union(*near.values()))
        wishes = {}
        for row in people:
            overlaps = {
                cell: float(box_iou(targets.boxes[image, row][None], found.boxes[image, cell][None])) for cell in places
            }
            seen = [k for k in range(len(sigmas)) if targets.visible[image, row, k] > 0]
            costs = {}
            for cell in places:
                score = found.objectness[image, cell, 0].sigmoid()
                cost = -math.log(score) - 3 * math.log(overlaps[cell] + 1e-8) + (0 if cell in near[row] else 1e6)
                alike = [
                    math.exp(
                        -float((found.points[image, cell, k] - targets.points[image, row, k]).square().sum())
                        / (2 * float(targets.areas[image, row]) * (2 * sigmas[k]) ** 2)
                    )
                    for k in seen
                ]
                costs[cell] = cost + (3 * (1 - sum(alike) / len(alike)) if alike else 0)
            count = max(1, int(sum(sorted(overlaps.values())[-10:])))
            for cell in sorted(places, key=costs.get)[:count]:
                wishes.setdefault(cell, []).append((costs[cell], row))
        chosen |= {(image, cell, min(wanting)[1]) for cell, wanting in wishes.items()}
    return chosen


@pytest.mark.parametrize("seed", range(3))
def test_batch_is_assigned_as_by_the_slow_version(seed):
    torch.manual_seed(seed)
    targets = persons(3, 4)
    targets.visible[0, 1] = 0
    targets.valid[1, 2:] = False
    cells = Cells.of(SIZE, (8, 16, 32))
    raw, objectness, keypoints = (part.detach() for part in outputs_near(targets))
    found = Found(cells.decode(raw), objectness, decode_points(keypoints[..., :2], cells))
    matches = assign_persons(found, targets, cells, torch.tensor(SIGMAS))
    triples = zip(matches.images.tolist(), matches.cells.tolist(), matches.rows.tolist(), strict=True)
    assert set(triples) == slow_assignment(found, targets, cells, SIGMAS)
    assert len(matches) > 10


def test_cell_with_better_keypoints_is_preferred():
    targets = persons(1, 1)
    targets.visible[:] = 1
    cells = Cells.of(SIZE, (8, 16, 32))
    boxes = targets.boxes.expand(-1, len(cells), -1)
    near = targets.points.expand(-1, len(cells), -1, -1).clone()
    middle = (targets.boxes[0, 0, :2] + targets.boxes[0, 0, 2:]) / 2
    best = int((cells.centres[:96] - middle).square().sum(dim=1).argmin())
    near[0, :best] += 30
    near[0, best + 1 :] += 30
    found = Found(boxes - 20 * torch.ones(4), torch.zeros(1, len(cells), 1), near)
    assert assign_persons(found, targets, cells, torch.tensor(SIGMAS)).cells.tolist() == [best]


@pytest.mark.parametrize("rows", [0, 2])
def test_batch_without_persons_has_only_scores(rows):
    targets = persons(2, rows)
    targets.valid[:] = False
    outputs = outputs_near(persons())
    parts = YoloPoseLoss(SIGMAS)(outputs, targets)
    wanted = functional.softplus(outputs[1]).sum()
    assert float(parts["objectness_loss"].detach()) == pytest.approx(float(wanted.detach()), rel=1e-5)
    assert all(float(parts[name].detach()) == 0 for name in PARTS - {"objectness_loss"})
    parts["loss"].backward()
    assert all(part.grad is None or part.grad.isfinite().all() for part in outputs)
    assert outputs[1].grad.abs().min() > 0


def test_persons_without_labelled_keypoints_teach_boxes_alone():
    targets = persons()
    targets.visible[:] = 0
    outputs = outputs_near(targets)
    parts = YoloPoseLoss(SIGMAS)(outputs, targets)
    parts["loss"].backward()
    assert float(parts["box_loss"].detach()) > 0
    assert outputs[0].grad.abs().sum() > 0
    assert not outputs[2].grad.any()


def test_keypoints_that_are_not_labelled_teach_no_place():
    targets = persons()
    targets.visible[:, :, 0], targets.visible[:, :, 1:] = 0, 1
    outputs = outputs_near(targets)
    YoloPoseLoss(SIGMAS)(outputs, targets)["loss"].backward()
    slopes = outputs[2].grad
    assert not slopes[:, :, 0, :2].any()
    assert slopes[:, :, 1:, :2].any()
    assert (slopes[:, :, 0, 2] >= 0).all()
    assert (slopes[:, :, 1:, 2] <= 0).all()


def test_keypoint_far_away_still_has_a_slope():
    targets = persons(1, 1)
    targets.visible[:] = 1
    outputs = outputs_near(targets)
    with torch.no_grad():
        outputs[2][..., 0] -= 40
    parts = YoloPoseLoss(SIGMAS)(outputs, targets)
    assert float(parts["oks_loss"].detach()) == pytest.approx(10)
    parts["loss"].backward()
    slopes = outputs[2].grad[..., 0]
    assert float(slopes[slopes != 0].max()) < -1e-3


def test_persons_of_no_size_and_wild_outputs_stay_finite():
    targets = persons(1, 2)
    targets = replace(targets, areas=torch.zeros(1, 2))
    targets.boxes[0, 0, 2:] = targets.boxes[0, 0, :2]
    outputs = tuple((1e3 * part).detach().requires_grad_() for part in outputs_near(targets))
    parts = YoloPoseLoss(SIGMAS)(outputs, targets)
    assert parts["loss"].isfinite()
    parts["loss"].backward()
    assert all(part.grad.isfinite().all() for part in outputs)


def test_half_precision_is_left():
    targets = persons()
    outputs = outputs_near(targets)
    wanted = YoloPoseLoss(SIGMAS)(tuple(part.bfloat16() for part in outputs), targets)
    with torch.autocast("cpu", torch.bfloat16):
        found = YoloPoseLoss(SIGMAS)(tuple(part.bfloat16() for part in outputs), targets)
    assert found["loss"].dtype == torch.float32
    assert float(found["loss"].detach()) == float(wanted["loss"].detach())
    assert set(found) == {"loss"} | PARTS


def test_outputs_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"126 cells of outputs, but 84 for images of \(64, 64\)"):
        YoloPoseLoss(SIGMAS)(outputs_near(persons()), persons(size=(64, 64)))


@pytest.mark.slow
def test_tiny_training_finds_all_persons_of_four_images():
    """Each person is a coloured bar with three keypoints along it; two persons on an image."""
    torch.manual_seed(0)
    input = InputSpec(3, 64, 96)
    images = 0.1 * torch.rand(4, *input.shape)
    targets = persons(4, 2)
    for image in range(4):
        for row in range(2):
            left, width, height = 6 + 46 * row + 2 * image, 20, 30 + 5 * image
            top = 8 + 3 * row
            images[image, row, top : top + height, left : left + width] = 1
            targets.boxes[image, row] = torch.tensor([left, top, left + width, top + height])
            targets.points[image, row, :, 0] = left + width / 2
            targets.points[image, row, :, 1] = top + height * torch.tensor([0.1, 0.5, 0.9])
            targets.areas[image, row] = 0.53 * width * height
    targets.visible[:] = 2
    section = PoseModelSection(model_name="st_yolodv2pico_pose_pt")
    network = build(section, ModelContext(num_classes=3, input=input)).train()
    criterion = YoloPoseLoss(SIGMAS)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(150):
        optimizer.zero_grad()
        criterion(network(images), targets)["loss"].backward()
        optimizer.step()
    with torch.no_grad():
        outputs = [part.numpy() for part in network(images)]
    found = YoloMpeFamily(input, 3).poses(outputs, confidence=0.5, overlap=0.5, limit=9)
    assert [len(one) for one in found] == [2] * 4
    for image, one in enumerate(found):
        order = np.argsort(one.boxes[:, 0])
        distances = spread_distances(
            torch.from_numpy(one.points[order]), targets.points[image], targets.areas[image], criterion.sigmas
        )
        assert similarity(distances, targets.visible[image] > 0).min() > 0.8
