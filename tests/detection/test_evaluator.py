"""The evaluator gives what pycocotools gives on files, the numbers of ST's services, and the files that show them."""

import csv
import io
import json
import os
import pickle
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import cocoeval
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_detection.detections import Detections
from zoo_detection.evaluator import DetectionEvaluator
from zoo_detection.families.yolov8 import Yolov8Family
from zoo_detection.labels import BoxLabels
from zoo_detection.postprocessing import PostProcessing
from zoo_detection.targets import collate_boxes

NAMES = ("map", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar_1", "ar_10", "ar_100")
CATEGORIES = (7, 3, 90)
INPUT = InputSpec(3, 160, 320)


def evaluator_for(names, *, iou=0.5, plot=False, limit=100):
    postprocessing = PostProcessing(Yolov8Family(INPUT, len(names)), confidence=0.001, overlap=0.5, limit=limit)
    return DetectionEvaluator(postprocessing, ImagePreprocessing(input=INPUT), names, iou=iou, plot=plot)


def labels_of(dataset, category_ids):
    """Return labels of every image of a COCO dictionary."""
    by_image = {image["id"]: [] for image in dataset["images"]}
    for row in dataset["annotations"]:
        if row["category_id"] in category_ids:
            by_image[row["image_id"]].append(row)
    return [
        BoxLabels.of(
            [[x, y, x + w, y + h] for x, y, w, h in (row["bbox"] for row in by_image[image["id"]])],
            [category_ids.index(row["category_id"]) for row in by_image[image["id"]]],
            (image["width"], image["height"]),
            crowd=[row["iscrowd"] for row in by_image[image["id"]]],
            areas=[row["area"] for row in by_image[image["id"]]],
            image_id=image["id"],
            category_ids=tuple(category_ids),
        )
        for image in dataset["images"]
    ]


def guesses(labels, classes, generator, count):
    """Return boxes near the true ones, many of them twice, and boxes anywhere."""
    found = []
    for one in labels:
        size = np.array([one.width, one.height] * 2)
        near = np.repeat(one.boxes, 2, axis=0)
        kinds = np.repeat(one.classes, 2)
        near = near + generator.normal(0, 0.08, near.shape) * np.tile(near[:, 2:] - near[:, :2], 2)
        corners = np.sort(generator.uniform(0, 1, (count, 2, 2)), axis=1).reshape(count, 4) * size
        boxes = np.clip(np.concatenate([near, corners]), 0, size)
        kinds = np.concatenate([kinds, generator.integers(0, classes, count)])
        keep = (boxes[:, 2:] > boxes[:, :2] + 0.01).all(axis=1)
        scores = generator.uniform(0, 1, len(boxes)).round(2)  # many equal scores
        order = np.argsort(-scores, kind="stable")[keep[np.argsort(-scores, kind="stable")]]
        found.append(
            Detections(
                boxes=boxes[order].astype(np.float32), scores=scores[order].astype(np.float32), classes=kinds[order]
            )
        )
    return found


def official(dataset, results: Path, category_ids):
    """Return the twelve numbers of pycocotools for a result file, and its precisions."""
    with redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = json.loads(json.dumps(dataset))
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(str(results)), "bbox")
        evaluation.params.catIds = list(category_ids)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def synthetic(generator, images=30):
    rows, number = [], 0
    for image in range(images):
        for _ in range(int(generator.integers(0, 7))):
            number += 1
            x, y = generator.integers(0, 300, 2).tolist()
            w, h = generator.integers(2, 200, 2).tolist()
            crowd = int(generator.uniform() < 0.2)
            row = {"id": number, "image_id": 1000 - 7 * image, "category_id": CATEGORIES[int(generator.integers(0, 3))]}
            rows.append({**row, "bbox": [x + 0.37, y + 0.11, w + 0.29, h], "area": w * h * 0.6, "iscrowd": crowd})
    return {
        "info": {},
        "images": [{"id": 1000 - 7 * image, "width": 500, "height": 400} for image in range(images)],
        "annotations": rows,
        "categories": [{"id": number, "name": str(number)} for number in CATEGORIES],
    }


def check_against_files(dataset, category_ids, tmp_path, generator, count=12):
    labels = labels_of(dataset, category_ids)
    ours = evaluator_for([f"class {number}" for number in category_ids])
    ours.add(guesses(labels, len(category_ids), generator, count), labels)
    computed = {metric.name: metric.value for metric in ours.compute()}
    results = ours.write(tmp_path, "model")[0]
    wanted = official(dataset, results, category_ids)

    for name, value in zip(NAMES, wanted.stats, strict=False):
        if value == -1:
            assert name not in computed
        else:
            assert computed[name] == 100 * value, name
    assert 0 < computed["map"] < 100
    precision = wanted.eval["precision"][:, :, :, 0, 2]
    for row, number in zip(ours.per_class(), category_ids, strict=True):
        own = precision[:, :, sorted(category_ids).index(number)]
        assert row["ap"] == (100 * own[own > -1].mean() if (own > -1).any() else 0)
        assert row["ap50"] == (100 * own[0][own[0] > -1].mean() if (own > -1).any() else 0)
    return computed


@pytest.mark.parametrize("seed", range(5))
def test_same_as_pycocotools_on_our_file(seed, tmp_path):
    generator = np.random.default_rng(seed)
    check_against_files(synthetic(generator), CATEGORIES, tmp_path, generator)


def test_same_as_pycocotools_with_more_than_a_hundred_boxes(tmp_path):
    generator = np.random.default_rng(9)
    check_against_files(synthetic(generator, images=6), CATEGORIES, tmp_path, generator, count=300)


@pytest.mark.parametrize("restricted", [False, True])
def test_same_as_pycocotools_on_real_photographs(restricted, tmp_path):
    folder = os.environ.get("ZOO_COCO_SAMPLE")
    if not folder or not (Path(folder) / "instances.json").is_file():
        pytest.skip("ZOO_COCO_SAMPLE does not name a folder with instances.json and rle.json")
    parts = [json.loads((Path(folder) / name).read_text()) for name in ("instances.json", "rle.json")]
    images = {row["id"]: row for part in parts for row in part["images"]}
    rows = [row for part in parts for row in part["annotations"]]
    dataset = parts[0] | {"images": list(images.values()), "annotations": rows}
    present = sorted({row["category_id"] for row in dataset["annotations"]})
    category_ids = present[::3] if restricted else [row["id"] for row in dataset["categories"]]
    assert any(row["iscrowd"] for row in dataset["annotations"])
    check_against_files(dataset, category_ids, tmp_path, np.random.default_rng(1))


def test_nothing_is_printed_and_pycocotools_stays_as_it_is(capsys):
    generator = np.random.default_rng(0)
    labels = labels_of(synthetic(generator), CATEGORIES)
    ours = evaluator_for("abc")
    ours.add(guesses(labels, 3, generator, 5), labels)
    ours.compute()
    assert capsys.readouterr().out == ""
    assert "print" not in vars(cocoeval)


def simple_labels(boxes, classes, image_id=0, **more):
    return BoxLabels.of(boxes, classes, (100, 100), image_id=image_id, **more)


def simple_found(*rows):
    """Return detections from rows left, top, right, bottom, score, class."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(boxes=table[:, :4], scores=table[:, 4], classes=table[:, 5].astype(np.int64))


def test_perfect_detections_are_a_hundred_percent():
    ours = evaluator_for("ab")
    boxes = [[10, 10, 60, 60], [50, 20, 99, 90]]
    for number in range(3):  # without numbers of their own, images are told apart all the same
        ours.add([simple_found((*boxes[0], 0.9, 0), (*boxes[1], 0.8, 1))], [simple_labels(boxes, [0, 1])])
        assert len(ours.state()) == number + 1
    computed = {metric.name: metric.value for metric in ours.compute()}
    assert computed["map"] == pytest.approx(100)
    assert computed["ar_1"] == pytest.approx(100)
    assert computed["st_mpre"] == pytest.approx(100)
    assert "ap_small" not in computed
    assert [row["boxes"] for row in ours.per_class()] == [3, 3]


def test_nothing_found_and_nothing_to_find():
    ours = evaluator_for("ab")
    assert [(metric.name, metric.value) for metric in ours.compute()] == [("map", 0), ("ap50", 0)]
    ours.add([simple_found((0, 0, 9, 9, 0.5, 1))], [simple_labels([], [])])
    assert [(metric.name, metric.value) for metric in ours.compute()] == [("map", 0), ("ap50", 0)]
    ours.add([simple_found()], [simple_labels([[0, 0, 50, 50]], [1])])
    computed = {metric.name: metric.value for metric in ours.compute()}
    assert computed["map"] == computed["st_map"] == computed["ar_100"] == 0


def test_only_crowds_are_nothing_to_find():
    ours = evaluator_for("a")
    ours.add([simple_found((0, 0, 50, 50, 0.5, 0))], [simple_labels([[0, 0, 50, 50]], [0], crowd=[True])])
    assert [(metric.name, metric.value) for metric in ours.compute()] == [("map", 0), ("ap50", 0)]


def test_states_of_processes_give_what_one_process_gives():
    generator = np.random.default_rng(4)
    labels = labels_of(synthetic(generator), CATEGORIES)
    found = guesses(labels, 3, generator, 8)
    whole, merged = evaluator_for("abc"), evaluator_for("abc")
    whole.add(found, labels)
    states = []
    for part in (slice(None, None, 2), slice(1, None, 2)):
        own = evaluator_for("abc")
        own.compute()
        own.add(found[part], labels[part])
        states.append(pickle.loads(pickle.dumps(own.state())))  # noqa: S301 - our own bytes
    merged.merge(states)
    pairs = zip(whole.compute(), merged.compute(), strict=True)
    assert all(one.name == other.name and one.value == pytest.approx(other.value, abs=1e-9) for one, other in pairs)


def test_update_carries_boxes_to_the_originals():
    preprocessing = ImagePreprocessing(input=INPUT)
    labels = [
        BoxLabels.of([[100, 100, 300, 400]], [1], (640, 480), image_id=5, category_ids=(10, 20)),
        BoxLabels.of([[8, 8, 40, 40]], [0], (80, 40), image_id=6, category_ids=(10, 20)),
    ]
    outputs = np.zeros((2, 6, 2), np.float32)
    outputs[0, :, 0] = [100, 250 / 3, 100, 100, 0.0, 0.9]  # in pixels of 320 x 160: half the width, a third the height
    outputs[1, :, 0] = [96, 96, 128, 128, 0.8, 0.0]  # four times as large both ways
    outputs[1, :, 1] = [250, 96, 60, 300, 0.7, 0.0]  # reaches over both borders
    ours = evaluator_for("ab")
    ours.update([outputs], collate_boxes(labels, preprocessing))
    first, second = (record.found for record in ours.state())
    assert first.boxes[0].tolist() == pytest.approx([100, 100, 300, 400], abs=1e-3)
    assert second.boxes.tolist() == [[8, 8, 40, 40], [55, 0, 70, 40]]


def test_files(tmp_path):
    generator = np.random.default_rng(2)
    labels = labels_of(synthetic(generator), CATEGORIES)
    ours = evaluator_for(["a $b", "_c", "d"], plot=True)
    ours.add(guesses(labels, 3, generator, 4), labels)
    paths = ours.write(tmp_path / "new", "int8")
    assert sorted(path.name for path in paths) == [
        "int8_confusion_matrix.csv",
        "int8_confusion_matrix.png",
        "int8_detections.json",
        "int8_f1_confidence.png",
        "int8_per_class.csv",
        "int8_precision_recall.png",
    ]
    for path in paths:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert min(picture.size) > 200
    text = (tmp_path / "new" / "int8_confusion_matrix.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    assert rows[0][1:] == ["a $b", "_c", "d", "background"]
    total = sum(int(one.trained.sum()) for one in labels)
    assert sum(int(number) for row in rows[1:-1] for number in row[1:]) == total
    table = list(csv.DictReader((tmp_path / "new" / "int8_per_class.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["class"] for row in table] == ["a $b", "_c", "d"]
    assert sum(int(row["boxes"]) for row in table) == total
    found = json.loads((tmp_path / "new" / "int8_detections.json").read_text())
    assert {row["category_id"] for row in found} <= set(CATEGORIES)
    assert {row["image_id"] for row in found} <= {one.image_id for one in labels}


def test_files_without_anything(tmp_path):
    ours = evaluator_for("ab", plot=True)
    paths = ours.write(tmp_path, "float")
    assert len(paths) == 6
    assert json.loads(paths[0].read_text()) == []
