"""pycocotools reads every document, and finds in it what was drawn."""

import contextlib
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from zoo_core.data.shapes.skeleton import KEYPOINTS

SPLITS = ("train", "val", "test")


def read(path):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


@pytest.fixture(scope="module", params=SPLITS)
def split(request):
    return request.param


@pytest.fixture(scope="module")
def instances(made, split):
    return read(made / f"annotations/instances_{split}.json")


@pytest.fixture(scope="module")
def persons(made, split):
    return read(made / f"annotations/person_keypoints_{split}.json")


def test_pictures_are_those_of_the_folder(made, split, instances, persons):
    names = {path.name for path in (made / "images" / split).iterdir()}
    assert {image["file_name"] for image in instances.imgs.values()} == names
    assert instances.imgs == persons.imgs
    assert {(image["width"], image["height"]) for image in instances.imgs.values()} == {(96, 96)}
    assert all(1 <= len(instances.getAnnIds(image)) <= 5 for image in instances.imgs)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # raised inside pycocotools
def test_outlines_agree_with_boxes_and_areas(instances):
    for annotation in instances.anns.values():
        mask = instances.annToMask(annotation)
        assert int(mask.sum()) == pytest.approx(annotation["area"], rel=0.15, abs=15)
        rows, columns = np.nonzero(mask)
        found = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        left, top, width, height = annotation["bbox"]
        assert np.abs(np.subtract(found, (left, top, left + width, top + height))).max() <= 2  # at tips
        assert annotation["iscrowd"] == 0
        assert "keypoints" not in annotation


def test_persons_are_those_of_the_boxes(instances, persons):
    (category,) = persons.cats.values()
    expected = instances.getAnnIds(catIds=[category["id"]])
    assert sorted(persons.anns) == sorted(expected)
    for number, annotation in persons.anns.items():
        assert annotation["bbox"] == instances.anns[number]["bbox"]
    assert category["name"] == "person"
    assert category["id"] == 1
    assert category["keypoints"] == list(KEYPOINTS)
    assert len(category["keypoints"]) == 17
    assert {number for bone in category["skeleton"] for number in bone} == set(range(1, 18))


def test_keypoints_lie_in_the_box_of_their_figure(persons):
    for annotation in persons.anns.values():
        points = np.array(annotation["keypoints"]).reshape(17, 3)
        labelled = points[:, 2] > 0
        assert annotation["num_keypoints"] == labelled.sum() >= 12
        assert set(points[:, 2]) <= {0, 1, 2}
        assert not points[~labelled].any()
        left, top, width, height = annotation["bbox"]
        assert (points[labelled, :2] >= np.array([left, top]) - 0.5).all()
        assert (points[labelled, :2] <= np.array([left + width, top + height]) + 0.5).all()


@pytest.mark.parametrize("kind", ["bbox", "keypoints"])
def test_truth_as_a_result_is_perfect(made, kind):
    name = "instances" if kind == "bbox" else "person_keypoints"
    truth = read(made / f"annotations/{name}_train.json")
    results = [
        {**{key: one[key] for key in ("image_id", "category_id", kind)}, "score": 1.0} for one in truth.anns.values()
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(truth, truth.loadRes(results), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)


def test_documents_are_plain_json(made):
    document = json.loads((made / "annotations/instances_train.json").read_text())
    assert [category["name"] for category in document["categories"]] == [
        "person",
        "circle",
        "square",
        "triangle",
        "star",
        "cross",
    ]
    assert [one["id"] for one in document["annotations"]] == list(range(1, len(document["annotations"]) + 1))
    assert document["info"]["description"] == "drawn figures, train, seed 3"
