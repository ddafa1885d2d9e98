"""COCO files give what pycocotools reads from them; 13 keypoints are made of COCO's 17 as ST's converter does."""

import contextlib
import io

import numpy as np
import pytest

from zoo_core.data.shapes.skeleton import BONES, KEYPOINTS
from zoo_core.errors import DataError

NAMES = ("head", "tail")


def note(image, points, **more):
    return {"image_id": image, "bbox": [4, 8, 20, 10], "keypoints": points, **more}


@pytest.fixture
def three(folder):
    """One image with a pose, one with two and a crowd, one without any."""
    for number in (1, 2, 3):
        folder.image(f"images/{number}.png")
    annotations = [
        note(2, [1, 2, 2, 0, 0, 0], area=77),
        note(1, [3, 4, 1, 5, 6, 2]),
        note(2, [9, 9, 2, 8, 8, 2], area=50.5),
        note(2, [0, 0, 0, 0, 0, 0], iscrowd=1, area=5),
    ]
    folder.coco("a.json", [(5, "1.png"), (2, "2.png"), (9, "3.png")], annotations, NAMES, skeleton=[[1, 2]])
    text = (folder.root / "a.json").read_text().replace('"image_id": 1,', '"image_id": 5,')
    folder.text("a.json", text)
    return folder


def read(folder, **keys):
    keys = {"val_images_path": "images", "val_annotations_path": "a.json", **keys}
    return folder.read("validation", **keys)


def test_file_is_read_as_pycocotools_reads_it(three):
    coco = pytest.importorskip("pycocotools.coco")
    with contextlib.redirect_stdout(io.StringIO()):
        reference = coco.COCO(str(three.root / "a.json"))
    found = read(three)
    assert found.class_names == NAMES
    assert [labels.image_id for labels in found.validation.targets] == [5, 2, 9]
    for labels in found.validation.targets:
        rows = reference.imgToAnns[labels.image_id]
        assert len(labels) == len(rows)
        for place, row in enumerate(rows):
            numbers = np.array(row["keypoints"]).reshape(-1, 3)
            np.testing.assert_array_equal(labels.points[place], numbers[:, :2])
            np.testing.assert_array_equal(labels.visible[place], numbers[:, 2])
            left, top, width, height = row["bbox"]
            np.testing.assert_array_equal(labels.boxes[place], [left, top, left + width, top + height])
            assert labels.areas[place] == row.get("area", pytest.approx(0.53 * 200))
            assert labels.crowd[place] == bool(row.get("iscrowd"))


def test_links_and_names_come_from_the_file(three):
    assert read(three).validation.skeleton.links == ((0, 1),)


def test_single_keeps_images_of_exactly_one_pose_and_multi_those_with_any(three):
    single = read(three, pose="single")
    assert [labels.image_id for labels in single.validation.targets] == [5]
    assert any("2 of 3 images do not show exactly one labelled pose" in text for text in single.notes)
    assert [labels.image_id for labels in read(three, pose="multi").validation.targets] == [5, 2]
    assert len(read(three).validation) == 3


def test_single_refuses_lone_crowds_flat_boxes_and_unlabelled_poses(folder):
    for number in range(4):
        folder.image(f"images/{number}.png")
    labelled = [3, 4, 1, 5, 6, 2]
    flat = {**note(2, labelled), "bbox": [4, 8, 0, 10]}
    annotations = [note(0, labelled, iscrowd=1), note(1, [0] * 6), flat, note(3, labelled)]
    folder.coco("a.json", [(number, f"{number}.png") for number in range(4)], annotations, NAMES)
    found = read(folder, pose="single")
    assert [labels.image_id for labels in found.validation.targets] == [3]
    assert any("1 poses whose box has no width or height" in text for text in found.notes)
    folder.coco("a.json", [(0, "0.png")], annotations[:1], NAMES)
    with pytest.raises(DataError, match=r"1 of 1 images do not show exactly one"):
        read(folder, pose="single")


def test_five_points_of_the_face_become_one(folder):
    folder.image("images/1.png")
    noise = np.random.default_rng(0)
    points = noise.integers(1, 40, (3, 17, 2))
    flags = noise.integers(0, 3, (3, 17))
    flags[0, :5] = [0, 1, 2, 0, 1]
    flags[1, :5] = 0
    flags[2, :5] = [0, 0, 0, 1, 0]
    rows = [np.column_stack([p * (f > 0)[:, None], f]).ravel().tolist() for p, f in zip(points, flags, strict=True)]
    folder.coco("a.json", [(1, "1.png")], [note(1, row) for row in rows], KEYPOINTS, skeleton=[list(b) for b in BONES])
    labels = read(folder, keypoints=13).validation.targets[0]
    np.testing.assert_allclose(labels.points[0, 0], points[0, [1, 2, 4]].mean(axis=0))
    np.testing.assert_allclose(labels.points[2, 0], points[2, 3])
    assert labels.visible[:, 0].tolist() == [2, 0, 1]
    assert labels.points[1, 0].tolist() == [0, 0]
    np.testing.assert_array_equal(labels.visible[:, 1:], flags[:, 5:])
    np.testing.assert_array_equal(labels.points[:, 1:], points[:, 5:] * (flags[:, 5:, None] > 0))
    found = read(folder, keypoints=13)
    assert found.class_names[:2] == ("head", "left_shoulder")
    assert found.validation.skeleton.pairs[0] == (1, 2)


def test_another_number_than_the_files_is_refused(three):
    with pytest.raises(DataError, match=r"has 2 keypoints, and by dataset\.keypoints a pose has 17"):
        read(three, keypoints=17)


def test_box_of_an_annotation_without_one_lies_around_its_labelled_points(folder):
    folder.image("images/1.png")
    row = {"image_id": 1, "keypoints": [10, 10, 2, 0, 0, 0, 30, 20, 1]}
    folder.coco("a.json", [(1, "1.png")], [row], ("a", "b", "c"))
    labels = read(folder).validation.targets[0]
    np.testing.assert_allclose(labels.boxes, [[9, 9.5, 31, 20.5]])


def test_file_of_boxes_is_refused(folder):
    folder.image("images/1.png")
    folder.coco("a.json", [(1, "1.png")], [{"image_id": 1, "bbox": [1, 1, 2, 2]}])
    with pytest.raises(DataError, match=r"has no keypoints: none of the categories person has any"):
        read(folder)


def test_other_categories_are_passed_over(folder):
    folder.image("images/1.png")
    folder.coco("a.json", [(1, "1.png")], [note(1, [3, 4, 1, 5, 6, 2])], NAMES)
    text = (folder.root / "a.json").read_text()
    text = text.replace('"categories": [', '"categories": [{"id": 8, "name": "car"}, ')
    text = text.replace('"annotations": [', '"annotations": [{"image_id": 1, "category_id": 8, "bbox": [1, 1, 2, 2]}, ')
    folder.text("a.json", text)
    assert len(read(folder).validation.targets[0]) == 1


def test_every_fault_is_named(folder):
    folder.image("images/1.png")
    rows = [
        note(1, [1, 2, 2]),
        note(4, [1, 2, 2, 3, 4, 2]),
        note(1, [1, 2, 2, 3, "x", 2]),
        note(1, [1, 2, 2, 3, 4, 7]),
        {**note(1, [1, 2, 2, 3, 4, 2]), "bbox": [1, 2]},
    ]
    folder.coco("a.json", [(1, "1.png"), (2, "gone.png")], rows, NAMES)
    with pytest.raises(DataError) as caught:
        read(folder)
    text = str(caught.value)
    for part in (
        "annotations[0] (id 100): 3 numbers in keypoints, expected 6 for 2 keypoints",
        "annotations[1] (id 101): image_id 4 is none of the images",
        "annotations[2] (id 102): keypoints is no list of numbers",
        "annotations[3] (id 103): a keypoint has v 7",
        "annotations[4] (id 104): bbox [1, 2] is not four numbers",
        "1 of 2 image files are not there",
    ):
        assert part in text
