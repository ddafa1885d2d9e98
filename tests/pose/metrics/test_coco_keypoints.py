"""COCO's numbers of poses against pycocotools on files."""

import contextlib
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from zoo_core.data.shapes.plan import ShapesPlan
from zoo_core.data.shapes.writing import write_shapes
from zoo_core.training.silence import SilentProgress
from zoo_pose.labels import PoseLabels
from zoo_pose.metrics.coco_keypoints import coco_keypoints
from zoo_pose.metrics.coco_results import result_rows
from zoo_pose.metrics.records import ImageRecord, Tables
from zoo_pose.poses import Poses
from zoo_pose.skeletons import known

PLACES = {"map": 0, "ap50": 1, "ap75": 2, "ar": 5}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Return the annotations of drawn persons."""
    folder = tmp_path_factory.mktemp("drawn") / "shapes"
    write_shapes(folder, ShapesPlan(images=30, size=128, identities=4), SilentProgress())
    return folder / "annotations" / "person_keypoints_train.json"


def from_file(path):
    """Return the annotations of a COCO file and the labels of its images."""
    content = json.loads(path.read_text())
    return content, [labels_of(image, content["annotations"]) for image in content["images"]]


def labels_of(image, annotations, keypoints=17):
    rows = [one for one in annotations if one["image_id"] == image["id"]]
    numbers = np.array([one["keypoints"] for one in rows], float).reshape(len(rows), keypoints, 3)
    boxes = np.array([one["bbox"] for one in rows], float).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return PoseLabels(
        points=numbers[..., :2],
        visible=numbers[..., 2].astype(np.int64),
        boxes=boxes,
        areas=np.array([one["area"] for one in rows], float),
        crowd=np.array([one["iscrowd"] for one in rows], bool),
        width=image["width"],
        height=image["height"],
        image_id=image["id"],
    )


def made_up(images, keypoints, generator):
    """Return annotations with crowds, hidden keypoints and poses without any, up to five on an image."""
    annotations = []
    for image in range(1, images + 1):
        for _ in range(generator.integers(0, 6)):
            corner, sides = generator.uniform(0, 150, 2), generator.uniform(10, 120, 2)
            points = corner + generator.uniform(0, 1, (keypoints, 2)) * sides
            visible = generator.choice([0, 1, 2], keypoints, p=[0.3, 0.2, 0.5])
            if generator.uniform() < 0.15:
                visible[:] = 0
            rows = np.c_[np.where(visible[:, None] > 0, points, 0), visible]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": 1,
                    "bbox": [*corner.tolist(), *sides.tolist()],
                    "area": float(sides.prod() * generator.uniform(0.3, 0.8)),
                    "iscrowd": int(generator.uniform() < 0.15),
                    "keypoints": rows.ravel().tolist(),
                    "num_keypoints": int((visible > 0).sum()),
                }
            )
    return {
        "images": [{"id": number, "width": 300, "height": 300} for number in range(1, images + 1)],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person"}],
    }


def moved(labels, generator, limit=25):
    """Return found poses near the true ones, some twice, some missing, and some anywhere."""
    keypoints, size = labels.points.shape[1], np.sqrt(labels.areas)
    near = generator.integers(0, len(labels), generator.integers(0, 6 * len(labels) + 1)) if len(labels) else []
    spread = generator.uniform(0.01, 0.15, len(near))[:, None, None] * size[near][:, None, None]
    points = labels.points[near] + generator.normal(0, 1, (len(near), keypoints, 2)) * spread
    others = generator.uniform(0, labels.width, (generator.integers(0, 4), keypoints, 2))
    points = np.concatenate([points, others])[:limit].astype(np.float32)
    scores = np.sort(generator.uniform(0, 1, len(points)).astype(np.float32).round(1))[::-1]
    return Poses(points=points, confidences=np.ones(points.shape[:2], np.float32), scores=scores)


def by_pycocotools(content, rows, sigmas):
    """Return COCO's numbers as its own tools compute them from the annotations and our result rows."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = content
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(rows), "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: evaluation.stats[place] for name, place in PLACES.items()}, evaluation


def records_of(labels, generator):
    return [ImageRecord(labels=one, found=moved(one, generator)) for one in labels]


def test_drawn_persons_as_pycocotools(drawn):
    content, labels = from_file(drawn)
    sigmas = known(17).sigmas
    tables = Tables.ordered(records_of(labels, np.random.default_rng(0)), sigmas, area="annotated")
    expected, _ = by_pycocotools(content, result_rows(tables), sigmas)
    assert coco_keypoints(tables).averages == pytest.approx(expected, abs=1e-12)
    assert 0.1 < expected["map"] < 0.95


@pytest.mark.parametrize(("keypoints", "seed"), [(13, 0), (17, 1), (21, 2), (5, 3)])
def test_crowds_and_poses_without_keypoints_as_pycocotools(keypoints, seed):
    generator = np.random.default_rng(seed)
    content = made_up(40, keypoints, generator)
    sigmas = np.array(known(keypoints).sigmas if known(keypoints) else [1 / keypoints] * keypoints)
    labels = [labels_of(image, content["annotations"], keypoints) for image in content["images"]]
    tables = Tables.ordered(records_of(labels, generator), sigmas, area="annotated")
    expected, evaluation = by_pycocotools(content, result_rows(tables), sigmas)
    ours = coco_keypoints(tables)
    assert ours.averages == pytest.approx(expected, abs=1e-12)
    assert ours.precisions == pytest.approx(evaluation.eval["precision"][:, :, 0, 0, 0], abs=1e-12)
    assert len(set(expected.values())) > 1


def test_area_by_box_is_that_of_rewritten_annotations():
    generator = np.random.default_rng(9)
    content = made_up(20, 17, generator)
    labels = [labels_of(image, content["annotations"]) for image in content["images"]]
    tables = Tables.ordered(records_of(labels, generator), known(17).sigmas, area="box")
    for one in content["annotations"]:
        one["area"] = 0.53 * one["bbox"][2] * one["bbox"][3]
    expected, _ = by_pycocotools(content, result_rows(tables), known(17).sigmas)
    assert coco_keypoints(tables).averages == pytest.approx(expected, abs=1e-12)


def test_perfect_poses_have_everything_right(drawn):
    _, labels = from_file(drawn)
    records = [
        ImageRecord(
            labels=one,
            found=Poses(
                points=one.points.astype(np.float32),
                confidences=np.ones(one.visible.shape, np.float32),
                scores=np.ones(len(one), np.float32),
            ),
        )
        for one in labels
    ]
    averages = coco_keypoints(Tables.ordered(records, known(17).sigmas)).averages
    assert averages == pytest.approx(dict.fromkeys(PLACES, 1.0))


def test_another_similarity_gives_a_curve_and_leaves_the_averages(drawn):
    _, labels = from_file(drawn)
    tables = Tables.ordered(records_of(labels, np.random.default_rng(0)), known(17).sigmas)
    plain, more = coco_keypoints(tables), coco_keypoints(tables, 0.3)
    assert plain.averages == more.averages
    assert plain.precisions.shape == (10, 101)
    assert more.thresholds[-1] == 0.3
    assert more.precisions[-1].mean() >= more.precisions[0].mean()
    assert len(coco_keypoints(tables, 0.5).thresholds) == 10


def test_says_nothing_and_writes_nothing(drawn, capsys):
    _, labels = from_file(drawn)
    coco_keypoints(Tables.ordered(records_of(labels, np.random.default_rng(0)), known(17).sigmas))
    assert capsys.readouterr() == ("", "")


def test_nothing_to_find_has_no_numbers():
    assert coco_keypoints(Tables.ordered([], known(17).sigmas)).averages == {}
