"""Flowers 102 and Food-101 in the layout of their authors, read by their own lists."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from official_files import names, request, write_flowers102
from scipy.io import savemat
from torchvision.datasets import Flowers102 as TorchFlowers102

from zoo_classification.config import OfficialSection
from zoo_classification.data.class_lists import FLOWERS102
from zoo_classification.data.flowers102 import build
from zoo_core.errors import DataError


def ask(base, *splits, **keys):
    section = OfficialSection(data_dir=base, **keys)
    return build(section, request(section, *splits))


def refuse(base, *splits, **keys):
    with pytest.raises(DataError) as caught:
        ask(base, *splits, **keys)
    return str(caught.value)


@pytest.fixture
def flowers(tmp_path):
    labels, ids = write_flowers102(tmp_path / "flowers-102")
    return tmp_path, labels, ids


def numbers(dataset):
    return [int(Path(name).stem.removeprefix("image_")) for name in names(dataset)]


def test_each_split_is_its_own_and_validation_is_not_the_test_set(flowers):
    base, labels, ids = flowers
    data = ask(base)
    for split, key in (("train", "trnid"), ("validation", "valid"), ("test", "tstid")):
        dataset = getattr(data, split)
        assert numbers(dataset) == ids[key]
        assert list(dataset.targets) == [labels[number - 1] - 1 for number in ids[key]]
        assert data.sources[split].startswith(f"the {split} images")
    assert numbers(data.quantization) == ids["trnid"]
    assert numbers(data.prediction) == ids["tstid"]


def test_same_images_and_labels_as_torchvision(flowers, monkeypatch):
    base, _, _ = flowers
    monkeypatch.setattr(TorchFlowers102, "_check_integrity", lambda self: True)
    data = ask(base)
    for split, name in (("train", "train"), ("validation", "val"), ("test", "test")):
        reference, own = TorchFlowers102(base, split=name), getattr(data, split)
        assert len(reference) == len(own)
        for index, (image, label) in enumerate(reference):
            np.testing.assert_array_equal(np.asarray(own[index].image), np.asarray(image))
            assert own.targets[index] == label
    assert data.class_names == tuple(TorchFlowers102.classes)


def test_own_validation_split_comes_before_a_share(flowers):
    base, _, ids = flowers
    data = ask(base, "train", "validation", validation_split=0.5)
    assert numbers(data.train) == ids["trnid"]
    assert data.notes == ("dataset.validation_split has no effect beside the validation images of Flowers102.",)


def test_validation_path_may_be_the_official_folder_of_another_place(flowers, tmp_path):
    base, _, _ = flowers
    _, ids = write_flowers102(tmp_path / "other", images=40)
    data = ask(base, "train", "validation", validation_path=tmp_path / "other")
    assert numbers(data.validation) == ids["valid"]
    assert Path(data.validation.name(0)).parent == tmp_path / "other" / "jpg"


def test_data_dir_may_be_the_folder_itself_or_the_other_spelling(flowers):
    base, _, ids = flowers
    assert numbers(ask(base / "flowers-102", "test").test) == ids["tstid"]
    (base / "flowers-102").rename(base / "flower-102")
    assert numbers(ask(base, "test").test) == ids["tstid"]


def test_classes_in_the_order_of_a_file(flowers, tmp_path):
    base, labels, ids = flowers
    listed = tmp_path / "labels.txt"
    listed.write_text("\n".join(FLOWERS102[::-1]))
    data = ask(base, "test", classes_file_path=listed)
    assert data.class_names == FLOWERS102[::-1]
    assert list(data.test.targets) == [101 - (labels[number - 1] - 1) for number in ids["tstid"]]


@pytest.mark.parametrize("name", ["setid.mat", "jpg"])
def test_absent_parts_are_named_with_the_layout(flowers, name):
    base = flowers[0]
    (base / "flowers-102" / name).rename(base / "elsewhere")
    message = refuse(base, "train")
    assert f"{base / 'flowers-102'} lacks {name}" in message
    assert "└── setid.mat" in message


def test_absent_images_are_named(flowers):
    base, _, ids = flowers
    for number in ids["tstid"][:2]:
        (base / "flowers-102" / "jpg" / f"image_{number:05d}.jpg").unlink()
    message = refuse(base, "test")
    assert f"lacks 2 of {len(ids['tstid'])} images" in message
    assert f"image_{ids['tstid'][0]:05d}.jpg" in message
    assert len(ask(base, "train").train) == 10


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"labels": np.array([[0, 1]], np.uint8)}, "numbers from 0 to 1, expected 1 to 102"),
        ({"labels": np.array([[1, 103]], np.uint8)}, "expected 1 to 102"),
        ({"labels": np.array([[1.5]])}, "no whole numbers"),
        ({"other": np.array([[1]])}, 'cannot be read as a Matlab file with "labels"'),
    ],
)
def test_labels_that_are_none_are_refused(flowers, content, words):
    savemat(flowers[0] / "flowers-102" / "imagelabels.mat", content)
    assert words in refuse(flowers[0], "train")


def test_damaged_matlab_files_are_refused(flowers):
    path = flowers[0] / "flowers-102" / "setid.mat"
    content = path.read_bytes()
    for end in (0, 50, 130, len(content) - 30):
        path.write_bytes(content[:end])
        assert f"{path} cannot be read as a Matlab file" in refuse(flowers[0], "test")


def test_splits_hold_every_class_they_have(flowers):
    data = ask(flowers[0])
    assert sum(Counter(data.train.targets).values()) == 10
