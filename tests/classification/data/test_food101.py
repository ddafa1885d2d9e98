"""Food-101 in the layout of its authors, read by its own lists."""

from pathlib import Path

import numpy as np
import pytest
from official_files import names, request, write_class_folders, write_food101
from torchvision.datasets import Food101 as TorchFood101

from zoo_classification.config import OfficialSection
from zoo_classification.data.food101 import build
from zoo_core.errors import DataError


def ask(section, *splits):
    return build(section, request(section, *splits))


def refuse(base, *splits):
    with pytest.raises(DataError) as caught:
        ask(OfficialSection(data_dir=base), *splits)
    return str(caught.value)


@pytest.fixture
def food(tmp_path):
    return tmp_path, write_food101(tmp_path / "food-101")


def lines(dataset):
    return ["/".join(Path(name).with_suffix("").parts[-2:]) for name in names(dataset)]


def test_share_of_the_training_list_validates_and_the_test_list_tests(food):
    base, lists = food
    data = ask(OfficialSection(data_dir=base))
    assert sorted(lines(data.train) + lines(data.validation)) == sorted(lists["train"])
    assert (len(data.train), len(data.validation)) == (17, 4)
    assert lines(data.test) == lists["test"]
    assert data.class_names == ("apple_pie", "bibimbap", "waffles")


def test_same_images_and_labels_as_torchvision(food):
    base, _ = food
    for split in ("train", "test"):
        # The lists of the real data set name each class in full, which torchvision takes from a JSON file.
        meta = base / "food-101" / "meta"
        entries = (meta / f"{split}.txt").read_text().split()
        by_class = {name: [entry for entry in entries if entry.startswith(name)] for name in ("apple_pie", "bibimbap")}
        (meta / f"{split}.json").write_text(str(by_class).replace("'", '"'))
        reference = TorchFood101(base, split=split)
        section = OfficialSection(data_dir=base, validation_path=base)
        own = getattr(ask(section, split), split)
        for index, (image, label) in enumerate(reference):
            np.testing.assert_array_equal(np.asarray(own[index].image), np.asarray(image))
            assert own.targets[index] == label


def test_classes_in_the_order_of_the_user(food):
    data = ask(OfficialSection(data_dir=food[0], class_names=("waffles", "apple_pie", "bibimbap")), "test")
    assert all(
        data.class_names[target] == line.split("/")[0]
        for target, line in zip(data.test.targets, lines(data.test), strict=True)
    )


def test_class_folders_alone_are_read_as_such(tmp_path):
    root = write_class_folders(tmp_path / "food", {"apple_pie": 5, "waffles": 5})
    data = ask(OfficialSection(training_path=root))
    assert (len(data.train), len(data.validation)) == (8, 2)
    assert names(data.test) == names(data.validation)


@pytest.mark.parametrize("name", ["meta/classes.txt", "meta/train.txt", "images"])
def test_absent_parts_are_named_with_the_layout(food, name):
    base = food[0]
    (base / "food-101" / name).rename(base / "elsewhere")
    message = refuse(base, "train")
    assert f"lacks {Path(name).name}" in message
    assert "├── classes.txt" in message


def test_absent_images_are_named(food):
    base, _ = food
    (base / "food-101" / "images" / "waffles" / "1008.jpg").unlink()
    assert "lacks 1 of 9 images of the split: waffles/1008.jpg" in refuse(base, "test")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pizza/1000", "names classes that are not in meta/classes.txt: pizza"),
        ("waffles", "not of the form class/image"),
        ("../../secret", "not of the form class/image"),
        ("../1000", "not of the form class/image"),
    ],
)
def test_line_that_is_none_is_refused(food, line, words):
    path = food[0] / "food-101" / "meta" / "test.txt"
    path.write_text(f"waffles/1007\n{line}\n")
    assert words in refuse(food[0], "test")


def test_empty_list_is_refused(food):
    (food[0] / "food-101" / "meta" / "test.txt").write_text("\n")
    assert "is empty" in refuse(food[0], "test")
