"""`data_dir` stands for the paths that are not given, and the check of the file says what is missing."""

import pytest

MARKET = (
    "bounding_box_train/0002_c1s1_000451_03.jpg",
    "query/0003_c1s1_000001_00.jpg",
    "bounding_box_test/0003_c2s1_000001_00.jpg",
)
SPORT = ("reid_training/1_1_1.jpeg", "reid_test/query/9_1_0.jpeg", "reid_test/gallery/9_1_1.jpeg")


@pytest.mark.parametrize("inside", ["", "Market-1501-v15.09.15/", "market1501/Market-1501-v15.09.15/"])
def test_market_is_found_where_it_is_unpacked(folder, inside):
    folder.pictures(*(f"data/{inside}{name}" for name in MARKET))
    section = folder.section(data_dir="data", dataset_name="market1501")
    assert section.missing_for(["train", "validation", "test", "quantization"]) == []
    found = folder.read("test", data_dir="data", dataset_name="market1501")
    assert [label.role for label in found.test.targets] == ["query", "gallery"]
    assert found.sources["test"] == (
        f"dataset.data_dir ({inside}query) and dataset.data_dir ({inside}bounding_box_test)"
    )


def test_deepsportradar_is_found_below_raw_with_its_challenge_whose_persons_are_unknown(folder):
    challenge = [f"d/raw/data_reid/reid_challenge/{part}/77_1_{part[0]}.jpeg" for part in ("query", "gallery")]
    folder.pictures(*(f"d/raw/data_reid/{name}" for name in SPORT), *challenge)
    found = folder.read("test", "prediction", data_dir="d", dataset_name="DeepSportradar")
    assert [label.identity for label in found.test.targets] == ["9", "9"]
    assert [label.identity for label in found.prediction.targets] == ["", ""]
    assert [label.role for label in found.prediction.targets] == ["query", "gallery"]


def test_a_folder_of_an_unnamed_data_set_is_looked_through_for_the_usual_names(folder):
    folder.pictures("a/train/1_1.jpg", "a/query/2_1.jpg", "a/gallery/2_2.jpg", *(f"b/{name}" for name in SPORT))
    for place in ("a", "b"):
        assert folder.section(data_dir=place).missing_for(["train", "test"]) == []


def test_given_paths_come_before_those_of_data_dir(folder):
    folder.pictures(*(f"data/{name}" for name in MARKET), "own/0005_c1s1_000001_00.jpg", "own/0006_c1s1_000001_00.jpg")
    found = folder.read(
        "train", data_dir="data", dataset_name="market1501", training_path="own", validation_path="data/query"
    )
    assert found.class_names == ("0005", "0006")


def test_what_is_missing_is_said_for_each_purpose(folder):
    folder.pictures("train/1_1.jpg")
    nothing = folder.section()
    assert len(nothing.missing_for(["train", "validation", "test", "prediction"])) == 4
    assert nothing.missing_for(["quantization"]) == []
    training = folder.section(training_path="train")
    assert training.missing_for(["train", "validation", "test"]) == []
    assert training.missing_for(["prediction"]) == [
        "prediction_query_path and prediction_gallery_path are needed for prediction"
    ]
    half = folder.section(training_path="train", test_query_path="train", prediction_gallery_path="train")
    assert half.missing_for(["test"]) == ["test_gallery_path is needed for evaluation beside test_query_path"]
    assert half.missing_for(["prediction"]) == [
        "prediction_query_path is needed for prediction beside prediction_gallery_path"
    ]


def test_a_data_dir_without_the_parts_is_missing_everything(folder):
    folder.pictures("data/cats/1_1.jpg")
    (text,) = folder.section(data_dir="data", dataset_name="market1501").missing_for(["train"])
    assert "training_path is needed for training" in text
    assert "bounding_box_train" in text
