"""Sets are divided by person or by picture, numbered by the persons of the training, and judged as a whole."""

from collections import Counter

import pytest

from zoo_core.errors import DataError
from zoo_core.protocols import QUANTIZATION


@pytest.fixture
def ten(folder):
    """Write five pictures of each of ten persons, and two of each of three others for queries and gallery."""
    folder.pictures(*(f"train/p{person}_{shot}.png" for person in range(10) for shot in range(5)))
    folder.pictures(*(f"{part}/q{person}_1.png" for part in ("query", "gallery") for person in range(3)))
    folder.pictures("gallery/nobody_1.png")
    return folder


def persons(dataset):
    return {label.identity for label in dataset.targets}


def test_whole_persons_validate_by_default(ten):
    found = ten.read("train", "validation", training_path="train")
    assert len(found.class_names) == 8
    assert found.class_names == tuple(sorted(persons(found.train)))
    assert not persons(found.train) & persons(found.validation)
    assert len(found.train) == 40
    assert len(found.validation) == 10
    assert [found.class_names[label.number] for label in found.train.targets] == [
        label.identity for label in found.train.targets
    ]
    assert {label.number for label in found.validation.targets} == {-1}
    assert found.sources["validation"] == "20 % of the persons of dataset.training_path"


def test_the_division_follows_from_the_seed_alone(ten):
    first = ten.read("train", "validation", training_path="train")
    again = ten.read("train", "validation", training_path="train")
    assert first.class_names == again.class_names
    others = {ten.read("train", "validation", seed=seed, training_path="train").class_names for seed in range(6)}
    assert len(others) > 1


def test_pictures_of_every_person_validate_as_st_does_it(ten):
    keys = {"training_path": "train", "validation_split_by": "image", "validation_split": 0.4}
    found = ten.read("train", "validation", **keys)
    assert len(found.class_names) == 10
    assert Counter(label.identity for label in found.train.targets) == dict.fromkeys(found.class_names, 3)
    assert Counter(label.identity for label in found.validation.targets) == dict.fromkeys(found.class_names, 2)
    assert [found.class_names[label.number] for label in found.validation.targets] == [
        label.identity for label in found.validation.targets
    ]
    assert not set(found.train.paths) & set(found.validation.paths)
    with pytest.raises(DataError, match="no search can be measured"):
        ten.read("train", "validation", training_path="train", validation_split_by="image")  # one picture of each


def test_queries_and_gallery_are_one_set_told_apart_by_role(ten):
    found = ten.read("test", test_query_path="query", test_gallery_path="gallery")
    assert Counter(label.role for label in found.test.targets) == {"query": 3, "gallery": 4}
    assert found.class_names == ()
    assert found.sources["test"] == "dataset.test_query_path and dataset.test_gallery_path"


def test_the_validation_set_stands_in_for_a_test_set(ten):
    found = ten.read("test", training_path="train")
    assert found.validation is None
    assert len(found.test) == 10
    assert {label.role for label in found.test.targets} == {"both"}
    assert any("validation set is searched for among all others" in note for note in found.notes)
    assert found.sources == {"test": "the validation set: 20 % of the persons of dataset.training_path"}


def test_persons_of_the_training_in_a_test_are_noted_and_numbered(ten):
    ten.pictures("query/p0_9.png", "gallery/p0_8.png")
    keys = {"training_path": "train", "validation_path": "gallery"}
    ten.pictures("gallery/q0_2.png")
    found = ten.read("train", "test", **keys, test_query_path="query", test_gallery_path="gallery")
    assert found.class_names == tuple(f"p{person}" for person in range(10))
    assert {label.identity: label.number for label in found.test.targets}["p0"] == 0
    assert any(
        "1 of 4 persons of dataset.test_query_path are also in dataset.training_path: p0" in n for n in found.notes
    )


def test_queries_must_find_somebody_and_not_themselves(ten):
    ten.pictures("lost/z_1.png", "lost/q0_3.png", "strangers/y_1.png")
    found = ten.read("test", test_query_path="lost", test_gallery_path="gallery")
    assert any("1 of 2 queries show persons whom the gallery does not" in note for note in found.notes)
    with pytest.raises(DataError, match=r"not one person of dataset.test_query_path.*show y"):
        ten.read("test", test_query_path="strangers", test_gallery_path="gallery")
    with pytest.raises(DataError, match="share 4 files, which would find themselves"):
        ten.read("test", test_query_path="gallery", test_gallery_path="gallery")
    with pytest.raises(DataError, match=r"dataset\.test_gallery_path is missing beside dataset\.test_query_path"):
        ten.read("test", test_query_path="lost")


def test_stated_persons_restrict_the_training(ten):
    keys = {"training_path": "train", "validation_path": "train"}
    found = ten.read("train", class_names=("p3", "p1"), num_classes=2, **keys)
    assert found.class_names == ("p1", "p3")
    assert len(found.train) == 10
    with pytest.raises(DataError, match="no picture: p77") as caught:
        ten.read("train", class_names=("p3", "p77"), **keys)
    assert "Did you mean p7" in caught.value.hint
    with pytest.raises(DataError, match=r"num_classes is 9, and dataset\.training_path shows 10 persons"):
        ten.read("train", num_classes=9, **keys)


def test_a_training_needs_two_persons(folder):
    folder.pictures("one/a_1.png", "one/a_2.png", "two/a_1.png", "two/a_2.png", "two/b_1.png", "two/b_2.png")
    for place in ("one", "two"):
        with pytest.raises(DataError, match="a training needs 2 persons, and one more for the validation"):
            folder.read("train", "validation", training_path=place)
    found = folder.read("train", training_path="two", validation_path="one")
    assert found.class_names == ("a", "b")
    calibration = folder.read(QUANTIZATION, training_path="one").quantization
    assert len(calibration) == 2


def test_persons_with_one_picture_are_counted(folder):
    folder.pictures("set/a_1.png", "set/b_1.png", "set/b_2.png")
    found = folder.read("train", training_path="set", validation_path="set")
    assert any("1 of 2 training persons have one picture" in note for note in found.notes)
    only = folder.read("validation", validation_path="set")
    assert only.notes == ("dataset.validation_path: 1 of 2 persons have one picture and are not searched for.",)


def test_calibration_goes_round_over_the_persons(ten):
    keys = {"training_path": "train", "validation_path": "train"}
    for share, each in ((0.2, {1}), (0.3, {1, 2}), (0.4, {2}), (0.1, {1})):
        found = ten.read(QUANTIZATION, quantization_split=share, **keys).quantization
        counts = Counter(label.identity for label in found.targets)
        assert sum(counts.values()) == round(50 * share)
        assert set(counts.values()) == each
        assert found.paths == ten.read(QUANTIZATION, quantization_split=share, **keys).quantization.paths
    longer = ten.read(QUANTIZATION, quantization_split=0.5, **keys).quantization
    first = [label.identity for label in longer.targets[:10]]
    assert len(set(first)) == 10
    assert longer.paths[: len(found)] == found.paths
    assert len(ten.read(QUANTIZATION, **keys).quantization) == 50


def test_calibration_takes_pictures_of_nobody(ten):
    ten.pictures("plain/one.png", "plain/two.png", "plain/three.png", "plain/four.png")
    found = ten.read(QUANTIZATION, quantization_path="plain", quantization_split=0.5)
    assert len(found.quantization) == 2
    assert {label.identity for label in found.quantization.targets} == {""}
    assert "drawn in rounds" in found.sources[QUANTIZATION]
    assert ten.read(QUANTIZATION).quantization is None


def test_keys_of_other_use_cases_are_said_to_do_nothing(ten):
    found = ten.read("validation", validation_path="train", test_path="query", prediction_path="query")
    assert sum("has no effect" in note for note in found.notes) == 2
