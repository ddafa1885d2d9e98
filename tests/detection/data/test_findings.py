"""Faults of boxes are found, and what is measured on boxes agrees with counting by hand."""

import numpy as np
import pytest

from zoo_core.data.inspection.labels import LabelInspection
from zoo_detection.data.table import UNKNOWN, TableRows


@pytest.fixture
def coco_with(coco):
    def read(*boxes):
        coco.document["annotations"] = [
            {"id": number, "image_id": image, "category_id": category, "bbox": box}
            for number, (image, category, box) in enumerate(boxes)
        ]
        coco.coco("boxes.json", coco.document)
        return coco.read("test", test_images_path="images", test_annotations_path="boxes.json").test

    return read


def kinds(dataset):
    return {finding.kind: finding for finding in dataset.label_findings("test")}


GOOD = [(image, category, [10, 10, 20, 20]) for image in (30, 31, 32, 33) for category in (3, 17, 90)]


def test_sound_boxes_have_no_findings(coco_with):
    dataset = coco_with(*GOOD, (30, 3, [0, 0, 64.4, 48]))
    assert isinstance(dataset, LabelInspection)
    assert kinds(dataset) == {}


@pytest.mark.parametrize(
    ("box", "kind", "problem", "kept"),
    [
        ([10, 10, -5, 5], "inverted_box", True, False),
        ([10, 10, 0, 5], "empty_box", True, False),
        ([70, 10, 5, 5], "box_away", True, True),
        ([-20, 10, 15, 5], "box_away", True, True),
        ([60, 10, 5, 5], "box_outside", False, True),
        ([-1, 10, 15, 5], "box_outside", False, True),
        ([10, 10, 1.5, 30], "tiny_box", False, True),
        ([10, 10, 20, 20], "repeated_box", False, True),
    ],
)
def test_fault_is_found(coco_with, box, kind, problem, kept):
    dataset = coco_with(*GOOD, (31, 17, box))
    (finding,) = dataset.label_findings("test")
    assert (finding.kind, finding.problem) == (kind, problem)
    assert finding.text.startswith("test: 1 box ")
    assert "c.png (64x48): cat: left " in finding.items[0]
    assert sum(map(len, dataset.targets)) == len(GOOD) + kept


def test_images_and_classes_without_boxes(coco_with):
    found = kinds(coco_with((30, 3, [1, 1, 9, 9]), (30, 90, [1, 1, 0, 0])))
    assert [item.rpartition("/")[2] for item in found["no_boxes"].items] == ["c.png", "b.png", "a.png"]
    assert found["empty_class"].items == ("cat", "owl")
    assert found["empty_class"].text == "test: 2 of 3 classes have no boxes"


def test_counts_of_classes(coco_with):
    dataset = coco_with((30, 3, [1, 1, 9, 9]), (31, 3, [1, 1, 9, 9]), (31, 90, [1, 1, 9, 9]), (31, 90, [1, 1, 0, 9]))
    assert dataset.label_counts() == {"dog": 2, "cat": 0, "owl": 1}


def test_statistics_agree_with_counting(coco_with):
    boxes = [(30, 3, [0, 0, 32, 48]), (30, 3, [0, 0, 16, 8]), (31, 17, [32, 24, 32, 24]), (31, 90, [0, 0, 31, 33])]
    found = coco_with(*boxes).label_statistics().document
    assert (found["images"], found["boxes"], found["images_without_boxes"]) == (4, 4, 2)
    assert found["boxes_per_image"] == {"smallest": 0, "median": 1, "largest": 2}
    assert found["areas"] == {"small": 3, "medium": 1, "large": 0}
    ratios = [32 / 48, 2, 32 / 24, 31 / 33]
    assert found["aspect_ratio"]["median"] == pytest.approx(np.median(ratios), abs=1e-5)
    centres = [16 / 64, 8 / 64, 48 / 64, 15.5 / 64]
    assert found["centre"]["x"]["mean"] == pytest.approx(np.mean(centres), abs=1e-5)
    assert found["centre"]["x"]["std"] == pytest.approx(np.std(centres), abs=1e-5)
    assert found["width"]["largest"] == 32


def test_statistics_of_nothing(coco_with):
    found = coco_with().label_statistics()
    assert found.document["boxes"] == 0
    assert found.lines[0] == "0 boxes on 4 images"


def test_table_agrees_with_plain_lists():
    noise = np.random.default_rng(3)
    rows = TableRows()
    for number in range(30):
        rows.add_image(f"{number}.png", (100, 100), number * 2)
    expected = [[] for _ in range(30)]
    for number in range(200):
        image, kind = int(noise.integers(0, 20)), int(noise.integers(-1, 3))
        box = noise.random(4).tolist()
        if kind == UNKNOWN:
            rows.unknown[number] = f"class {number}"
        rows.add_box(image, box, kind)
        expected[image].append((box, kind, number))
    table = rows.table("abc", (5, 6, 7))
    order = noise.permutation(30).tolist()
    chosen = table.with_images(order).with_classes("ca")
    assert chosen.category_ids == (7, 5)
    renumbered = {2: 0, 0: 1, UNKNOWN: UNKNOWN}
    for place, image in enumerate(order):
        wanted = [entry for entry in expected[image] if entry[1] in renumbered]
        labels = chosen.labels(place)
        assert labels.image_id == image * 2
        assert labels.boxes.tolist() == [box for box, _, _ in wanted]
        assert labels.classes.tolist() == [renumbered[kind] for _, kind, _ in wanted]
        first = int(chosen.starts[place])
        for row, (_, kind, number) in enumerate(wanted):
            assert chosen.unknown.get(first + row) == (f"class {number}" if kind == UNKNOWN else None)
