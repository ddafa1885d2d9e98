"""Splits come from where ST's documents say, the same ones for the same seed."""

import pytest

from zoo_core.errors import DataError


def names(dataset):
    return [dataset.name(index).rpartition("/")[2] for index in range(len(dataset))]


@pytest.fixture
def yolo(folder):
    for number in range(20):
        folder.image(f"train/{number:02d}.png", (8, 8))
        if number % 4:
            folder.text(f"train/{number:02d}.txt", f"{number % 2} 0.5 0.5 0.5 0.5\n")
    for number in range(3):
        folder.image(f"val/v{number}.png", (8, 8))
        folder.image(f"other/o{number}.png", (8, 8))
    folder.text("classes.txt", "cat\ndog\n")
    return folder


def test_a_fifth_of_the_training_images_validates(yolo):
    found = yolo.read("train", "validation", "test", train_images_path="train")
    assert (len(found.train), len(found.validation)) == (16, 4)
    assert sorted(names(found.train) + names(found.validation)) == [f"{number:02d}.png" for number in range(20)]
    assert names(found.test) == names(found.validation)
    assert found.sources["validation"] == "20 % of dataset.train_images_path"
    assert any("No test set" in note for note in found.notes)


def test_seed_and_share_decide_the_validation_images(yolo):
    keys = {"train_images_path": "train", "validation_split": 0.5}
    first = names(yolo.read("validation", seed=1, **keys).validation)
    assert len(first) == 10
    assert first == names(yolo.read("train", "validation", seed=1, **keys).validation)
    assert first != names(yolo.read("validation", seed=2, **keys).validation)


def test_own_validation_images_leave_the_training_whole(yolo):
    found = yolo.read("train", "validation", train_images_path="train", val_images_path="val", validation_split=0.3)
    assert (len(found.train), names(found.validation)) == (20, ["v0.png", "v1.png", "v2.png"])
    assert any("validation_split has no effect" in note for note in found.notes)


def test_only_what_is_asked_for_is_read(yolo):
    yolo.text("train/00.txt", "broken")
    found = yolo.read("test", train_images_path="train", test_images_path="val")
    assert found.train is None
    assert names(found.test) == ["v0.png", "v1.png", "v2.png"]


def test_images_without_boxes_may_be_left_out_of_the_training_only(yolo):
    found = yolo.read("train", "validation", train_images_path="train", exclude_unlabeled=True)
    assert all(len(labels) for labels in found.train.targets)
    assert len(found.validation) == 4
    assert len(found.train) + sum(len(labels) == 0 for labels in yolo_train(yolo)) == 16
    assert any("exclude_unlabeled" in note for note in found.notes)


def yolo_train(yolo):
    return yolo.read("train", train_images_path="train").train.targets


def test_calibration_takes_a_share_of_the_training_images(yolo):
    found = yolo.read("quantization", train_images_path="train", quantization_split=0.25)
    assert len(found.quantization) == 4
    assert set(names(found.quantization)) <= set(names(yolo.read("train", train_images_path="train").train))


def test_calibration_images_need_no_boxes(yolo):
    found = yolo.read("quantization", train_images_path="train", quantization_path="other")
    assert names(found.quantization) == ["o0.png", "o1.png", "o2.png"]
    assert found.class_names == ("cat", "dog")


def test_predicted_images_have_no_labels(yolo):
    found = yolo.read("prediction", prediction_path="other", class_names=("cat",))
    assert names(found.prediction) == ["o0.png", "o1.png", "o2.png"]
    assert found.prediction[0].target is None
    assert names(yolo.read("prediction", prediction_path="other/o1.png").prediction) == ["o1.png"]


def test_predicted_images_may_be_named_by_a_coco_file(coco):
    coco.image("more/e.png")
    coco.document["images"].append({"id": 1, "file_name": "e.png"})
    coco.coco("predict.json", coco.document)
    keys = {"prediction_path": "predict.json", "train_images_path": "more", "val_images_path": "images"}
    keys |= {"train_annotations_path": "boxes.json", "val_annotations_path": "boxes.json"}
    found = coco.read("prediction", **keys)
    assert names(found.prediction) == ["d.png", "c.png", "b.png", "a.png", "e.png"]
    (coco.root / "more" / "e.png").unlink()
    with pytest.raises(DataError, match="1 of 5 images are in none of"):
        coco.read("prediction", **keys)


def test_other_files_cannot_be_predicted(yolo):
    with pytest.raises(DataError, match="neither an image nor a COCO file"):
        yolo.read("prediction", prediction_path="classes.txt")


def test_equal_places_are_read_once(coco):
    keys = {f"{split}_images_path": "images" for split in ("train", "test")}
    keys |= {f"{split}_annotations_path": "boxes.json" for split in ("train", "test")}
    found = coco.read("train", "test", **keys)
    assert len(found.test) == 4
    assert len(found.train) == 3


def test_number_of_classes_is_checked(coco):
    keys = {"train_images_path": "images", "train_annotations_path": "boxes.json"}
    assert coco.read("train", num_classes=3, **keys).class_names == ("dog", "cat", "owl")
    with pytest.raises(DataError, match="num_classes is 2, and there are 3 classes"):
        coco.read("train", num_classes=2, **keys)


def test_classes_that_training_does_not_know_are_refused(coco):
    coco.document["categories"][2]["name"] = "kitten"
    coco.coco("val.json", coco.document)
    keys = {"train_images_path": "images", "train_annotations_path": "boxes.json"}
    keys |= {"val_images_path": "images", "val_annotations_path": "val.json"}
    with pytest.raises(DataError, match=r"val_images_path has boxes of classes that .*train.* does not know: kitten"):
        coco.read("train", "validation", **keys)
    assert len(coco.read("train", "validation", class_names=("dog",), **keys).validation) == 4


def test_classes_of_another_file_keep_their_own_ids(coco):
    coco.document["categories"] = [{"id": 7, "name": "owl"}, {"id": 8, "name": "dog"}]
    coco.document["annotations"] = [{"image_id": 30, "category_id": 8, "bbox": [1, 1, 5, 5]}]
    coco.coco("val.json", coco.document)
    keys = {"train_images_path": "images", "train_annotations_path": "boxes.json"}
    keys |= {"val_images_path": "images", "val_annotations_path": "val.json"}
    found = coco.read("train", "validation", **keys)
    assert found.train.targets[0].category_ids == (3, 17, 90)
    assert found.validation.targets[0].category_ids == (8, 9, 7)
    assert found.validation.targets[0].classes.tolist() == [0]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"train_annotations_path": "train"}, "train_annotations_path has no effect without dataset.train_images_path"),
        ({"train_images_path": "other"}, "in none of the forms that are read"),
        ({"train_images_path": "other", "format": "voc"}, "holds no XML files"),
        ({"train_images_path": "train", "train_annotations_path": "classes.txt", "format": "voc"}, "no folder of XML"),
    ],
)
def test_what_cannot_be_used_is_said(yolo, keys, expected):
    with pytest.raises(DataError, match=expected):
        yolo.read("train", **keys)


def test_repeated_and_unreadable_lists_of_classes_are_refused(yolo):
    with pytest.raises(DataError, match="more than once: cat"):
        yolo.read("train", train_images_path="train", class_names=("cat", "cat"))
    yolo.text("names.txt", "dog\n\n")
    found = yolo.read("train", train_images_path="train", classes_file_path="names.txt")
    assert found.class_names == ("dog",)
