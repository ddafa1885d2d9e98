"""COCO files are read as pycocotools reads them, and every fault is named."""

import contextlib
import io

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from zoo_core.errors import DataError, UnreadableImageError

TRAIN = {"train_images_path": "images", "train_annotations_path": "boxes.json"}
TEST = {"test_images_path": "images", "test_annotations_path": "boxes.json"}


def test_boxes_are_those_of_pycocotools(coco):
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO(coco.root / "boxes.json")
    found = coco.read("test", **TEST)
    ids = sorted(reference.getCatIds())
    assert found.class_names == tuple(reference.cats[number]["name"] for number in ids) == ("dog", "cat", "owl")
    assert len(found.test) == len(reference.imgs)
    for index, labels in enumerate(found.test.targets):
        image = reference.imgs[labels.image_id]
        assert found.test.name(index) == str(coco.root / "images" / image["file_name"])
        expected = reference.loadAnns(reference.getAnnIds(imgIds=labels.image_id))
        boxes = np.array([one["bbox"] for one in expected], float).reshape(-1, 4)
        np.testing.assert_array_equal(labels.boxes, np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]))
        assert [labels.category_ids[number] for number in labels.classes] == [one["category_id"] for one in expected]
        assert labels.crowd.tolist() == [bool(one["iscrowd"]) for one in expected]
        assert labels.areas.tolist() == [one["area"] for one in expected]
        assert labels.size == (64, 48)


def test_sample_holds_the_image_with_its_boxes(coco):
    found = coco.read("test", **TEST).test
    sample = found[3]
    with Image.open(coco.root / "images" / "a.png") as image:
        assert sample.image.tobytes() == image.tobytes()
    assert (sample.path, len(sample.target)) == (str(coco.root / "images" / "a.png"), 3)


def test_class_names_restrict_and_order(coco):
    found = coco.read("test", class_names=("cat", "dog"), **TEST)
    assert found.class_names == ("cat", "dog")
    assert found.test.targets[0].category_ids == (17, 3)
    assert len(found.test) == 4
    assert [labels.classes.tolist() for labels in found.test.targets] == [[], [], [1], [0, 1, 0]]


def test_coco_person_means_persons(coco):
    coco.document["categories"][0]["name"] = "person"
    coco.coco("boxes.json", coco.document)
    found = coco.read("test", dataset_name="coco_person", **TEST)
    assert found.class_names == ("person",)
    assert sum(map(len, found.test.targets)) == 1


def test_unknown_class_name_is_refused_with_its_neighbour(coco):
    with pytest.raises(
        DataError, match=r"no class catt; their classes are dog, cat, owl.*\n.*Did you mean cat"
    ) as error:
        coco.read("test", class_names=("dog", "catt"), **TEST)
    assert error.value.hint is not None


def test_all_missing_images_are_named_at_once(coco):
    for name in ("a", "c"):
        (coco.root / "images" / f"{name}.png").unlink()
    with pytest.raises(DataError) as error:
        coco.read("test", **TEST)
    message = str(error.value)
    assert "2 of 4 image files are not there" in message
    assert str(coco.root / "images" / "a.png") in message
    assert str(coco.root / "images" / "c.png") in message


def test_only_the_first_ten_of_many_missing_images_are_listed(coco):
    coco.document["images"] += [{"id": n, "file_name": f"{n}.png", "width": 1, "height": 1} for n in range(100, 130)]
    coco.coco("boxes.json", coco.document)
    with pytest.raises(DataError) as error:
        coco.read("test", **TEST)
    assert "30 of 34 image files" in str(error.value)
    assert "... and 20 more" in str(error.value)
    assert str(error.value).count(".png") == 10


def test_images_in_other_folders_than_stated_are_found_by_their_name(coco):
    for image in coco.document["images"]:
        image["file_name"] = f"val2017\\{image['file_name']}"
    coco.coco("boxes.json", coco.document)
    assert coco.read("test", **TEST).test[0].path == str(coco.root / "images" / "d.png")


def test_every_malformed_annotation_is_named(coco):
    good = coco.document["annotations"][0]
    bad = [
        {**good, "id": 50, "bbox": [1, 2, 3]},
        {**good, "id": 51, "bbox": [1, 2, 3, "x"]},
        {**good, "id": 52, "bbox": [1, 2, float("nan"), 4]},
        {**good, "id": 53, "image_id": 999},
        {**good, "id": 54, "category_id": "cat"},
        {"id": 55, "segments_info": []},
        {**good, "id": 56, "bbox": [10**400, 0, 1, 1]},
    ]
    coco.document["annotations"] += bad
    coco.document["images"].append({"id": 31, "file_name": "a.png"})
    coco.coco("boxes.json", coco.document)
    with pytest.raises(DataError) as error:
        coco.read("test", **TEST)
    message = str(error.value)
    assert f"{coco.root / 'boxes.json'}: 7 annotations cannot be read" in message
    for number in range(50, 57):
        assert f"annotations[{number - 45}] (id {number})" in message
    assert "images[4]: id 31 stands twice" in message
    assert "image_id 999 is none of the images" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"images": [,', r"boxes\.json:1: not JSON"),
        ("[]", "no list images and no list annotations"),
        ('{"images": [], "annotations": []}', "it has no list categories"),
        ("[" * 100_000, "cannot be read as JSON"),
    ],
)
def test_other_files_are_refused(coco, text, expected):
    coco.text("boxes.json", text)
    with pytest.raises(DataError, match=expected):
        coco.read("test", **TEST)


def test_categories_must_differ(coco):
    coco.document["categories"] += [{"id": 3, "name": "cow"}, {"id": 4, "name": "cat"}, {"name": "x"}]
    coco.coco("boxes.json", coco.document)
    with pytest.raises(DataError, match="3 categories cannot be used") as error:
        coco.read("test", **TEST)
    assert "id 3 stands twice, for dog and cow" in str(error.value)


def test_boxes_of_undeclared_categories_are_left_out_with_a_note(coco):
    coco.document["annotations"].append({"id": 9, "image_id": 31, "category_id": 4, "bbox": [1, 1, 9, 9]})
    coco.coco("boxes.json", coco.document)
    found = coco.read("test", **TEST)
    assert sum(map(len, found.test.targets)) == 5
    assert any("1 boxes of classes that are not declared are left out: category 4" in note for note in found.notes)


def test_sizes_are_read_where_the_file_has_none(coco):
    coco.image("images/a.png", (70, 20))
    for image in coco.document["images"]:
        image.pop("width")
    coco.coco("boxes.json", coco.document)
    assert [labels.size for labels in coco.read("test", **TEST).test.targets] == [(64, 48)] * 3 + [(70, 20)]


def test_image_of_another_size_is_unreadable(coco):
    coco.image("images/a.png", (32, 24))
    with pytest.raises(UnreadableImageError, match="the image has 32x24 pixels, its annotation is made for 64x48"):
        coco.read("test", **TEST).test[3]
    with pytest.raises(DataError, match=r"1 of 4 image files cannot be read"):
        coco.read("test", check=True, **TEST)


def test_image_that_was_annotated_as_stored_is_not_turned(coco):
    turned = Image.Exif()
    turned[0x0112] = 6
    coco.image("images/a.png", (64, 48), exif=turned)
    assert coco.read("test", **TEST).test[3].image.size == (64, 48)
    coco.image("images/a.png", (48, 64), exif=turned)
    assert coco.read("test", **TEST).test[3].image.size == (64, 48)


def test_list_of_names_limits_the_images(coco):
    coco.text("list.txt", "a.png\nc\n")
    found = coco.read("test", test_split="list.txt", **TEST).test
    assert [labels.image_id for labels in found.targets] == [31, 33]


def test_folder_of_annotations_is_no_coco_file(coco):
    with pytest.raises(DataError, match="is no COCO file"):
        coco.read("test", format="coco", test_images_path="images", test_annotations_path="images")
