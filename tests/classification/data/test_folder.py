"""Folder-per-class data: where each split comes from, and what is said when it cannot be used."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from zoo_classification.config import FolderSection, ImageNetSection
from zoo_classification.data.folder import build
from zoo_core.errors import DataError, UnreadableImageError
from zoo_core.protocols import SPLITS, DataRequest


def plant(root, counts, size=(6, 5)):
    """Write a tree of one folder per class; every picture is different."""
    for name, count in counts.items():
        folder = root / name
        folder.mkdir(parents=True)
        for index in range(count):
            pixels = np.random.default_rng([len(name), index, count]).integers(0, 256, (size[1], size[0], 3))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{name}_{index:03d}.png")
    return root


def ask(section, *splits, **more):
    return build(section, DataRequest(splits=frozenset(splits or SPLITS), seed=section.seed, **more))


def names(dataset):
    return [dataset.name(index) for index in range(len(dataset))]


@pytest.fixture
def flowers(tmp_path):
    return plant(tmp_path / "flowers", {"daisy": 20, "rose": 10, "tulip": 10})


def test_fifth_of_training_images_validates_when_no_path_is_given(flowers):
    data = ask(FolderSection(training_path=flowers), "train", "validation", "test")
    assert (len(data.train), len(data.validation)) == (32, 8)
    assert Counter(data.validation.targets) == {0: 4, 1: 2, 2: 2}
    assert set(names(data.train)).isdisjoint(names(data.validation))
    assert data.class_names == ("daisy", "rose", "tulip")
    assert names(data.test) == names(data.validation)
    assert any("stands in" in note for note in data.notes)
    assert data.sources["validation"] == "20 % of dataset.training_path"


def test_split_follows_share_and_seed(flowers):
    def held(**keys):
        return names(ask(FolderSection(training_path=flowers, **keys), "validation").validation)

    assert len(held(validation_split=0.5)) == 20
    assert held() == held()
    assert held(seed=1) != held(seed=2)


def test_same_split_whatever_else_is_asked(flowers):
    section = FolderSection(training_path=flowers)
    assert names(ask(section).train) == names(ask(section, "train").train)
    assert names(ask(section, "test").test) == names(ask(section, "validation").validation)


def test_paths_of_their_own_are_used_whole(tmp_path, flowers):
    validation = plant(tmp_path / "val", {"daisy": 2, "rose": 2, "tulip": 1})
    test = plant(tmp_path / "test", {"daisy": 1, "rose": 1, "tulip": 2})
    data = ask(FolderSection(training_path=flowers, validation_path=validation, test_path=test))
    assert (len(data.train), len(data.validation), len(data.test)) == (40, 5, 4)
    assert data.notes == ()
    section = FolderSection(training_path=flowers, validation_path=validation, test_path=test, validation_split=0.3)
    assert ask(section).notes == ("dataset.validation_split has no effect beside dataset.validation_path.",)


def test_sample_has_image_class_and_path(flowers):
    data = ask(FolderSection(training_path=flowers), "train").train
    sample = data[0]
    assert sample.image.size == (6, 5)
    assert f"/{('daisy', 'rose', 'tulip')[sample.target]}/" in sample.path
    assert sample.path == data.name(0)


def test_calibration_takes_a_share_of_the_training_images(flowers):
    section = FolderSection(training_path=flowers, quantization_split=0.25)
    data = ask(section)
    assert len(data.quantization) == 8
    assert set(names(data.quantization)) <= set(names(data.train))
    assert Counter(data.quantization.targets) == {0: 4, 1: 2, 2: 2}


def test_calibration_folder_may_be_flat_or_by_class(tmp_path, flowers):
    flat = plant(tmp_path, {"calibration": 6}) / "calibration"
    assert len(ask(FolderSection(quantization_path=flat), "quantization").quantization) == 6
    nested = ask(FolderSection(quantization_path=flowers, quantization_split=0.5), "quantization").quantization
    assert Counter(path.split("/")[-2] for path in names(nested)) == {"daisy": 10, "rose": 5, "tulip": 5}


def test_calibration_without_any_images_is_none(tmp_path, flowers):
    assert ask(FolderSection(test_path=flowers), "test", "quantization").quantization is None


def test_prediction_reads_flat_nested_and_single_images(tmp_path, flowers):
    assert len(ask(FolderSection(prediction_path=flowers), "prediction").prediction) == 40
    one = min((flowers / "rose").iterdir())
    data = ask(FolderSection(prediction_path=one), "prediction").prediction
    assert names(data) == [str(one)]
    assert data[0].target is None


def test_prediction_alone_learns_the_names_from_training_folders(flowers):
    data = ask(FolderSection(training_path=flowers, prediction_path=flowers), "prediction")
    assert data.class_names == ("daisy", "rose", "tulip")
    assert data.train is None


def test_class_names_keep_the_order_of_the_user(flowers):
    data = ask(FolderSection(training_path=flowers, class_names=("tulip", "daisy", "rose")))
    assert data.class_names == ("tulip", "daisy", "rose")
    assert all(
        data.class_names[target] in path for target, path in zip(data.train.targets, names(data.train), strict=True)
    )


def test_class_names_come_from_a_text_file(tmp_path, flowers):
    listed = tmp_path / "labels.txt"
    listed.write_text("\ufeffrose\n\ntulip\r\ndaisy\n", encoding="utf-8")
    assert ask(FolderSection(training_path=flowers, classes_file_path=listed)).class_names == ("rose", "tulip", "daisy")


def test_imagenet_layout_with_readable_names(tmp_path):
    root = tmp_path / "imagenet"
    plant(root / "train", {"n01440764": 4, "n01443537": 4})
    plant(root / "val", {"n01440764": 1, "n01443537": 2})
    for data_dir in (tmp_path, root):
        section = ImageNetSection(dataset_name="imagenet", data_dir=data_dir, class_names=("tench", "goldfish"))
        data = ask(section)
        assert data.class_names == ("tench", "goldfish")
        assert (len(data.train), list(data.test.targets)) == (8, [0, 1, 1])


def test_renamed_split_folders_and_test_folder(tmp_path):
    for name in ("learn", "check", "test"):
        plant(tmp_path / name, {"a": 2, "b": 2})
    section = FolderSection(data_dir=tmp_path, train_split="learn", val_split="check")
    data = ask(section)
    assert "/test/" in data.test.name(0)
    assert "/check/" in data.validation.name(0)


def test_hidden_and_other_files_are_left_out(flowers):
    (flowers / ".cache").mkdir()
    (flowers / "daisy" / ".hidden.png").write_bytes(b"x")
    (flowers / "daisy" / "notes.txt").write_text("x")
    (flowers / "README.md").write_text("x")
    data = ask(FolderSection(training_path=flowers))
    assert len(data.train) + len(data.validation) == 40


# ---------------------------------------------------------------- what cannot be used


def refuse(section, *splits, **more):
    with pytest.raises(DataError) as caught:
        ask(section, *splits, **more)
    return str(caught.value)


def test_one_class_is_refused_before_training(tmp_path):
    message = refuse(FolderSection(training_path=plant(tmp_path, {"daisy": 3})), "train")
    assert "one class only (daisy)" in message


def test_no_images_and_no_folders_are_named(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "holds no class folders" in refuse(FolderSection(training_path=tmp_path / "empty"), "train")
    assert "holds no images" in refuse(FolderSection(training_path=plant(tmp_path / "x", {"a": 0, "b": 0})), "train")


def test_folders_that_differ_between_splits_are_all_named(tmp_path, flowers):
    test = plant(tmp_path / "test", {"daisy": 1, "tulips": 1, "rose": 1})
    message = refuse(FolderSection(training_path=flowers, test_path=test))
    assert f"{test} has no folder for tulip" in message
    assert f"{test} has folders of no class: tulips" in message


def test_several_problems_come_in_one_message(tmp_path, flowers):
    (flowers / "rose" / "nested").mkdir()
    Image.new("RGB", (2, 2)).save(flowers / "loose.jpg")
    (flowers / "weed").mkdir()
    message = refuse(FolderSection(training_path=flowers, num_classes=9), "train")
    for words in ("nested", "loose.jpg", "no images in the class folders weed", "num_classes is 9, and there are 4"):
        assert words in message


def test_class_names_that_are_no_folders_are_named(flowers):
    message = refuse(FolderSection(training_path=flowers, class_names=("daisy", "rose", "lily")), "train")
    assert "no folder for lily" in message
    assert "folders of no class: tulip" in message


def test_readable_names_are_for_imagenet_only(flowers):
    assert "no folder for" in refuse(FolderSection(training_path=flowers, class_names=("x", "y", "z")), "train")


def test_class_named_twice_is_refused(flowers):
    assert "more than once: rose" in refuse(FolderSection(training_path=flowers, class_names=("rose", "rose")), "train")


def test_data_dir_without_the_layout_says_what_was_looked_for(tmp_path):
    message = refuse(ImageNetSection(dataset_name="imagenet", data_dir=tmp_path), "train")
    assert "no folders train and val" in message


def test_empty_prediction_folder_is_refused(tmp_path):
    assert "holds no images" in refuse(FolderSection(prediction_path=tmp_path), "prediction")


def test_check_lists_every_bad_file(flowers):
    (flowers / "daisy" / "empty.png").touch()
    good = (flowers / "rose" / "rose_000.png").read_bytes()
    (flowers / "rose" / "cut.png").write_bytes(good[: len(good) // 2])
    (flowers / "tulip" / "page.jpg").write_text("<html>")
    message = refuse(FolderSection(training_path=flowers), "train", "validation", check_image_files=True)
    assert "3 of 43" in message
    for name in ("empty.png", "cut.png", "page.jpg"):
        assert name in message


def test_bad_file_is_found_when_read_and_not_before(flowers):
    (flowers / "daisy" / "aaa.png").touch()
    data = ask(FolderSection(training_path=flowers, validation_path=flowers), "train").train
    index = next(i for i, name in enumerate(names(data)) if name.endswith("aaa.png"))
    with pytest.raises(UnreadableImageError, match=r"aaa\.png: the file is empty"):
        data[index]


@pytest.mark.parametrize("splits", [("train",), ("test",), ("quantization",)])
def test_unneeded_trees_are_not_read(tmp_path, flowers, splits):
    broken = plant(tmp_path / "broken", {"other": 1})
    keys = {"training_path": flowers, "validation_path": flowers, "test_path": flowers}
    unused = {"train": "test_path", "test": "training_path", "quantization": "test_path"}[splits[0]]
    ask(FolderSection(**{**keys, unused: broken}), *splits)


def test_stated_classes_may_be_more_than_a_test_set_has(tmp_path, flowers):
    test = plant(tmp_path / "test", {"rose": 3})
    section = FolderSection(test_path=test, class_names=("daisy", "rose", "tulip"))
    data = ask(section, "test", "validation")
    assert list(data.test.targets) == [1, 1, 1]
    assert any("1 of 3 classes" in note for note in data.notes)
    with_training = FolderSection(training_path=flowers, test_path=test, class_names=("daisy", "rose", "tulip"))
    assert "no folder for daisy, tulip" in refuse(with_training, "train", "test")
    assert "folders of no class: rose" in refuse(FolderSection(test_path=test, class_names=("a", "b")), "test")
