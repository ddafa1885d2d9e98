"""YOLO's text files are read line by line, and every line that cannot be is named."""

import pytest

from zoo_core.errors import DataError, UnreadableImageError

KEYS = {"format": "yolo", "test_images_path": "test"}


@pytest.fixture
def yolo(folder):
    folder.image("test/a.jpg", (200, 100))
    folder.image("test/b.jpg", (50, 80))
    folder.image("test/c.jpg")
    folder.text("test/a.txt", "1 0.5 0.5 0.25 0.5\n\n0 0.1 0.2 0.2 0.4 0.5 0.5 2\n")
    folder.text("test/b.txt", "0 0.5 0.5 1 1\r\n")
    folder.text("test/classes.txt", "cat\ndog\n")
    return folder


def test_shares_become_pixels(yolo):
    found = yolo.read("test", **KEYS)
    assert found.class_names == ("cat", "dog")
    first, second, third = found.test.targets
    assert first.size == (200, 100)
    assert first.boxes.tolist() == [[75, 25, 125, 75], [0, 0, 40, 40]]
    assert first.classes.tolist() == [1, 0]
    assert second.boxes.tolist() == [[0, 0, 50, 80]]
    assert len(third) == 0
    assert third.size == (64, 48)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("test/obj.names", "owl\nbee\n"),
        ("data.yaml", "nc: 2\nnames: [owl, bee]\n"),
        ("data.yaml", "names: {1: bee, 0: owl}\n"),
    ],
)
def test_class_names_come_from_a_file(yolo, name, text):
    (yolo.root / "test" / "classes.txt").unlink()
    yolo.text(name, text)
    assert yolo.read("test", **KEYS).class_names == ("owl", "bee")


def test_class_names_of_the_configuration_stand_for_the_numbers(yolo):
    (yolo.root / "test" / "classes.txt").unlink()
    assert yolo.read("test", class_names=("x", "y"), **KEYS).class_names == ("x", "y")
    with pytest.raises(DataError, match="Nothing names the classes"):
        yolo.read("test", **KEYS)


def test_class_names_restrict_those_of_a_file(yolo):
    found = yolo.read("test", class_names=("dog",), **KEYS)
    assert [labels.classes.tolist() for labels in found.test.targets] == [[0], [], []]


def test_every_malformed_line_is_named(yolo):
    yolo.text("test/a.txt", "0 0.5 0.5 0.5\n0 0.5 0.5 0.5 0.5\nx 0 0 1 1\n0 120 40 30 30\n-1 0 0 1 1\n0 nan 0 1 1\n")
    yolo.text("test/b.txt", "1.5 0 0 1 1")
    with pytest.raises(DataError, match="6 lines cannot be read") as error:
        yolo.read("test", **KEYS)
    message = str(error.value)
    for place, reason in {
        "a.txt:1": "4 columns, expected 5",
        "a.txt:3": "not numbers: x 0 0 1 1",
        "a.txt:4": "120 40 30 30 are no shares between 0 and 1",
        "a.txt:5": "class -1, expected a whole number from 0 on",
        "a.txt:6": "no shares",
        "b.txt:1": "class 1.5",
    }.items():
        assert f"{place}: " in message
        assert reason in message
    assert "class cx cy w h" in message


def test_class_numbers_beyond_the_names_are_left_out_with_a_note(yolo):
    yolo.text("test/b.txt", "0 0.5 0.5 1 1\n7 0.5 0.5 1 1\n")
    found = yolo.read("test", **KEYS)
    assert len(found.test.targets[1]) == 1
    assert any("class 7" in note for note in found.notes)
    kinds = {finding.kind: finding for finding in found.test.label_findings("test")}
    assert kinds["unknown_class"].problem
    assert "class 7" in kinds["unknown_class"].items[0]


def test_labels_may_lie_in_a_folder_of_their_own(folder):
    folder.image("images/val/x/a.jpg")
    folder.text("labels/val/x/a.txt", "0 0.5 0.5 0.5 0.5")
    folder.text("data.yaml", "names: [cat]")
    found = folder.read("test", test_images_path="images/val")
    assert found.class_names == ("cat",)
    assert len(found.test.targets[0]) == 1


def test_damaged_image_costs_only_itself(yolo):
    yolo.text("test/b.jpg", "no image")
    found = yolo.read("test", **KEYS).test
    assert len(found) == 3
    with pytest.raises(UnreadableImageError, match="not an image"):
        found[1]
    assert found[0].image.size == (200, 100)


def test_older_keys_lead_to_folders(yolo):
    found = yolo.read(
        "train", "validation", "test", dataset_name="darknet_yolo", training_path="test", test_path="test"
    )
    assert (len(found.train), len(found.validation), len(found.test)) == (2, 1, 3)
    assert found.sources["test"] == "dataset.test_path"


def test_names_must_be_counted_from_zero(yolo):
    (yolo.root / "test" / "classes.txt").unlink()
    yolo.text("data.yaml", "names: {1: bee, 2: owl}\n")
    with pytest.raises(DataError, match="expected 0 to 1"):
        yolo.read("test", **KEYS)
