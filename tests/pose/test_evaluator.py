"""The metrics of pose estimation, from outputs to files."""

import contextlib
import csv
import io
import json
import math
import pickle

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UserError
from zoo_pose.config.evaluation import PoseEvaluationSection
from zoo_pose.evaluator import PoseEvaluator
from zoo_pose.labels import PoseLabels, collate_poses
from zoo_pose.poses import Poses
from zoo_pose.postprocessing import PosePostProcessing
from zoo_pose.skeletons import Skeleton, known

INPUT = InputSpec(3, 100, 100)
TWO = Skeleton(("left_eye", "right_eye"), ((0, 1),), ((0, 1),), (0.1, 0.2))


class Direct:
    """Read outputs of shape (N, P, K, 3): x, y, confidence in pixels of the input."""

    name = "direct"

    def __init__(self, *, multiple=True):
        self.multiple = multiple

    def check(self, shapes):
        return ()

    def poses(self, outputs, *, confidence, overlap, limit):
        (rows,) = outputs
        return [
            Poses(
                points=one[..., :2].astype(np.float32),
                confidences=one[..., 2].astype(np.float32),
                scores=one[..., 2].mean(axis=1).astype(np.float32),
            )
            for one in rows
        ]

    def describe(self):
        return {}


def evaluator(skeleton=TWO, *, multiple=True, plot=False, iou=0.5, **section):
    postprocessing = PosePostProcessing(Direct(multiple=multiple), confidence=0.001, overlap=0.5, limit=20)
    return PoseEvaluator(
        postprocessing,
        ImagePreprocessing(input=INPUT),
        skeleton,
        PoseEvaluationSection(**section),
        multiple=multiple,
        plot=plot,
        iou=iou,
    )


def labels(points, *, visible=None, boxes=None, areas=None, crowd=None, size=(200, 100), image_id=1):
    points = np.array(points, float)
    count = len(points)
    return PoseLabels(
        points=points,
        visible=np.full(points.shape[:2], 2, np.int64) if visible is None else np.array(visible, np.int64),
        boxes=np.tile([0.0, 0, 40, 20], (count, 1)) if boxes is None else np.array(boxes, float),
        areas=np.full(count, 100.0) if areas is None else np.array(areas, float),
        crowd=np.zeros(count, bool) if crowd is None else np.array(crowd),
        width=size[0],
        height=size[1],
        image_id=image_id,
    )


def poses(points, scores=None):
    points = np.array(points, np.float32)
    return Poses(
        points=points,
        confidences=np.full(points.shape[:2], 0.5, np.float32),
        scores=np.linspace(0.9, 0.5, len(points)).astype(np.float32) if scores is None else np.float32(scores),
    )


def values(judge):
    return {metric.name: metric.value for metric in judge.compute()}


def test_one_pose_by_hand():
    """Box 40 x 20: area 424, reference 40. Left eye 3 + 4 px away: OKS exp(-25 / (2 * 424 * 0.04)); right eye exact."""
    judge = evaluator(multiple=False, pck_threshold=0.1)
    judge.add([poses([[[13, 14], [30, 10]]])], [labels([[[10, 10], [30, 10]]])])
    left = math.exp(-25 / (2 * 424 * 0.2**2))
    found = values(judge)
    assert found["oks"] == pytest.approx((left + 1) / 2)
    assert found["pck"] == pytest.approx(50.0)
    assert [row["keypoint"] for row in judge.per_class()] == ["left_eye", "right_eye"]
    assert judge.per_class()[0] == {
        "keypoint": "left_eye",
        "pck": 0,
        "oks": pytest.approx(left),
        "labelled": 1,
    }
    # (left + 1) / 2 is 0.74: right at 0.50, 0.55, ... 0.70
    assert found["oks"] == pytest.approx(0.7393, abs=1e-4)
    assert found["map"] == pytest.approx(50.0)
    assert (found["ap50"], found["ap75"], found["ar"]) == pytest.approx((100, 0, 50))
    judge = evaluator(multiple=False, pck_threshold=0.125)
    judge.add([poses([[[13, 14], [30, 10]]])], [labels([[[10, 10], [30, 10]]])])
    assert values(judge)["pck"] == pytest.approx(100.0)


def test_rules_of_the_section():
    judge = evaluator(multiple=False, area="annotated", pck_reference="image", pck_threshold=0.025)
    judge.add([poses([[[13, 14], [30, 10]]])], [labels([[[10, 10], [30, 10]]])])
    found = values(judge)
    assert found["oks"] == pytest.approx((math.exp(-25 / (2 * 100 * 0.2**2)) + 1) / 2)
    assert found["pck"] == pytest.approx(100.0)


def test_units_and_names():
    judge = evaluator(multiple=False)
    judge.add([poses([[[1, 1], [2, 2]]])], [labels([[[1, 1], [2, 2]]])])
    assert {metric.name: metric.unit for metric in judge.compute()} == {
        "oks": "",
        "pck": "%",
        "map": "%",
        "ap50": "%",
        "ap75": "%",
        "ar": "%",
    }
    assert all(metric.higher_is_better for metric in judge.compute())


def test_perfect_poses():
    judge = evaluator(known(17))
    generator = np.random.default_rng(0)
    for image in range(3):
        true = generator.uniform(0, 100, (2, 17, 2)).round()
        judge.add([poses(true)], [labels(true, image_id=image, boxes=[[0, 0, 90, 90]] * 2)])
    assert values(judge) == pytest.approx({"oks": 1, "pck": 100, "map": 100, "ap50": 100, "ap75": 100, "ar": 100})


def test_single_pose_among_several_true_ones():
    near, far = [[10, 10], [30, 10]], [[110, 60], [130, 60]]
    single, multiple = evaluator(multiple=False), evaluator(multiple=True)
    middle = [[[10, 10], [130, 60]]]
    for judge in (single, multiple):
        judge.add([poses(middle)], [labels([near, far])])
    assert values(single)["oks"] == pytest.approx(0.5)
    assert values(single)["pck"] == pytest.approx(50)
    assert values(multiple)["oks"] == pytest.approx(0.25)
    assert values(multiple)["pck"] == pytest.approx(25)


def test_images_without_poses_count_for_precision_only():
    judge = evaluator()
    true = [[[10, 10], [30, 10]]]
    judge.add([poses(true, [0.5])], [labels(true)])
    before = values(judge)
    judge.add([poses(true, [0.9]), poses(np.zeros((0, 2, 2)))], [labels(np.zeros((0, 2, 2)), image_id=2)] * 2)
    after = values(judge)
    assert (before["oks"], before["map"]) == pytest.approx((1, 100))
    assert (after["oks"], after["pck"], after["ar"]) == pytest.approx((1, 100, 100))
    assert after["map"] == pytest.approx(50)


@pytest.mark.parametrize("multiple", [False, True])
@pytest.mark.parametrize("plot", [False, True])
def test_nothing_to_find_does_not_fail(tmp_path, multiple, plot):
    judge = evaluator(known(13), multiple=multiple, plot=plot)
    assert values(judge) == {"oks": 0, "map": 0}
    judge.add([poses(np.zeros((1, 13, 2)))] * 2, [labels(np.zeros((0, 13, 2))), labels(np.zeros((0, 0, 2)))])
    judge.add([poses(np.zeros((1, 13, 2)))], [labels(np.zeros((1, 13, 2)), visible=[[0] * 13])])
    judge.add([poses(np.zeros((0, 13, 2)))], [labels(np.zeros((1, 13, 2)), crowd=[True])])
    assert values(judge) == {"oks": 0, "map": 0}
    assert all(row["labelled"] == row["pck"] == row["oks"] == 0 for row in judge.per_class())
    assert len(judge.write(tmp_path, "empty")) == (4 if plot else 2)


def test_outputs_are_compared_in_pixels_of_the_originals():
    judge = evaluator(multiple=False)
    true = labels([[[20, 40], [100, 60]]], size=(200, 400))
    targets = collate_poses([true], judge.preprocessing, 2)
    judge.update([np.array([[[[10, 10, 0.9], [50, 15, 0.7]]]], np.float32)], targets)
    assert values(judge)["oks"] == pytest.approx(1)
    judge.update([np.array([[[[11, 10, 0.9], [50, 15, 0.7]]]], np.float32)], targets)
    assert values(judge)["oks"] == pytest.approx((3 + math.exp(-4 / (2 * 424 * 0.04))) / 4)


def test_other_numbers_of_keypoints_are_refused():
    judge = evaluator(known(17))
    with pytest.raises(UserError, match="data set labels 13 keypoints per pose, but 17"):
        judge.add([poses(np.zeros((1, 17, 2)))], [labels(np.zeros((1, 13, 2)))])
    with pytest.raises(UserError, match="model finds 21 keypoints per pose, but 17"):
        judge.add([poses(np.zeros((1, 21, 2)))], [labels(np.zeros((1, 17, 2)))])
    assert values(judge) == {"oks": 0, "map": 0}


def random_records(images=30, seed=5):
    """Return found and true poses of K = 17 with equal scores among them."""
    generator = np.random.default_rng(seed)
    found, true = [], []
    for image in range(images):
        points = generator.uniform(0, 90, (generator.integers(0, 4), 17, 2)).round(2)
        boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1) if len(points) else np.zeros((0, 4))
        visible = generator.choice([0, 1, 2], points.shape[:2])
        true.append(labels(points, visible=visible, boxes=boxes, image_id=image + 1))
        near = points + generator.normal(0, 6, points.shape)
        more = np.concatenate([near, generator.uniform(0, 90, (2, 17, 2))])
        found.append(poses(more, generator.choice([0.25, 0.5, 0.75], len(more))))
    return found, true


@pytest.mark.parametrize("multiple", [False, True])
def test_processes_that_share_the_work_agree(multiple):
    found, true = random_records()
    whole = evaluator(known(17), multiple=multiple)
    whole.add(found, true)
    halves = [evaluator(known(17), multiple=multiple) for _ in range(2)]
    for number, judge in enumerate(halves):
        judge.add(found[number::2], true[number::2])
    states = [pickle.loads(pickle.dumps(judge.state())) for judge in halves]  # noqa: S301 - our own bytes
    for order in (states, states[::-1]):
        merged = evaluator(known(17), multiple=multiple)
        merged.add(found[:1], true[:1])
        merged.merge(order)
        assert merged.compute() == whole.compute()
        assert merged.per_class() == whole.per_class()


def test_result_file_gives_the_same_numbers_in_cocos_tools(tmp_path):
    found, true = random_records()
    judge = evaluator(known(17), area="annotated")
    judge.add(found, true)
    results, table = judge.write(tmp_path, "test")
    assert (results.name, table.name) == ("test_keypoints.json", "test_per_keypoint.csv")
    rows = json.loads(results.read_text())
    assert len(rows) == sum(len(one) for one in found)
    assert rows[0].keys() == {"image_id", "category_id", "keypoints", "score"}
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"images": [{"id": one.image_id} for one in true], "categories": [{"id": 1}]}
        truth.dataset["annotations"] = [
            {
                "id": 100 * one.image_id + number,
                "image_id": one.image_id,
                "category_id": 1,
                "keypoints": np.c_[points, visible].ravel().tolist(),
                "num_keypoints": int((visible > 0).sum()),
                "bbox": [*box[:2], *(box[2:] - box[:2])],
                "area": area,
                "iscrowd": 0,
            }
            for one in true
            for number, (points, visible, box, area) in enumerate(
                zip(one.points, one.visible, one.boxes, one.areas, strict=True)
            )
        ]
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(json.loads(results.read_text())), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    ours = values(judge)
    assert [ours[name] for name in ("map", "ap50", "ap75", "ar")] == pytest.approx(100 * evaluation.stats[[0, 1, 2, 5]])
    lines = list(csv.reader(table.read_text().splitlines()))
    assert lines[0] == ["keypoint", "pck", "oks", "labelled"]
    assert [line[0] for line in lines[1:]] == list(known(17).names)
    labelled = sum(one.labelled.sum(axis=0) for one in true)
    assert [int(line[3]) for line in lines[1:]] == labelled.tolist()


def test_overall_shares_are_those_of_the_keypoints_by_their_numbers():
    found, true = random_records()
    judge = evaluator(known(17))
    judge.add(found, true)
    rows = judge.per_class()
    counts = np.array([row["labelled"] for row in rows])
    assert values(judge)["pck"] == pytest.approx((counts * [row["pck"] for row in rows]).sum() / counts.sum())
    assert 1 < values(judge)["pck"] < 99


def test_pictures(tmp_path):
    found, true = random_records()
    judge = evaluator(known(17), plot=True, iou=0.35)
    judge.add(found, true)
    plain = evaluator(known(17))
    plain.add(found, true)
    assert judge.compute() == plain.compute()
    paths = judge.write(tmp_path / "new", "val")
    assert [path.name for path in paths[2:]] == ["val_precision_recall.png", "val_pck.png"]
    for path in paths[2:]:
        picture = np.asarray(Image.open(path).convert("RGB"))
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50
