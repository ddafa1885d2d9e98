"""MNIST, Fashion-MNIST and EMNIST by class: the official files, upright and with the right labels."""

import gzip

import numpy as np
import pytest
from official_files import arrays, idx_bytes, names, pixels, request, sent, write_mnist
from scipy.io import savemat
from torchvision import datasets as torchvision_datasets

from zoo_classification.config import OfficialSection
from zoo_classification.data import emnist
from zoo_classification.data.mnist import build_fashion_mnist, build_mnist
from zoo_core.errors import DataError

EMNIST_STEMS = ("emnist-byclass-train", "emnist-byclass-test")


def ask(build, base, *splits, **keys):
    section = OfficialSection(data_dir=base, **keys)
    return build(section, request(section, *splits))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("below", ["", "mnist", "MNIST/raw"])
def test_mnist_lies_in_data_dir_or_in_the_usual_folders_below(tmp_path, packed, below):
    written = write_mnist(tmp_path / "data" / below, packed=packed)
    data = ask(build_mnist, tmp_path / "data")
    assert (len(data.train), len(data.validation), len(data.test)) == (40, 10, 20)
    assert data.class_names == tuple("0123456789")
    images, labels = written["t10k"]
    np.testing.assert_array_equal(arrays(data.test), images)
    assert list(data.test.targets) == labels.tolist()
    assert data.test[0].image.mode == "L"
    assert data.train.in_memory is packed


def test_unpacked_files_with_the_other_spelling_are_found(tmp_path):
    written = write_mnist(tmp_path / "data", packed=False)
    for path in (tmp_path / "data").iterdir():
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    np.testing.assert_array_equal(arrays(ask(build_mnist, tmp_path / "data", "test").test), written["t10k"][0])


def test_image_is_found_again_by_its_name(tmp_path):
    write_mnist(tmp_path / "data")
    test = ask(build_mnist, tmp_path / "data", "test").test
    assert names(test)[12].endswith("t10k-images-idx3-ubyte.gz/00012")
    assert len(set(names(test))) == 20


def test_pixels_do_not_travel_to_other_processes(tmp_path):
    write_mnist(tmp_path / "data", packed=False, train=200)
    train = ask(build_mnist, tmp_path / "data", "train").train
    arrived, size = sent(train)
    assert size < 28 * 28 * len(train) / 10
    np.testing.assert_array_equal(arrays(arrived), arrays(train))


def test_fashion_mnist_has_the_names_of_its_authors(tmp_path):
    write_mnist(tmp_path / "data" / "fashion-mnist")
    data = ask(build_fashion_mnist, tmp_path / "data", "test")
    assert list(data.class_names) == torchvision_datasets.FashionMNIST.classes


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            lambda folder: (folder / "t10k-labels-idx1-ubyte.gz").unlink(),
            "MNIST: {folder} lacks t10k-labels-idx1-ubyte",
        ),
        (
            lambda folder: (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(idx_bytes(pixels(0, 19) % 10)),
            "holds 19 labels, and",
        ),
        (
            lambda folder: (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(idx_bytes(np.full(20, 10, np.uint8))),
            "holds the label 10; the highest of 10 classes is 9",
        ),
        (
            lambda folder: (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(pixels(0, 20)))),
            "begins with 0x00000801",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, damage, words):
    folder = tmp_path / "data"
    write_mnist(folder)
    damage(folder)
    with pytest.raises(DataError) as caught:
        ask(build_mnist, folder, "test")
    assert words.format(folder=folder) in str(caught.value)
    assert len(ask(build_mnist, folder, "train").train) == 40


# ---------------------------------------------------------------- EMNIST


@pytest.fixture
def characters(tmp_path):
    """Write EMNIST as its authors do: column by column; return the upright images and the labels."""
    written = write_mnist(tmp_path / "data", train=124, test=62, stems=EMNIST_STEMS)
    found = {}
    for stem in EMNIST_STEMS:
        upright, labels = written[stem][0], np.arange(len(written[stem][1]), dtype=np.uint8) % 62
        for name, array in (("images-idx3", upright.transpose(0, 2, 1)), ("labels-idx1", labels)):
            (tmp_path / "data" / f"{stem}-{name}-ubyte.gz").write_bytes(gzip.compress(idx_bytes(array.copy())))
        found[stem] = upright, labels
    return tmp_path / "data", found


def test_emnist_is_turned_upright(characters):
    folder, written = characters
    data = ask(emnist.build, folder, "test")
    np.testing.assert_array_equal(arrays(data.test), written["emnist-byclass-test"][0])
    assert list(data.class_names) == torchvision_datasets.EMNIST.classes_split_dict["byclass"]
    assert list(data.test.targets) == list(range(62))


def test_emnist_of_st_leaves_out_small_letters(characters):
    folder, _ = characters
    data = ask(emnist.build, folder, num_classes=36)
    assert data.class_names == tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert list(data.test.targets) == list(range(36))
    assert len(data.train) + len(data.validation) == 72


def test_number_of_classes_follows_from_a_file_of_names_too(characters, tmp_path):
    folder, _ = characters
    listed = tmp_path / "labels.txt"
    listed.write_text("\n".join("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    assert len(ask(emnist.build, folder, "test", classes_file_path=listed).test) == 36


def test_matlab_file_of_emnist_is_the_same_data_set(characters, tmp_path):
    folder, written = characters
    parts = {
        split: {"images": images.transpose(0, 2, 1).reshape(len(images), -1), "labels": labels[:, None]}
        for split, (images, labels) in zip(("train", "test"), written.values(), strict=True)
    }
    (tmp_path / "matlab").mkdir()
    savemat(tmp_path / "matlab" / "emnist-byclass.mat", {"dataset": parts})
    other = ask(emnist.build, tmp_path / "matlab", "test").test
    own = ask(emnist.build, folder, "test").test
    np.testing.assert_array_equal(arrays(other), arrays(own))
    assert list(other.targets) == list(own.targets)
    np.testing.assert_array_equal(arrays(sent(other)[0]), arrays(own))


def test_damaged_matlab_file_is_refused(tmp_path):
    (tmp_path / "emnist-byclass.mat").write_bytes(b"x" * 200)
    with pytest.raises(DataError, match="cannot be read as EMNIST's Matlab file"):
        ask(emnist.build, tmp_path, "train")
