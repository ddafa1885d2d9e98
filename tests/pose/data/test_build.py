"""Splits come from where ST's documents say, and the names of keypoints stand as classes."""

import pytest

from zoo_core.data.inspection.labels import LabelInspection
from zoo_core.data.shapes.skeleton import KEYPOINTS
from zoo_core.errors import DataError, UserError
from zoo_core.protocols import PREDICTION, QUANTIZATION, TEST, TRAIN, VALIDATION
from zoo_pose.config import PoseDatasetSection

LINE = [0, 0.5, 0.5, 0.5, 0.5, *([0.5, 0.5, 1] * 17)]


def names(dataset):
    return [dataset.name(index).rpartition("/")[2] for index in range(len(dataset))]


@pytest.fixture
def yolo(folder):
    for number in range(20):
        folder.pose(f"train/{number:02d}", LINE, size=(8, 8))
    for number in range(3):
        folder.pose(f"val/v{number}", LINE, size=(8, 8))
        folder.image(f"other/o{number}.png", (8, 8))
    return folder


def test_a_fifth_of_the_training_images_validates_and_tests(yolo):
    found = yolo.read(TRAIN, VALIDATION, TEST, training_path="train")
    assert (len(found.train), len(found.validation)) == (16, 4)
    assert sorted(names(found.train) + names(found.validation)) == [f"{number:02d}.png" for number in range(20)]
    assert names(found.test) == names(found.validation)
    assert found.sources[VALIDATION] == "20 % of dataset.training_path"
    assert found.class_names == KEYPOINTS
    assert isinstance(found.train, LabelInspection)


def test_seed_and_share_decide(yolo):
    keys = {"training_path": "train", "validation_split": 0.5}
    first = names(yolo.read(VALIDATION, seed=1, **keys).validation)
    assert len(first) == 10
    assert first == names(yolo.read(TRAIN, VALIDATION, seed=1, **keys).validation)
    assert first != names(yolo.read(VALIDATION, seed=2, **keys).validation)


def test_own_validation_set_is_used_and_training_is_not_read_for_it(yolo):
    yolo.text("train/00.txt", "nonsense")
    found = yolo.read(VALIDATION, TEST, training_path="train", validation_path="val", validation_split=0.3)
    assert names(found.validation) == names(found.test) == ["v0.png", "v1.png", "v2.png"]
    assert any("validation_split has no effect" in note for note in found.notes)


def test_calibration_images_come_from_training_or_their_own_folder(yolo):
    found = yolo.read(QUANTIZATION, training_path="train", validation_path="val", quantization_split=0.25)
    assert len(found.quantization) == 5
    found = yolo.read(QUANTIZATION, quantization_path="other", keypoints=13)
    assert names(found.quantization) == ["o0.png", "o1.png", "o2.png"]
    assert found.class_names[0] == "head"


def test_prediction_takes_folders_images_and_coco_files(yolo):
    assert names(yolo.read(PREDICTION, prediction_path="other").prediction) == ["o0.png", "o1.png", "o2.png"]
    found = yolo.read(PREDICTION, prediction_path="other/o1.png", keypoints=21)
    assert found.prediction[0].target is None
    assert len(found.class_names) == 21
    yolo.coco("other/list.json", [(1, "o2.png"), (2, "v0.png")], [])
    found = yolo.read(PREDICTION, prediction_path="other/list.json", validation_path="val")
    assert names(found.prediction) == ["o2.png", "v0.png"]
    assert found.class_names == KEYPOINTS
    with pytest.raises(DataError, match="1 images are in none of"):
        yolo.read(PREDICTION, prediction_path="other/list.json")
    with pytest.raises(DataError, match="nothing that images are read from"):
        yolo.read(PREDICTION, prediction_path="val/v0.txt")


def test_prediction_takes_videos(yolo):
    pytest.importorskip("av")
    yolo.text("movie.mp4", "nothing")
    with pytest.raises(DataError, match="cannot be read as a video"):
        yolo.read(PREDICTION, prediction_path="movie.mp4")
    with pytest.raises(DataError, match="nothing that images are read from"):
        yolo.read(QUANTIZATION, quantization_path="movie.mp4")


def test_class_names_of_st_are_put_aside(yolo):
    found = yolo.read(VALIDATION, validation_path="val", class_names=("person",), dataset_name="coco")
    assert found.class_names == KEYPOINTS
    assert any("dataset.class_names (person) is put aside" in note for note in found.notes)


def test_class_names_of_the_right_number_name_the_keypoints(yolo):
    own = tuple(f"point {number}" for number in range(17))
    found = yolo.read(VALIDATION, validation_path="val", class_names=own)
    assert found.class_names == own
    assert found.validation.skeleton.pairs == ()
    assert any("are not those that are known by that number" in note for note in found.notes)


def test_numbers_of_splits_must_agree(yolo):
    yolo.image("c/1.png")
    row = {"image_id": 1, "bbox": [1, 1, 5, 5], "keypoints": [1, 1, 2, 3, 3, 2]}
    yolo.coco("c/c.json", [(1, "1.png")], [row], ("a", "b"))
    with pytest.raises(DataError, match=r"has 2 keypoints, and by dataset\.training_path a pose has 17"):
        yolo.read(TRAIN, VALIDATION, training_path="train", validation_path="c")


def test_wrong_section_and_wrong_places_are_user_errors(yolo):
    with pytest.raises(UserError, match="sigmas has 2 numbers"):
        yolo.read(VALIDATION, validation_path="val", sigmas=(0.1, 0.2))
    with pytest.raises(DataError, match=r"is not a \.csv file, and the form is csv"):
        yolo.read(VALIDATION, validation_path="val", format="csv")
    with pytest.raises(DataError, match="neither a folder of images nor a file of annotations"):
        yolo.read(VALIDATION, validation_path="val/v0.txt")
    with pytest.raises(DataError, match="in none of the forms"):
        yolo.read(VALIDATION, validation_path="other")
    (yolo.root / "nothing").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        yolo.read(VALIDATION, validation_path="nothing", format="yolo")


def test_training_without_a_labelled_keypoint_is_refused(folder):
    folder.pose("train/1", [0, 0.5, 0.5, 0.5, 0.5, 0, 0, 0])
    folder.pose("train/2")
    with pytest.raises(DataError, match="not one training image has a labelled keypoint"):
        folder.read(TRAIN, VALIDATION, training_path="train")


def test_one_image_cannot_be_divided(folder):
    folder.pose("train/1", LINE)
    with pytest.raises(DataError, match="leads to one image"):
        folder.read(TRAIN, training_path="train")


def test_section_says_what_is_missing(tmp_path):
    section = PoseDatasetSection(val_annotations_path=tmp_path / "a.csv")
    assert section.missing_for({TRAIN, VALIDATION, TEST, QUANTIZATION, PREDICTION}) == [
        "training_path or train_images_path is needed for training",
        "prediction_path is needed for prediction",
    ]
