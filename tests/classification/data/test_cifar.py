"""CIFAR-10 and CIFAR-100 in their official batches: every image once, where its authors put it."""

import pickle
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from official_files import arrays, names, pixels, python2_pickle, request, sent, write_cifar10, write_cifar100

from zoo_classification.config import Cifar100Section, OfficialSection
from zoo_classification.data.cifar import build_cifar10, build_cifar100
from zoo_classification.data.class_lists import CIFAR100_COARSE, CIFAR100_FINE
from zoo_core.errors import DataError
from zoo_core.protocols import ImageDataset


@pytest.fixture(params=["python", "binary"])
def cifar10(request, tmp_path):
    binary = request.param == "binary"
    folder = tmp_path / ("cifar-10-batches-bin" if binary else "cifar-10-batches-py")
    return SimpleNamespace(base=tmp_path, folder=folder, batches=write_cifar10(folder, binary=binary))


@pytest.fixture(params=["python", "binary"])
def cifar100(request, tmp_path):
    binary = request.param == "binary"
    written = write_cifar100(tmp_path / ("cifar-100-binary" if binary else "cifar-100-python"), binary=binary)
    return SimpleNamespace(base=tmp_path, files=written)


def ask(section, *splits, **more):
    return build_cifar10(section, request(section, *splits, **more))


def ask_100(base, *splits, **keys):
    section = Cifar100Section(data_dir=base, **keys)
    return build_cifar100(section, request(section, *splits))


def refuse(section, *splits):
    with pytest.raises(DataError) as caught:
        ask(section, *splits)
    return str(caught.value)


def test_training_batches_are_divided_and_the_test_batch_is_the_test_set(cifar10):
    data = ask(OfficialSection(data_dir=cifar10.base))
    assert (len(data.train), len(data.validation), len(data.test)) == (40, 10, 10)
    assert Counter(data.validation.targets) == dict.fromkeys(range(10), 1)
    together = [*names(data.train), *names(data.validation), *names(data.test)]
    assert len(set(together)) == 60
    assert data.class_names[:3] == ("airplane", "automobile", "bird")
    assert data.sources["validation"] == "20 % of the train images of CIFAR-10"
    assert data.notes == ()


def test_pixels_and_labels_are_those_of_the_batches(cifar10):
    test = ask(OfficialSection(data_dir=cifar10.base), "test").test
    stored, labels = cifar10.batches["test_batch"]
    assert list(test.targets) == labels
    assert isinstance(test, ImageDataset)
    for row, image in enumerate(arrays(test)):
        red, green, blue = stored[row].reshape(3, 32, 32)
        np.testing.assert_array_equal(image, np.dstack([red, green, blue]))
    sample = test[3]
    assert (sample.image.mode, sample.image.size) == ("RGB", (32, 32))
    assert sample.path == test.name(3)
    assert sample.path.endswith("/00003")


def test_order_of_the_five_batches_is_kept(cifar10):
    data = ask(OfficialSection(data_dir=cifar10.base, validation_path=cifar10.base), "train").train
    expected = [label for number in range(1, 6) for label in cifar10.batches[f"data_batch_{number}"][1]]
    assert list(data.targets) == expected
    np.testing.assert_array_equal(
        arrays(data)[37], cifar10.batches["data_batch_4"][0][7].reshape(3, 32, 32).transpose(1, 2, 0)
    )


def test_pixels_stay_on_the_disk_and_do_not_travel_to_other_processes(cifar10):
    train = ask(OfficialSection(data_dir=cifar10.base), "train").train
    assert not train.in_memory
    arrived, size = sent(train)
    assert size < 20_000 < 50 * 3072
    np.testing.assert_array_equal(arrays(arrived), arrays(train))


def test_pickle_that_does_not_hold_the_pixels_byte_for_byte_is_kept_in_memory(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    data = pixels(0, 10, 3072)
    (folder / "test_batch").write_bytes(pickle.dumps({"data": data, "labels": list(range(10))}, protocol=0))
    test = ask(OfficialSection(data_dir=tmp_path), "test").test
    assert test.in_memory
    np.testing.assert_array_equal(arrays(test)[4], data[4].reshape(3, 32, 32).transpose(1, 2, 0))
    np.testing.assert_array_equal(arrays(sent(test)[0]), arrays(test))


def test_st_names_the_folder_of_the_batches_as_training_path(cifar10):
    data = ask(OfficialSection(training_path=cifar10.folder))
    assert (len(data.train), len(data.validation), len(data.test)) == (40, 10, 10)


def test_st_validates_on_the_test_batch_when_its_folder_is_the_validation_path(cifar10):
    data = ask(OfficialSection(data_dir=cifar10.folder, validation_path=cifar10.folder))
    assert len(data.train) == 50
    assert names(data.validation) == names(data.test)
    assert data.sources["validation"] == "the test images of CIFAR-10"


def test_split_follows_share_and_seed(cifar10):
    def held(**keys):
        return names(ask(OfficialSection(data_dir=cifar10.base, **keys), "validation").validation)

    assert len(held(validation_split=0.5)) == 25
    assert held() == held()
    assert held(seed=1) != held(seed=2)


def test_classes_come_in_the_order_of_the_user(cifar10):
    own = ask(OfficialSection(data_dir=cifar10.base), "test")
    backwards = ask(OfficialSection(data_dir=cifar10.base, class_names=own.class_names[::-1]), "test")
    assert backwards.class_names == own.class_names[::-1]
    assert [9 - target for target in backwards.test.targets] == list(own.test.targets)


def test_classes_may_have_other_names(cifar10):
    plane = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    data = ask(OfficialSection(data_dir=cifar10.base, class_names=plane), "test")
    assert data.class_names == plane
    assert list(data.test.targets) == cifar10.batches["test_batch"][1]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("cat", "dog"), "CIFAR-10 has 10 classes, dataset.class_names or its file states 2"),
        ((*"bdefghij", "cat", "dog"), "CIFAR-10 has no class b, d, e, f, g, ... (8 in all)"),
    ],
)
def test_names_that_fit_no_class_are_refused(cifar10, given, words):
    assert words in refuse(OfficialSection(data_dir=cifar10.base, class_names=given), "test")


def test_number_of_classes_must_agree(cifar10):
    assert "num_classes is 5" in refuse(OfficialSection(data_dir=cifar10.base, num_classes=5), "train")


def test_only_the_batches_that_are_needed_must_be_there(cifar10):
    for path in cifar10.folder.glob("data_batch_[35]*"):
        path.unlink()
    assert len(ask(OfficialSection(data_dir=cifar10.base), "test").test) == 10
    message = refuse(OfficialSection(data_dir=cifar10.base), "train")
    assert "lacks data_batch_3" in message
    assert "data_batch_5" in message
    assert "└── cifar-10-batches-py/" in message


def test_folder_without_batches_shows_what_was_expected(tmp_path):
    message = refuse(OfficialSection(data_dir=tmp_path), "train")
    assert f"{tmp_path} holds no files of CIFAR-10" in message
    assert "├── data_batch_1" in message
    assert "data_download: True" in message


def test_truncated_batch_is_named(cifar10):
    path = next(cifar10.folder.glob("test_batch*"))
    path.write_bytes(path.read_bytes()[:-100])
    assert f"{path} is truncated or damaged" in refuse(OfficialSection(data_dir=cifar10.base), "test")


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        ({"data": pixels(0, 2, 3072), "labels": [1, 10]}, "holds the label 10"),
        ({"data": pixels(0, 2, 3072), "labels": [1]}, "2 images and 1 labels"),
        ({"data": pixels(0, 2, 3071), "labels": [1, 2]}, "no array of rows of 3072 bytes"),
        ({"data": pixels(0, 0, 3072), "labels": []}, "no array of rows of 3072 bytes"),
        ({"data": pixels(0, 2, 3072), "fine_labels": [1, 2]}, "no list of labels"),
        ({"data": pixels(0, 2, 3072), "labels": ["a", "b"]}, "no list of labels"),
    ],
)
def test_batch_that_is_none_is_refused(tmp_path, batch, words):
    (tmp_path / "test_batch").write_bytes(python2_pickle(batch))
    assert words in refuse(OfficialSection(data_dir=tmp_path), "test")


def test_fine_labels_unless_the_number_of_classes_says_otherwise(cifar100):
    fine = cifar100.files["test"][1]
    data = ask_100(cifar100.base, "test")
    assert data.class_names == CIFAR100_FINE
    assert list(data.test.targets) == fine
    for keys in ({"num_classes": 20}, {"label_mode": "coarse"}, {"class_names": CIFAR100_COARSE}):
        data = ask_100(cifar100.base, "test", **keys)
        assert data.class_names == CIFAR100_COARSE
        assert list(data.test.targets) == [label // 5 for label in fine]


def test_label_mode_and_number_of_classes_must_agree(cifar100):
    with pytest.raises(DataError, match="num_classes is 20, and there are 100 classes"):
        ask_100(cifar100.base, "train", label_mode="fine", num_classes=20)


def test_training_images_of_cifar100_are_divided(cifar100):
    data = ask_100(cifar100.base, num_classes=20)
    assert (len(data.train), len(data.validation), len(data.test)) == (96, 24, 120)
    np.testing.assert_array_equal(
        np.array(arrays(data.test)).transpose(0, 3, 1, 2).reshape(-1, 3072), cifar100.files["test"][0]
    )


def test_names_are_as_many_as_classes_and_sorted_as_in_the_meta_file():
    assert (len(set(CIFAR100_FINE)), len(set(CIFAR100_COARSE))) == (100, 20)
    assert list(CIFAR100_FINE) == sorted(CIFAR100_FINE)
    assert list(CIFAR100_COARSE) == sorted(CIFAR100_COARSE)
